"""Four variants that agree, each with a card that is true, or nothing at all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

from fer_convert import backend
from fer_convert.data import dataset
from fer_convert.evaluation.metrics import confidence_bins, expected_error
from fer_convert.export import calibration, class_prior, costs, gate, ground_truth, last_layer, quantize
from fer_convert.training.recipe import Recipe
from fer_edge.classifiers.cards import VARIANTS, load_card, read_model
from fer_edge.classifiers.tflite import TfliteClassifier
from fer_edge.errors import DataError, GateError, ModelError, SettingsError, SinkError
from fer_edge.types import EMOTIONS

# Whichever test comes first waits for TensorFlow to be imported, which takes long on a busy machine.
pytestmark = [pytest.mark.tensorflow, pytest.mark.slow, pytest.mark.timeout(180)]


LEGACY = "peers/fer2013_mini_XCEPTION.102-0.66.hdf5"


def silent(line: str) -> None:
    """Log nothing."""


@pytest.fixture(scope="module")
def trained(train_tiny: Callable[..., Path], faces_csv: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network's best.keras; nobody writes to its folder."""
    recipe = Recipe(network="tiny", size=48, epochs=12, batch=16, learning_rate=0.01, average=0.9)
    return train_tiny(recipe, faces_csv, tmp_path_factory.mktemp("trained") / "tiny")


@pytest.fixture(autouse=True)
def _few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each draw is a conversion, which takes seconds; how one is chosen, test_calibration.py tests."""
    monkeypatch.setattr(calibration, "CALIBRATION_DRAWS", 2)


@pytest.fixture
def open_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network trained for a second has close calls; how it decides them is not what these tests are about."""
    monkeypatch.setattr(gate, "MIN_AGREEMENT", 0.0)
    monkeypatch.setattr(gate, "MAX_ACCURACY_DIFFERENCE", 1.0)


@pytest.mark.usefixtures("open_gate")
def test_cards_are_true(trained: Path, faces_csv: Path, tmp_path: Path) -> None:
    """Each variant's card has the sha256, labels, size and figures of its file."""
    out = tmp_path / "models"
    written = quantize.quantize(trained, faces_csv, out, log=silent)
    assert [path.name for path in written] == [f"tiny-{variant}.tflite" for variant in VARIANTS]
    assert {path.suffix for path in out.iterdir()} == {".tflite", ".json"}
    faces = dataset.read(faces_csv, (48, 48)).validation()[1]
    for path, variant in zip(written, VARIANTS, strict=True):
        card = load_card(path)
        assert hashlib.sha256(read_model(card)).hexdigest() == card.sha256
        assert (card.name, card.model, card.variant) == (f"tiny-{variant}", "tiny", variant)
        assert (card.labels, card.size) == (EMOTIONS, (48, 48))
        assert card.dtype == ("uint8" if variant == "int8" else "float32")
        read = TfliteClassifier(card).predict_crops(faces.pixels)
        assert float((read.argmax(axis=1) == faces.labels).mean()) == pytest.approx(card.accuracy, abs=1e-4)
        text = json.loads(path.with_suffix(".json").read_text())
        assert text["training_data"]["faces"] == 84
        assert text["metrics"]["split"] == "PublicTest"
        assert text["measured_on"] == {"name": "fer2013.csv", "sha256": text["training_data"]["sha256"]}
        assert set(text["variants"]) == set(VARIANTS)
        assert "usual_entropy" not in text
        assert text["multiply_adds"] > 0
        assert text["trained_from"]["sha256"] == hashlib.sha256(trained.read_bytes()).hexdigest()
        if variant == "int8":
            assert text["quantization"]["input"] == [1.0, 0]
            assert text["quantization"]["calibration_faces"] >= 14


