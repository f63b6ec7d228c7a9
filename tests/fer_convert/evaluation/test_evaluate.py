"""A figure of the workstation is the device's, for every model that is given."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("sklearn")
pytest.importorskip("matplotlib")

from fer_convert import cli, networks
from fer_convert.data import dataset
from fer_convert.data.faces import resize_faces
from fer_convert.evaluation import report, scored_model
from fer_convert.evaluation.conditions import CONDITIONS, low_light
from fer_convert.evaluation.evaluate import evaluate
from fer_convert.evaluation.metrics import parity
from fer_edge.classifiers.cards import load_card, models_folder
from fer_edge.classifiers.tflite import TfliteClassifier
from fer_edge.classifiers.tta import MirrorAveraging
from fer_edge.errors import DataError, ModelError, SettingsError, SinkError
from fer_edge.types import EMOTIONS, Box

LOW_LIGHT, BLUR = "low light (x 0.25, noise 4)", "blur (sigma 1.2 px)"
AGAINST = "int8 against float32, points of accuracy"


def silent(line: str) -> None:
    """Log nothing."""


def copied(model: Path, folder: Path) -> Path:
    """A copy of `model` and its card in `folder`."""
    shutil.copy(model.with_suffix(".json"), folder)
    return Path(shutil.copy(model, folder))


def rewrite(model: Path, **entries: Any) -> None:
    """Other entries on the card of `model`."""
    card = model.with_suffix(".json")
    card.write_text(json.dumps({**json.loads(card.read_text()), **entries}))


@pytest.fixture
def shipped() -> Path:
    return models_folder() / "mini_xception-int8.tflite"


@pytest.mark.slow
def test_shipped_model_fulfils_its_card(shipped: Path, fer2013: Path) -> None:
    """The accuracy of the int8 file that learned FER2013's labels is what its card says."""
    lines: list[str] = []
    labelled = shipped.with_name("mini_xception_fer2013-int8.tflite")
    found = evaluate(labelled, fer2013, log=lines.append)
    # 1,200 faces of the card's 3,589
    assert found.metrics.accuracy == pytest.approx(load_card(labelled).accuracy, abs=0.04)
    assert found.metrics.accuracy >= 0.64
    assert "expected calibration error" in lines[0]


@pytest.mark.slow
def test_shipped_model_in_camera_conditions(shipped: Path, fer2013: Path) -> None:
    """It loses little in low light and blur."""
    labelled = shipped.with_name("mini_xception_fer2013-int8.tflite")
    rows = evaluate(labelled, fer2013, conditions=True, log=silent).conditions
    # 62 and 64 % on the whole of PublicTest; 1,200 faces are good to 1.4 points (one standard deviation)
    assert cast("float", rows[LOW_LIGHT]) >= 0.585
    assert cast("float", rows[BLUR]) >= 0.6


