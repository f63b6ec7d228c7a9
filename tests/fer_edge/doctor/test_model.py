"""The shipped models are whole and read the portrait; one that is not whole, or reads badly, is said."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from fer_edge.classifiers import cards
from fer_edge.classifiers.fake import FakeClassifier
from fer_edge.detectors import face_verifier, files
from fer_edge.doctor import model
from fer_edge.doctor.finding import Context
from fer_edge.errors import ModelError
from fer_edge.service.program import as_root
from fer_edge.types import EMOTIONS


def test_the_shipped_ones_are_well(make_context: Callable[..., Context]) -> None:
    findings = list(model.check(make_context()))
    assert [(finding.name, finding.level) for finding in findings] == [
        ("interpreter", "ok"),
        ("model files", "ok"),
        ("a face read", "ok"),
    ]
    assert "the demo's portrait is happy (" in findings[2].says
    assert " ms a face; found by haar, because no other is installed" in findings[2].says


def test_unusable_detector_is_a_warning(
    make_context: Callable[..., Context], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the command that fixes it; the face is read with the one that works."""
    monkeypatch.setattr(files, "SYSTEM_FOLDER", tmp_path)
    (tmp_path / files.CATALOGUE[0].file).write_bytes(b"cut off")
    *_, warning, prediction = model.check(make_context())
    assert (warning.name, warning.level) == ("detector", "warning")
    assert warning.cure == "fer-edge detectors install blazeface"
    assert warning.says.endswith("; haar is used instead")
    assert (prediction.name, prediction.level) == ("a face read", "ok")
    assert prediction.says.endswith("found by haar, because none of those installed works")


def test_named_detector_must_work(make_context: Callable[..., Context]) -> None:
    *_, finding = model.check(make_context(detector={"name": "yunet"}))
    assert (finding.name, finding.level) == ("a face read", "failure")
    assert finding.cure == "fer-edge detectors install yunet"


def test_a_file_that_was_cut_off(
    make_context: Callable[..., Context], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "models"
    shutil.copytree(cards.models_folder(), folder)
    path = folder / "mini_xception-int8.tflite"
    path.write_bytes(path.read_bytes()[:1000])
    monkeypatch.setattr(cards, "models_folder", lambda: folder)
    _, files, prediction = model.check(make_context(classifier={"variant": "int8"}))
    for finding in (files, prediction):
        assert finding.level == "failure"
        assert "1000 bytes, but its card says" in finding.says
    assert files.cure == model.REINSTALL


def test_damaged_model_of_ones_own_is_installed_again(
    make_context: Callable[..., Context], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upgrade leaves it alone, and reinstalling would, too."""
    for suffix in (".tflite", ".json"):
        shutil.copy(cards.models_folder() / f"mini_xception-int8{suffix}", tmp_path)
    with (tmp_path / "mini_xception-int8.tflite").open("ab") as file:
        file.write(b"?")
    monkeypatch.setattr(cards, "LOCAL_MODELS_FOLDER", tmp_path)
    files = next(found for found in model.check(make_context()) if found.name == "model files")
    assert files.level == "failure"
    assert files.cure == as_root("models install FILE")


def test_damaged_face_verifier(
    make_context: Callable[..., Context], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a model file as well: no detector works without it."""
    folder = tmp_path / "models"
    shutil.copytree(cards.models_folder(), folder)
    path = folder / "detectors" / "face_verifier.tflite"
    path.write_bytes(path.read_bytes()[:1000])
    monkeypatch.setattr(face_verifier, "models_folder", lambda: folder)
    _, files, prediction = model.check(make_context())
    for finding in (files, prediction):
        assert finding.level == "failure"
        assert f"{path}: is damaged" in finding.says
    assert files.cure == model.REINSTALL


def test_no_interpreter(make_context: Callable[..., Context], monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> None:
        raise ModelError("runtime 'auto': no TFLite interpreter can be imported; fix it with: pip install x")

    monkeypatch.setattr(model, "find_runtime", none)
    finding = next(iter(model.check(make_context())))
    assert (finding.level, finding.cure) == ("failure", "pip install x")


def test_wrong_prediction_is_a_warning(make_context: Callable[..., Context], monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that predicts the portrait wrongly is a warning."""
    darkest_first = ("happy", *(emotion for emotion in EMOTIONS if emotion != "happy"))
    monkeypatch.setattr(FakeClassifier, "labels", darkest_first)  # which goes by brightness
    *_, finding = model.check(make_context(classifier={"name": "fake"}))
    assert (finding.name, finding.level) == ("a face read", "warning")
    assert re.match(r"the demo's portrait is (fear|sad) \(70 %\)", finding.says)


def test_ignored_areas_are_the_cameras(make_context: Callable[..., Context]) -> None:
    """`detector.ignore` is about the camera's frame: the portrait's face is found nevertheless."""
    *_, finding = model.check(make_context(detector={"ignore": [[0, 0, 1, 1]]}))
    assert finding.level == "ok"