@pytest.mark.usefixtures("open_gate")
def test_other_data_and_renamed_network(
    trained: Path, faces_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other data than the training's is said; the costs are those of the architecture, not of the name."""
    monkeypatch.setitem(costs.COSTS, "tiny", {"runtime": {"x86_64": {"float32": 1.0}}})
    other, lines = tmp_path / "other.csv", []
    other.write_text(faces_csv.read_text() + faces_csv.read_text().splitlines()[-1] + "\n")
    first, *_ = quantize.quantize(trained, other, tmp_path / "models", name="renamed", log=lines.append)
    assert any("other.csv is not the data that" in line for line in lines)
    text = json.loads(first.with_suffix(".json").read_text())
    assert text["measured_on"]["sha256"] != text["training_data"]["sha256"]
    assert text["cost"] == {"runtime": {"x86_64": 1.0}}


def doubtful(rows: list[list[Any]]) -> list[list[Any]]:
    """People are divided over the first of every four faces, and over the others eight in ten are of one mind."""
    for number, row in enumerate(rows):
        counts = [8 if count >= 500 else 0 for count in row[2:]]
        others = [place for place in range(7) if not counts[place]]
        for place in (others[number % 6], others[(number + 1) % 6]):
            counts[place] += 1
        row[2:] = counts if number % 4 else [4 if count else 0 for count in counts]
        if not number % 4:
            row[2 + others[0]] = row[2 + others[1]] = 4
            row[2 + others[2]] = 0
    return rows


@pytest.mark.usefixtures("open_gate")
def test_votes_are_measured_on(trained: Path, faces_csv: Path, tmp_path: Path, make_votes: Callable[..., Path]) -> None:
    """The card's figures are those of the consensus faces, and it says so, and what the model learned from."""
    people, lines = make_votes(faces_csv, doubtful), []
    written = quantize.quantize(trained, faces_csv, tmp_path / "models", log=lines.append, votes=people)
    assert (
        f"warning: {trained} learned from labels; it is measured and calibrated on the votes of {people.name}" in lines
    )
    data = dataset.read(faces_csv, (48, 48))
    truth = ground_truth.of_votes(people, data)
    assert 25 < len(truth.validation) < 35
    for path in written:
        card, text = load_card(path), json.loads(path.with_suffix(".json").read_text())
        read = TfliteClassifier(card).predict_crops(truth.validation.pixels)
        right = read.argmax(axis=1) == truth.validation.labels
        recalls = [right[truth.validation.labels == label].mean() for label in range(7)]
        assert (text["metrics"]["split"], text["metrics"]["faces"]) == ("the consensus faces of PublicTest", len(right))
        assert card.accuracy == pytest.approx(right.mean(), abs=1e-4)
        assert text["metrics"]["macro_recall"] == pytest.approx(np.mean(recalls), abs=1e-4)
        assert text["measured_on"]["votes"] == truth.votes
        said = truth.validation_votes
        assert said is not None
        shares = said.counts[np.arange(len(read)), read.argmax(axis=1)] / said.totals
        error = expected_error(confidence_bins(read.max(axis=1), shares))
        assert text["metrics"]["ece"] == pytest.approx(error, abs=1e-4)
        assert abs(error - expected_error(confidence_bins(read.max(axis=1), right))) > 0.001
        assert card.learned_from == "labels"
        assert card.prior is not None
        assert card.prior.share == class_prior.DEFAULT_VOTES_PRIOR
        assert card.prior.frequencies == pytest.approx(truth.frequencies.tolist(), rel=1e-5)


@pytest.mark.usefixtures("open_gate")
def test_prior_on_the_device_is_exact(
    trained: Path, faces_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Converted with 0.7 and set to 1 on the device, a model predicts as converted with 1."""
    monkeypatch.setattr(last_layer, "fit_temperature", lambda *_: 0.8)  # which depends on the prior, else
    head, *rows = faces_csv.read_text().splitlines(keepends=True)
    skewed = tmp_path / "skewed.csv"  # with two training faces of class 1, and twelve of each other
    common = [row for row in rows if not (row.startswith("1,") and "Training" in row)]
    skewed.write_text(head + "".join(common + [row for row in rows if row not in common][:2]))
    out = {
        prior: quantize.quantize(trained, skewed, tmp_path / f"p{prior}", log=silent, prior=prior)
        for prior in (0.7, 1.0)
    }
    faces = dataset.read(faces_csv, (48, 48)).validation()[1].pixels
    for number, limit in ((0, 1e-4), (3, 0.03)):  # float32, and int8 with its steps of 1/256
        changed, wanted = (load_card(out[prior][number]) for prior in (0.7, 1.0))
        expected = TfliteClassifier(wanted).predict_crops(faces)
        assert np.abs(TfliteClassifier(changed).predict_crops(faces) - expected).max() > 3 * limit
        np.testing.assert_allclose(TfliteClassifier(changed, prior=1.0).predict_crops(faces), expected, atol=limit)


@pytest.mark.timeout(300)
def test_legacy_model_converts(shared: Path, fer2013: Path, tmp_path: Path) -> None:
    """The published .hdf5 keeps its published accuracy in all variants."""
    quantize.quantize(shared / LEGACY, fer2013, tmp_path, name="legacy", log=silent)
    cards = {variant: load_card(tmp_path / f"legacy-{variant}.json") for variant in VARIANTS}
    for card in cards.values():
        # 65.5 % on the whole of PublicTest; 1,200 faces are good to 1.4 points (one standard deviation)
        assert card.accuracy == pytest.approx(0.655, abs=0.04)
    assert abs((cards["int8"].accuracy or 0) - (cards["float32"].accuracy or 0)) <= gate.MAX_ACCURACY_DIFFERENCE + 1e-9
    assert cards["int8"].bytes < cards["float16"].bytes < cards["float32"].bytes


# --- refusals ---


def test_refused_model_is_not_written(
    trained: Path, faces_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the gate refuses the model, the output folder is not even created."""
    monkeypatch.setattr(gate, "MIN_AGREEMENT", 1.01)
    with pytest.raises(GateError, match=r"agree on \d+\.\d\d% of 42 faces"):
        quantize.quantize(trained, faces_csv, tmp_path / "models", log=silent)
    assert not (tmp_path / "models").exists()


def test_staging_folder_cannot_be_written(
    trained: Path, faces_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A temporary folder that cannot be written is one line with the way out."""
    monkeypatch.setattr(quantize.tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(SinkError, match=r"gone: cannot be written \(No such file.*make room, or set TMPDIR"):
        quantize.quantize(trained, faces_csv, tmp_path / "models", log=silent)


def test_other_backend_is_refused_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """KERAS_BACKEND=torch is refused before the model is even looked for."""
    monkeypatch.setattr(backend.keras().backend, "backend", lambda: "torch")
    with pytest.raises(SettingsError, match=r"KERAS_BACKEND=torch: converting needs KERAS_BACKEND=tensorflow"):
        quantize.quantize(tmp_path / "none.keras", tmp_path / "none.csv", tmp_path)


@pytest.mark.usefixtures("open_gate")
def test_name_is_that_of_the_run(
    trained: Path, faces_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """best.keras, given from inside the run folder, has the run's name."""
    monkeypatch.chdir(trained.parent)
    written = quantize.quantize(Path("best.keras"), faces_csv, tmp_path / "models", log=silent)
    assert written[0].name == "tiny-float32.tflite"


def test_data_with_other_classes(shared: Path, tmp_path: Path, picture_folder: object) -> None:
    """The data must have the classes of the model."""
    folder = picture_folder({"": {"calm": 5, "tense": 5}})  # type: ignore[operator]
    with pytest.raises(DataError, match=r"classes are calm, tense, the labels of .* are not known"):
        quantize.quantize(shared / LEGACY, folder, tmp_path, log=silent)


def test_missing_model_is_refused(faces_csv: Path, tmp_path: Path) -> None:
    """A model that is not there is refused."""
    with pytest.raises(ModelError, match="no such file"):
        quantize.quantize(tmp_path / "none.keras", faces_csv, tmp_path)


@pytest.mark.usefixtures("open_gate")
def test_out_folder_cannot_be_created(trained: Path, faces_csv: Path, tmp_path: Path) -> None:
    """A folder below a file is refused in one line."""
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match="cannot be created"):
        quantize.quantize(trained, faces_csv, tmp_path / "file" / "models", log=silent)
