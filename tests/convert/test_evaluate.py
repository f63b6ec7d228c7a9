"""A figure of the workstation is the device's, and is told as a table, a page and two pictures."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from convert import data, report
from convert.evaluate import Evaluation, evaluate
from convert.metrics import measure
from edge.cards import load_card, models_folder
from edge.errors import DataError, ModelError, SettingsError, SinkError
from edge.types import EMOTIONS

# The first test to need it waits for TensorFlow, which on a busy machine takes long.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def silent(line: str) -> None:
    """Say nothing."""


@pytest.fixture
def result() -> Evaluation:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 7, 200)
    scores = rng.random((200, 7)).astype(np.float32)
    scores[np.arange(200), labels] += 0.7
    found = measure(scores / scores.sum(axis=1, keepdims=True), labels, EMOTIONS, "PublicTest")
    return Evaluation("model.tflite", "faces.csv", "ab" * 32, found, None)


@pytest.fixture
def shipped() -> Path:
    return models_folder() / "mini_xception-int8.tflite"


def test_the_shipped_model_is_as_good_as_its_card_says(shipped: Path, fer2013: Path) -> None:
    lines: list[str] = []
    found = evaluate(shipped, fer2013, say=lines.append)
    # 1,200 faces of the card's 3,589
    assert found.metrics.accuracy == pytest.approx(load_card(shipped).accuracy, abs=0.04)
    assert found.metrics.accuracy >= 0.60
    assert "expected calibration error" in lines[0]


def test_faces_that_are_also_trained_on_are_told_apart(shipped: Path, faces_csv: Path, tmp_path: Path) -> None:
    lines = faces_csv.read_text().splitlines()
    twice = [lines[1].replace("Training", "PublicTest")] * 3
    path = tmp_path / "fer2013.csv"
    path.write_text("\n".join([*lines, *twice]))
    said: list[str] = []
    found = evaluate(shipped, path, say=said.append)
    assert found.unseen is not None
    assert (found.metrics.faces, found.unseen.faces) == (45, 42)
    assert "without the 3 faces that are also trained on" in said[0]
    assert evaluate(shipped, faces_csv, say=said.append).unseen is None
    assert "also" not in said[1]


def test_a_split_that_was_trained_on_as_a_whole_is_said(shipped: Path, faces_csv: Path, tmp_path: Path) -> None:
    trained = [line for line in faces_csv.read_text().splitlines() if not line.endswith("PublicTest")]
    again = [line.replace("Training", "PublicTest") for line in trained[1:10]]
    path = tmp_path / "fer2013.csv"
    path.write_text("\n".join([*trained, *again]))
    for split, faces in (("PublicTest", 9), ("Training", 84)):
        said: list[str] = []
        found = evaluate(shipped, path, split=split, folder=tmp_path / "report", say=said.append)
        assert (found.unseen, found.known) == (None, faces)
        assert "Every face of this split is also in the training split" in said[0]
        assert "Every face of this split is also in" in (tmp_path / "report" / "report.md").read_text()


def test_json_and_report_hold_the_figures(shipped: Path, faces_csv: Path, tmp_path: Path) -> None:
    out = tmp_path / "report"
    found = evaluate(shipped, faces_csv, json_file=tmp_path / "found.json", folder=out, say=silent)
    text = json.loads((tmp_path / "found.json").read_text())
    assert text["accuracy"] == found.metrics.accuracy
    assert text["data"]["sha256"] == data.read(faces_csv, (64, 64)).sha256
    assert json.loads((out / "report.json").read_text()) == text
    assert f"**{found.metrics.accuracy:.2%}**" in (out / "report.md").read_text()
    for name in ("confusion.png", "calibration.png"):
        picture = cv2.imread(str(out / name))
        assert picture is not None
        assert min(picture.shape[:2]) > 300
        assert (out / name).stat().st_size < 100_000


def test_the_table_says_everything_in_a_terminals_width(result: Evaluation) -> None:
    text = report.table(result)
    for label in EMOTIONS:
        assert text.count(label) == 3  # its line, its row, its column
    assert max(map(len, text.splitlines())) <= 100


def test_the_models_order_of_labels_may_be_another(
    shipped: Path, tmp_path: Path, picture_folder: Callable[..., Path]
) -> None:
    shipped = shipped.with_name("mini_xception-float32.tflite")  # has no ties, unlike one with 256 steps
    copy = tmp_path / shipped.name
    shutil.copy(shipped, copy)
    card = json.loads(shipped.with_suffix(".json").read_text())
    card["labels"] = list(reversed(EMOTIONS))
    copy.with_suffix(".json").write_text(json.dumps(card))
    each = dict.fromkeys(EMOTIONS, 3)
    folder = picture_folder({"train": each, "test": each})
    straight, turned = (np.array(evaluate(path, folder, say=silent).metrics.confusion) for path in (shipped, copy))
    np.testing.assert_array_equal(turned, straight[:, ::-1])


def test_bad_input_is_refused(
    shipped: Path, faces_csv: Path, tmp_path: Path, picture_folder: Callable[..., Path]
) -> None:
    with pytest.raises(ModelError, match="no such file"):
        evaluate(tmp_path / "none.tflite", faces_csv)
    with pytest.raises(SettingsError, match=r"--input-range: .* has its input from its card; leave the option out"):
        evaluate(shipped, faces_csv, input_range=(0.0, 1.0))
    with pytest.raises(DataError, match="no split PrivateTest"):
        evaluate(shipped, faces_csv, split="PrivateTest")
    with pytest.raises(DataError, match=r"classes are calm, tense, the labels of .* are angry"):
        evaluate(shipped, picture_folder({"": {"calm": 5, "tense": 5}}))
    with pytest.raises(SinkError, match="cannot be made"):
        evaluate(shipped, faces_csv, folder=faces_csv / "report", say=silent)


def test_a_keras_model_is_scored_as_its_tflite(shared: Path, fer2013: Path) -> None:
    found = evaluate(shared / "peers" / "fer2013_mini_XCEPTION.102-0.66.hdf5", fer2013, say=silent)
    assert found.metrics.accuracy == pytest.approx(0.655, abs=0.04)
