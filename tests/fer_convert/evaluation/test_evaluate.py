"""A figure of the workstation is the device's, and is told as a table, a page and two pictures."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import pytest
from fer_convert import cli, networks
from fer_convert.data import dataset
from fer_convert.evaluation import evaluate as evaluation
from fer_convert.evaluation import report
from fer_convert.evaluation.conditions import CONDITIONS, low_light
from fer_convert.evaluation.evaluate import Evaluation, evaluate
from fer_convert.evaluation.metrics import measure, parity
from fer_edge.classifiers.cards import load_card, models_folder
from fer_edge.classifiers.tflite import TfliteClassifier
from fer_edge.errors import DataError, ModelError, SettingsError, SinkError
from fer_edge.types import EMOTIONS
from numpy.typing import NDArray

# The first test to need it waits for TensorFlow, which on a busy machine takes long.
pytestmark = pytest.mark.timeout(180)


LOW_LIGHT, BLUR = "low light (x 0.25, noise 4)", "blur (sigma 1.2 px)"
AGAINST = "int8 against float32, points of accuracy"


def silent(line: str) -> None:
    """Say nothing."""


def copied(model: Path, folder: Path) -> Path:
    """A copy of `model` and its card in `folder`."""
    shutil.copy(model.with_suffix(".json"), folder)
    return Path(shutil.copy(model, folder))


def rewrite(model: Path, **entries: Any) -> None:
    """Other entries on the card of `model`."""
    card = model.with_suffix(".json")
    card.write_text(json.dumps({**json.loads(card.read_text()), **entries}))


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


@pytest.mark.slow
def test_the_shipped_model_is_as_good_as_its_card_says(shipped: Path, fer2013: Path) -> None:
    lines: list[str] = []
    found = evaluate(shipped, fer2013, say=lines.append)
    # 1,200 faces of the card's 3,589
    assert found.metrics.accuracy == pytest.approx(load_card(shipped).accuracy, abs=0.04)
    assert found.metrics.accuracy >= 0.64
    assert "expected calibration error" in lines[0]


@pytest.mark.slow
def test_the_shipped_model_bears_what_a_camera_does_to_a_face(shipped: Path, fer2013: Path) -> None:
    rows = evaluate(shipped, fer2013, conditions=True, say=silent).conditions
    # 62 and 64 % on the whole of PublicTest; 1,200 faces are good to 1.4 points (one standard deviation)
    assert cast("float", rows[LOW_LIGHT]) >= 0.585
    assert cast("float", rows[BLUR]) >= 0.6


@pytest.mark.slow
def test_conditions_are_rows_of_table_json_and_page(shipped: Path, faces_csv: Path, tmp_path: Path) -> None:
    said: list[str] = []
    out = tmp_path / "report"
    found = evaluate(shipped, faces_csv, json_file=tmp_path / "f.json", folder=out, conditions=True, say=said.append)
    assert list(found.conditions) == [
        "accuracy",
        "macro-F1",
        LOW_LIGHT,
        BLUR,
        "shift (5 right, 4 down of 48)",
        "expected calibration error, 15 bins",
        AGAINST,
    ]
    page = (out / "report.md").read_text()
    assert "on faces that are changed at 48 x 48 pixels" in page
    for name, row in found.conditions.items():
        (line,) = [line for line in said[0].splitlines() if line.startswith(f"{name}  ")]
        text = line[len(AGAINST) + 2 :]  # the longest name, so every value begins here
        assert text == text.strip()
        assert f"| {name} | {text} |" in page
        if isinstance(row, float):
            assert text == f"{100 * row:.2f} %"
    plain = evaluate(shipped, faces_csv, say=said.append)
    assert (plain.metrics, plain.conditions) == (found.metrics, {})
    assert LOW_LIGHT not in said[-1]

    faces = dataset.read(faces_csv, (48, 48)).validation()[1]
    read = {}
    for variant in ("int8", "float32"):
        classifier = TfliteClassifier(load_card(models_folder() / f"mini_xception-{variant}.tflite"))
        read[variant] = classifier.predict_crops(faces.pixels).argmax(axis=1)
    dark = TfliteClassifier(load_card(shipped)).predict_crops(low_light(faces.pixels)).argmax(axis=1)
    expected = parity(read["int8"], read["float32"], faces.labels)
    rows = json.loads((tmp_path / "f.json").read_text())["conditions"]
    assert rows["accuracy"] == found.metrics.accuracy
    assert rows[LOW_LIGHT] == pytest.approx((dark == faces.labels).mean())
    assert rows[AGAINST] == {"points": expected.points, "agreement": expected.agreement}


def test_a_model_that_answers_no_numbers_has_no_accuracy() -> None:
    scores = np.array([[0.9, 0.1], [np.nan, np.nan]], np.float32)
    with pytest.raises(ModelError, match="answers 1 of 2 faces with no numbers"):
        measure(scores, np.array([0, 0]), ("calm", "tense"), "PublicTest")


def test_without_a_float32_file_beside_it_the_row_says_so(shipped: Path, faces_csv: Path, tmp_path: Path) -> None:
    copy = copied(shipped, tmp_path)
    said: list[str] = []
    evaluate(copy, faces_csv, conditions=True, json_file=tmp_path / "f.json", say=said.append)
    assert f"{AGAINST}  no mini_xception-float32.tflite beside it\n" in said[0]
    assert json.loads((tmp_path / "f.json").read_text())["conditions"][AGAINST].startswith("no mini_xception-float32")
    reference = copied(shipped.with_name("mini_xception-float32.tflite"), tmp_path)
    rewrite(reference, trained_from={"file": "best.keras", "sha256": "0" * 64})
    with pytest.raises(ModelError, match=r"float32.tflite: of another model than .*int8.tflite; restore both"):
        evaluate(copy, faces_csv, conditions=True)


def test_other_variants_have_their_name_in_the_row(shipped: Path, faces_csv: Path) -> None:
    said: list[str] = []
    for variant in ("float16", "float32"):
        path = shipped.with_name(f"mini_xception-{variant}.tflite")
        evaluate(path, faces_csv, conditions=True, say=said.append)
    assert "\nfloat16 against float32, points of accuracy  +0.00, both read the same in " in said[0]
    assert f"{AGAINST}  -\n" in said[1]


@pytest.mark.slow
def test_the_command_line_has_the_conditions(
    shipped: Path, faces_csv: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["evaluate", str(shipped), "--data", str(faces_csv), "--conditions"]) == 0
    assert f"\n{LOW_LIGHT}  " in capsys.readouterr().out


@pytest.mark.slow
def test_a_keras_model_is_measured_under_the_conditions_too(
    tiny: str, faces_csv: Path, tmp_path: Path, picture_folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[NDArray[np.uint8]] = []
    predict = evaluation.predict
    monkeypatch.setattr(evaluation, "predict", lambda model, faces: given.append(faces) or predict(model, faces))
    path = tmp_path / "tiny.keras"
    networks.build(tiny, len(EMOTIONS), (40, 40)).save(path)
    each = dict.fromkeys(EMOTIONS, 3)
    folder = picture_folder({"train": each, "test": each})
    for source in (faces_csv, folder):
        given.clear()
        rows = evaluate(path, source, conditions=True, say=silent).conditions
        assert len(rows) == 7
        assert rows[AGAINST] == "-"
        # one pass each; what is changed is read at 48 x 48 and only then brought to the network's 40 x 40
        plain, small = (dataset.read(source, size).validation()[1].pixels for size in ((40, 40), (48, 48)))
        expected = [plain, *(dataset.resized(change(small), (40, 40)) for change in CONDITIONS.values())]
        np.testing.assert_array_equal(given, expected)


def test_faces_that_are_also_trained_on_are_told_apart(shipped: Path, faces_csv: Path, tmp_path: Path) -> None:
    lines = faces_csv.read_text().splitlines()
    twice = [lines[1].replace("Training", "PublicTest")] * 3
    path = tmp_path / "fer2013.csv"
    path.write_text("\n".join([*lines, *twice]))
    said: list[str] = []
    found = evaluate(shipped, path, say=said.append)
    assert found.unseen is not None
    assert (found.metrics.faces, found.unseen.faces) == (45, 42)
    sentence = f"ccuracy {100 * found.unseen.accuracy:.2f} % without the 3 faces that are also trained on"
    assert f"\na{sentence}\n" in said[0]
    assert f"\nA{sentence}.\n" in report.page(found)
    assert found.as_json()["also_trained_on"] == 3
    assert found.as_json()["unseen"]["accuracy"] == round(found.unseen.accuracy, 4)
    assert evaluate(shipped, faces_csv, say=said.append).unseen is None
    assert "also" not in said[1]


@pytest.mark.slow
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
    assert text["data"]["sha256"] == dataset.read(faces_csv, (64, 64)).sha256
    assert json.loads((out / "report.json").read_text()) == text
    assert f"**{100 * found.metrics.accuracy:.2f} %**" in (out / "report.md").read_text()
    for name in ("confusion.png", "calibration.png"):
        picture = cv2.imread(str(out / name))
        assert picture is not None
        assert min(picture.shape[:2]) > 300
        assert (out / name).stat().st_size < 100_000


def test_the_table_says_everything_in_a_terminals_width(result: Evaluation) -> None:
    text = report.table(result)
    figures, _, confused = text.partition("confused most:")
    for label in EMOTIONS:
        assert figures.count(label) == 3  # its line, its row, its column
    assert len(confused.splitlines()) == 6
    assert max(map(len, text.splitlines())) <= 100


def test_table_and_page_name_the_largest_confusions(result: Evaluation) -> None:
    first, *_, last = result.metrics.top_confusions()
    for pair in (first, last):
        line = (
            f"shows {pair.shows}, read as {pair.read_as}: {pair.faces} of {pair.of} faces "
            f"({100 * pair.faces / pair.of:.0f} %)"
        )
        assert f"\n{line}" in report.table(result)
        assert f"\n- {line}\n" in report.page(result)
    assert result.as_json()["top_confusions"][0]["read_as"] == first.read_as
    right = replace(result, metrics=measure(np.eye(7, dtype=np.float32), np.arange(7), EMOTIONS, "PublicTest"))
    assert "onfused most" not in report.table(right) + report.page(right)


def test_the_models_order_of_labels_may_be_another(
    shipped: Path, tmp_path: Path, picture_folder: Callable[..., Path]
) -> None:
    shipped = shipped.with_name("mini_xception-float32.tflite")  # has no ties, unlike one with 256 steps
    copy = copied(shipped, tmp_path)
    rewrite(copy, labels=EMOTIONS[::-1])
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


@pytest.mark.slow
def test_a_keras_model_is_scored_as_its_tflite(shared: Path, fer2013: Path) -> None:
    found = evaluate(shared / "peers" / "fer2013_mini_XCEPTION.102-0.66.hdf5", fer2013, say=silent)
    assert found.metrics.accuracy == pytest.approx(0.655, abs=0.04)