@pytest.mark.slow
def test_conditions_in_table_json_and_page(shipped: Path, faces_csv: Path, tmp_path: Path) -> None:
    """Every value of --conditions is in the table, in the JSON and on the page, and is the right one."""
    said: list[str] = []
    out = tmp_path / "report"
    found = evaluate(shipped, faces_csv, json_file=tmp_path / "f.json", folder=out, conditions=True, log=said.append)
    assert list(found.conditions) == [
        "accuracy",
        "macro-recall",
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
    plain = evaluate(shipped, faces_csv, log=said.append)
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
    assert rows["macro-F1"] == found.metrics.macro_f1
    assert rows["expected calibration error, 15 bins"] == found.metrics.ece
    assert rows[LOW_LIGHT] == pytest.approx((dark == faces.labels).mean())
    assert rows[AGAINST] == {"points": expected.points, "agreement": expected.agreement}


def test_missing_reference_is_said(shipped: Path, faces_csv: Path, tmp_path: Path) -> None:
    """Without a float32 file beside it the value says so; with another model's, it is refused."""
    copy = copied(shipped, tmp_path)
    said: list[str] = []
    evaluate(copy, faces_csv, conditions=True, json_file=tmp_path / "f.json", log=said.append)
    assert f"{AGAINST}  no mini_xception-float32.tflite beside it\n" in said[0]
    assert json.loads((tmp_path / "f.json").read_text())["conditions"][AGAINST].startswith("no mini_xception-float32")
    reference = copied(shipped.with_name("mini_xception-float32.tflite"), tmp_path)
    rewrite(reference, trained_from={"file": "best.keras", "sha256": "0" * 64})
    with pytest.raises(ModelError, match=r"float32.tflite: of another model than .*int8.tflite; restore both"):
        evaluate(copy, faces_csv, conditions=True)


def test_other_variants_are_named(shipped: Path, faces_csv: Path) -> None:
    """float16 is compared with float32 under its own name; float32 is not compared with itself."""
    said: list[str] = []
    for variant in ("float16", "float32"):
        path = shipped.with_name(f"mini_xception-{variant}.tflite")
        evaluate(path, faces_csv, conditions=True, log=said.append)
    assert "\nfloat16 against float32, points of accuracy  +0.00, both predict the same for " in said[0]
    assert f"{AGAINST}  -\n" in said[1]


@pytest.mark.tensorflow
@pytest.mark.slow
@pytest.mark.timeout(180)
def test_conditions_from_the_command_line(shipped: Path, faces_csv: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`fer-convert evaluate --conditions` prints them."""
    assert cli.main(["evaluate", str(shipped), "--data", str(faces_csv), "--conditions"]) == 0
    assert f"\n{LOW_LIGHT}  " in capsys.readouterr().out


def test_mirror_is_what_the_device_does_in_pictures(shipped: Path, faces_csv: Path) -> None:
    """`--mirror` scores each face as `fer-edge detect` reads it in a single picture."""
    faces = dataset.read(faces_csv, (48, 48)).splits["PublicTest"].pixels[:5]
    device = MirrorAveraging(TfliteClassifier(load_card(shipped)))
    wanted = [device.predict(face, [Box(0, 0, 48, 48)])[0].scores for face in faces]
    model = scored_model.mirror_averaged(scored_model.load_scored_model(shipped))
    np.testing.assert_allclose(model.classify(faces), wanted, atol=1e-6)
    assert np.abs(model.classify(faces) - scored_model.load_scored_model(shipped).classify(faces)).max() > 0.001
    assert evaluate(shipped, faces_csv, mirror=True, log=silent).model.endswith(", with mirror images")


@pytest.mark.tensorflow
@pytest.mark.slow
@pytest.mark.timeout(180)
def test_conditions_of_a_keras_model(
    tiny: str, faces_csv: Path, tmp_path: Path, picture_folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Faces are changed at 48 x 48 and only then resized to the network's size."""
    given: list[NDArray[np.uint8]] = []
    predict = scored_model.predict
    monkeypatch.setattr(scored_model, "predict", lambda model, faces: given.append(faces) or predict(model, faces))
    path = tmp_path / "tiny.keras"
    networks.build(tiny, len(EMOTIONS), (40, 40)).save(path)
    # As `train` writes it: the order of its labels needs no faces to be checked on.
    path.with_suffix(".json").write_text(json.dumps({"labels": EMOTIONS, "training_data": {"name": "faces"}}))
    each = dict.fromkeys(EMOTIONS, 3)
    folder = picture_folder({"train": each, "test": each})
    for source in (faces_csv, folder):
        given.clear()
        rows = evaluate(path, source, conditions=True, log=silent).conditions
        assert len(rows) == 8
        assert rows[AGAINST] == "-"
        # one pass each; what is changed is read at 48 x 48 and only then brought to the network's 40 x 40
        plain, small = (dataset.read(source, size).validation()[1].pixels for size in ((40, 40), (48, 48)))
        expected = [plain, *(resize_faces(change(small), (40, 40)) for change in CONDITIONS.values())]
        np.testing.assert_array_equal(given, expected)


def test_unseen_faces_are_measured_apart(shipped: Path, faces_csv: Path, tmp_path: Path) -> None:
    """Faces that are in the training split, too, are counted and left out of a second accuracy."""
    lines = faces_csv.read_text().splitlines()
    twice = [lines[1].replace("Training", "PublicTest")] * 3
    path = tmp_path / "fer2013.csv"
    path.write_text("\n".join([*lines, *twice]))
    said: list[str] = []
    found = evaluate(shipped, path, log=said.append)
    assert found.unseen is not None
    assert (found.metrics.faces, found.unseen.faces) == (45, 42)
    sentence = f"ccuracy {100 * found.unseen.accuracy:.2f} % without the 3 faces that are also trained on"
    assert f"\na{sentence}\n" in said[0]
    assert f"\nA{sentence}.\n" in report.page(found)
    assert found.as_json()["also_trained_on"] == 3
    assert found.as_json()["unseen"]["accuracy"] == round(found.unseen.accuracy, 4)
    assert evaluate(shipped, faces_csv, log=said.append).unseen is None
    assert "also" not in said[1]


@pytest.mark.slow
def test_split_that_was_trained_on(shipped: Path, faces_csv: Path, tmp_path: Path) -> None:
    """A split whose faces are all in the training split is called no measure of unseen faces."""
    trained = [line for line in faces_csv.read_text().splitlines() if not line.endswith("PublicTest")]
    again = [line.replace("Training", "PublicTest") for line in trained[1:10]]
    path = tmp_path / "fer2013.csv"
    path.write_text("\n".join([*trained, *again]))
    for split, faces in (("PublicTest", 9), ("Training", 84)):
        said: list[str] = []
        found = evaluate(shipped, path, split=split, folder=tmp_path / "report", log=said.append)
        assert (found.unseen, found.also_trained_on) == (None, faces)
        assert "Every face of this split is also in the training split" in said[0]
        assert "Every face of this split is also in" in (tmp_path / "report" / "report.md").read_text()


@pytest.mark.slow
def test_json_and_report_hold_the_figures(shipped: Path, faces_csv: Path, tmp_path: Path) -> None:
    """The JSON file, the page and its plots show the figures that are returned."""
    out = tmp_path / "report"
    found = evaluate(shipped, faces_csv, json_file=tmp_path / "found.json", folder=out, log=silent)
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


def test_labels_in_another_order(shipped: Path, tmp_path: Path, picture_folder: Callable[..., Path]) -> None:
    """A model whose labels are in another order than the data's is measured by their names."""
    shipped = shipped.with_name("mini_xception-float32.tflite")  # has no ties, unlike one with 256 steps
    copy = copied(shipped, tmp_path)
    rewrite(copy, labels=EMOTIONS[1:] + EMOTIONS[:1])
    each = dict.fromkeys(EMOTIONS, 3)
    folder = picture_folder({"train": each, "test": each})
    straight, turned = (np.array(evaluate(path, folder, log=silent).metrics.confusion) for path in (shipped, copy))
    np.testing.assert_array_equal(turned, np.roll(straight, 1, axis=1))


def test_bad_input_is_refused(
    shipped: Path, faces_csv: Path, tmp_path: Path, picture_folder: Callable[..., Path]
) -> None:
    """Each wrong argument is refused with what is wrong with it."""
    with pytest.raises(ModelError, match="no such file"):
        evaluate(tmp_path / "none.tflite", faces_csv)
    with pytest.raises(
        SettingsError, match=r"--input-range: the input of .* is described by its card; leave the option out"
    ):
        evaluate(shipped, faces_csv, input_range=(0.0, 1.0))
    with pytest.raises(DataError, match="no split PrivateTest"):
        evaluate(shipped, faces_csv, split="PrivateTest")
    with pytest.raises(DataError, match=r"classes are a, b, c, d, e, f, g, the labels of .* are angry"):
        evaluate(shipped, picture_folder({"": dict.fromkeys("abcdefg", 2)}))
    with pytest.raises(SinkError, match="cannot be created"):
        evaluate(shipped, faces_csv, folder=faces_csv / "report", log=silent)


@pytest.mark.tensorflow
@pytest.mark.slow
@pytest.mark.timeout(180)
def test_keras_model_is_scored(shared: Path, fer2013: Path) -> None:
    """The published .hdf5 has its published accuracy."""
    found = evaluate(shared / "peers" / "fer2013_mini_XCEPTION.102-0.66.hdf5", fer2013, log=silent)
    assert found.metrics.accuracy == pytest.approx(0.655, abs=0.04)
