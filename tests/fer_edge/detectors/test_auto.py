"""`detector.name = "auto"` takes the best detector that is installed and works, and says why."""

from __future__ import annotations

import hashlib
import sys
import types
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from fer_edge.build import make_detector
from fer_edge.detectors import DETECTORS, auto, files
from fer_edge.detectors.auto import ALWAYS, ORDER, SUFFIXES, choose_detector
from fer_edge.detectors.files import CATALOGUE
from fer_edge.errors import ModelError, SettingsError
from fer_edge.settings import DetectorSettings

Install = Callable[..., Path]
CONTENT = {entry.name: entry.name.encode() * 100 for entry in CATALOGUE}


@pytest.fixture(autouse=True)
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Exception]:
    """Folders of this test's own; detectors that load any file, but raise what stands here under its content's name."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr(files, "SYSTEM_FOLDER", tmp_path / "etc")
    small = (
        replace(entry, bytes=len(CONTENT[entry.name]), sha256=hashlib.sha256(CONTENT[entry.name]).hexdigest())
        for entry in CATALOGUE
    )
    monkeypatch.setattr(auto, "CATALOGUE", tuple(small))
    errors: dict[str, Exception] = {}

    def load(settings: DetectorSettings, *_: object) -> DetectorSettings:
        content = Path(settings.model).read_bytes()
        for name, error in errors.items():
            if content == CONTENT[name]:
                raise error
        return settings

    monkeypatch.setitem(sys.modules, "loads", types.SimpleNamespace(detector=load))  # type: ignore[arg-type]
    for name in ("blazeface", "yunet"):
        monkeypatch.setitem(DETECTORS, name, "loads:detector")
    return errors


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """Puts the file of a detector into a folder, this user's by default."""

    def put(name: str, content: bytes | None = None, system: bool = False) -> Path:
        folder = tmp_path / "etc" if system else files.user_folder()
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / next(entry.file for entry in CATALOGUE if entry.name == name)
        path.write_bytes(CONTENT[name] if content is None else content)
        return path

    return put


def test_haar_needs_nothing() -> None:
    """Whatever else is set stays as it is."""
    settings = DetectorSettings(max_faces=3)
    choice = choose_detector(settings)
    assert choice.why == "haar, because no other is installed"
    assert choice.settings == replace(settings, name="haar")
    assert choice.path == ""


def test_best_one_is_taken(install: Install) -> None:
    """Each that is added in the order from the worst to the best comes before the others."""
    for name in ("blazeface-short", "yunet", "blazeface"):
        path = install(name)
        choice = choose_detector(DetectorSettings(min_face=0.3))
        assert (choice.name, choice.path) == (name, str(path))
        assert choice.why == f"{name}, the best one installed"
        assert choice.settings == DetectorSettings(name=name.partition("-")[0], model=str(path), min_face=0.3)


def test_order_names_every_file() -> None:
    """So that one that is added is not forgotten; none of them is the fake one."""
    assert sorted(ORDER) == sorted(entry.name for entry in CATALOGUE)
    assert ALWAYS in DETECTORS
    assert {*SUFFIXES.values()} == {entry.detector for entry in CATALOGUE}


def test_everybodys_file_is_taken(install: Install) -> None:
    path = install("yunet", system=True)
    assert choose_detector(DetectorSettings()).path == str(path)


@pytest.mark.parametrize("content", [CONTENT["blazeface"][:-1], b"", CONTENT["blazeface"] + b"x", bytes(900)])
def test_damaged_file_is_passed_over(content: bytes, install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    """With one line that names it, what fixes it, and what is used."""
    path, other = install("blazeface", content), install("yunet")
    choice = choose_detector(DetectorSettings())
    assert (choice.path, choice.why) == (str(other), "yunet, the best one that works")
    assert capsys.readouterr().err == (
        f"fer-edge: warning: detector blazeface: {path}: damaged, its sha256 is not that of {path.name}; install it "
        "again with: fer-edge detectors install blazeface; yunet is used instead\n"
    )


def test_damaged_file_hides_no_good_one(install: Install) -> None:
    """The user's is damaged, everybody's is whole."""
    install("blazeface", b"cut off")
    path, said = install("blazeface", system=True), list[str]()
    assert choose_detector(DetectorSettings(), said.append).path == str(path)
    assert [line.partition("blazeface; ")[2] for line in said] == [f"{path} is used instead"]


@pytest.mark.parametrize(
    "error",
    [
        ModelError("detector blazeface: gives what is no number; install it again"),
        RuntimeError("unresolved custom op: 7"),
        AttributeError("module 'cv2' has no attribute 'FaceDetectorYN'"),
        ImportError("libGL.so.1: cannot open shared object file"),
    ],
)
def test_failing_one_is_passed_over(error: Exception, install: Install, broken: dict[str, Exception]) -> None:
    """Whatever its runtime raises."""
    install("blazeface")
    broken["blazeface"] = error
    said: list[str] = []
    choice = choose_detector(DetectorSettings(), said.append)
    assert choice.why == "haar, because none of those installed works"
    (line,) = said
    assert line.startswith("detector blazeface: ")
    assert str(error).removeprefix("detector blazeface: ") in line
    assert line.endswith("; haar is used instead")


def test_unreadable_file_is_passed_over(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    path = install("blazeface")
    path.unlink()
    path.mkdir()
    said: list[str] = []
    assert choose_detector(DetectorSettings(), said.append).name == "haar"
    assert said[0].startswith(f"detector blazeface: {path}: Is a directory; install it again")


def test_names_are_left_alone(install: Install, broken: dict[str, Exception]) -> None:
    """A detector that is named is not tried here: it fails where it is made, and no other one replaces it."""
    install("yunet")
    broken["blazeface"] = ModelError("detector blazeface: no")
    for name in DETECTORS:
        settings = DetectorSettings(name=name, model="x.tflite")
        assert choose_detector(settings)[1:] == (settings, f"{name}, as asked for")
    with pytest.raises(FileNotFoundError):
        make_detector(DetectorSettings(name="blazeface", model="x.tflite"), still=True)


@pytest.mark.parametrize(("model", "name"), [("a/b.tflite", "blazeface"), ("a/b.ONNX", "yunet")])
def test_ending_of_a_model_decides(model: str, name: str, install: Install) -> None:
    """And no installed one replaces it."""
    install("blazeface")
    choice = choose_detector(DetectorSettings(model=model))
    assert choice.settings == DetectorSettings(name=name, model=model)
    assert choice.why == f"{name}, because detector.model ends in {Path(model).suffix}"


@pytest.mark.parametrize("model", ["face.pt", "face", "tflite", "/x.onnx/y"])
def test_other_endings_are_refused(model: str) -> None:
    words = r"does not end in \.tflite \(blazeface\) or \.onnx \(yunet\); set detector\.name to the"
    with pytest.raises(SettingsError, match=words):
        choose_detector(DetectorSettings(model=model))


def test_parts_are_made_with_it(install: Install) -> None:
    path = install("yunet")
    made = make_detector(DetectorSettings(), still=True)
    assert made == DetectorSettings(name="yunet", model=str(path))
