"""Four variants that agree, each with a card that is true, or nothing at all."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fer_convert import backend
from fer_convert.data import dataset
from fer_convert.export import costs, gate, quantize
from fer_convert.training.recipe import Recipe
from fer_convert.training.train import train
from fer_edge.classifiers.cards import VARIANTS, load_card, read_model
from fer_edge.classifiers.tflite import TfliteClassifier
from fer_edge.detectors.face_verifier import entropy
from fer_edge.errors import DataError, GateError, ModelError, SettingsError, SinkError
from fer_edge.types import EMOTIONS

# The first test to need it waits for TensorFlow, which on a busy machine takes long.
pytestmark = pytest.mark.timeout(180)

LEGACY = "peers/fer2013_mini_XCEPTION.102-0.66.hdf5"


def silent(line: str) -> None:
    """Report to nobody."""


@pytest.fixture
def trained(tiny: str, faces_csv: Path, tmp_path: Path) -> Path:
    recipe = Recipe(network=tiny, size=48, epochs=12, batch=16, learning_rate=0.01, average=0.9)
    return train(recipe, faces_csv, tmp_path / "tiny", report=silent)


@pytest.fixture
def open_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network trained for a second has close calls; how it decides them is not what these tests are about."""
    monkeypatch.setattr(gate, "AGREEMENT", 0.0)
    monkeypatch.setattr(gate, "DIFFERENCE", 1.0)


@pytest.mark.slow
@pytest.mark.usefixtures("open_gate")
def test_every_variant_has_a_card_that_is_true(trained: Path, faces_csv: Path, tmp_path: Path) -> None:
    out = tmp_path / "models"
    written = quantize.quantize(trained, faces_csv, out, report=silent)
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
        hesitations = [entropy(scores) for scores in read.tolist()]
        mean, deviation = np.mean(hesitations), np.std(hesitations)
        if deviation > 1e-4:  # one as sure of every face tells nobody anything
            assert card.usual_entropy == pytest.approx((mean, deviation), abs=1e-4)
        assert text["multiply_adds"] > 0
        assert text["trained_from"]["sha256"] == hashlib.sha256(trained.read_bytes()).hexdigest()
        if variant == "int8":
            assert text["quantization"]["input"] == [1.0, 0]
            assert text["quantization"]["calibration_faces"] >= 14


@pytest.mark.slow
@pytest.mark.usefixtures("open_gate")
def test_other_data_than_the_trainings_is_said_and_costs_are_the_architectures(
    trained: Path, faces_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(costs.COSTS, "tiny", {"runtime": {"x86_64": {"float32": 1.0}}})
    other, lines = tmp_path / "other.csv", []
    other.write_text(faces_csv.read_text() + faces_csv.read_text().splitlines()[-1] + "\n")
    first, *_ = quantize.quantize(trained, other, tmp_path / "models", name="renamed", report=lines.append)
    assert "other.csv is not the data that" in lines[0]
    text = json.loads(first.with_suffix(".json").read_text())
    assert text["measured_on"]["sha256"] != text["training_data"]["sha256"]
    assert text["cost"] == {"runtime": {"x86_64": 1.0}}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_legacy_model_converts_at_its_published_accuracy(shared: Path, fer2013: Path, tmp_path: Path) -> None:
    quantize.quantize(shared / LEGACY, fer2013, tmp_path, name="legacy", report=silent)
    cards = {variant: load_card(tmp_path / f"legacy-{variant}.json") for variant in VARIANTS}
    for card in cards.values():
        # 65.5 % on the whole of PublicTest; 1,200 faces are good to 1.4 points (one standard deviation)
        assert card.accuracy == pytest.approx(0.655, abs=0.04)
    assert abs((cards["int8"].accuracy or 0) - (cards["float32"].accuracy or 0)) <= gate.DIFFERENCE + 1e-9
    assert cards["int8"].bytes < cards["float16"].bytes < cards["float32"].bytes


# --- refusals ---


def test_the_gate_says_by_how_much_it_failed() -> None:
    labels = np.arange(1000) % 7
    worse = labels.copy()
    worse[:40] = (labels[:40] + 1) % 7
    gate.check_agreement(labels, labels, labels)
    with pytest.raises(GateError, match=r"agree on 96\.00% of 1000 faces, 97% is needed.*differ by -4\.00 points"):
        gate.check_agreement(labels, worse, labels)
    # as accurate, but right on other faces
    wrong, other = labels.copy(), labels.copy()
    wrong[:20], other[20:40] = (labels[:20] + 1) % 7, (labels[20:40] + 1) % 7
    with pytest.raises(GateError, match=r"refused: they agree on 96\.00% of 1000 faces, 97% is needed; check"):
        gate.check_agreement(wrong, other, labels)
    slightly = labels.copy()
    slightly[:6] = (labels[:6] + 1) % 7
    with pytest.raises(GateError, match=r"differ by -0\.60 points, 0\.5 is allowed"):
        gate.check_agreement(labels, slightly, labels)


@pytest.mark.parametrize("faces", range(1000, 8001, 200))
def test_a_difference_exactly_at_the_limit_is_allowed(faces: int) -> None:
    labels = np.arange(faces) % 7
    limit = faces // 200  # 0.5 points of them
    for right in range(limit, faces, faces // 7):
        float32, int8 = labels.copy(), labels.copy()
        float32[right:], int8[right - limit :] = 9, 9
        gate.check_agreement(float32, int8, labels)
        int8[right - limit - 1] = 9
        if right > limit:
            with pytest.raises(GateError, match="differ by -"):
                gate.check_agreement(float32, int8, labels)


@pytest.mark.parametrize("faces", [20, 40, 100, 200, 400, 800])
def test_chance_on_a_few_faces_shuts_no_gate_and_a_broken_model_does(faces: int) -> None:
    """People bring a few hundred pictures, of which a fifth is measured on."""
    rng = np.random.default_rng(faces)

    def refused(differing: float, worse: float) -> int:
        """How often of 200, where so many faces are read otherwise and that takes a right answer from so many."""
        count = 0
        for _ in range(200):
            labels = rng.integers(0, 7, faces)
            float32 = np.where(rng.random(faces) < 0.65, labels, labels + 1)
            changed = np.where(rng.random(faces) < worse, labels + 1, labels)
            try:
                gate.check_agreement(float32, np.where(rng.random(faces) < differing, changed, float32), labels)
            except GateError:
                count += 1
        return count

    assert refused(0.04, 0.35) <= 20  # close calls: as often for the better
    assert refused(0.6, 0.9) >= 190


@pytest.mark.slow
def test_behind_a_shut_gate_nothing_is_written(
    trained: Path, faces_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "AGREEMENT", 1.01)
    with pytest.raises(GateError, match=r"agree on \d+\.\d\d% of 42 faces"):
        quantize.quantize(trained, faces_csv, tmp_path / "models", report=silent)
    assert not (tmp_path / "models").exists()


def test_an_input_that_is_not_the_pixel_is_refused() -> None:
    for dtype, quantization in ((np.uint8, (0.99, 0)), (np.int8, (1.0, -128)), (np.uint8, (1.0, 3))):
        with pytest.raises(GateError, match="a pixel is its own quantized value"):
            gate.check_input({"dtype": dtype, "quantization": quantization})
    gate.check_input({"dtype": np.uint8, "quantization": (1.0, 0)})


@pytest.mark.slow
def test_a_disk_that_does_not_take_what_is_staged_is_told(
    trained: Path, faces_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantize.tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(SinkError, match=r"gone: cannot be written \(No such file.*make room, or set TMPDIR"):
        quantize.quantize(trained, faces_csv, tmp_path / "models", report=silent)


@pytest.mark.slow
def test_another_backend_than_tensorflow_is_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend.keras().backend, "backend", lambda: "torch")
    with pytest.raises(SettingsError, match=r"KERAS_BACKEND=torch: converting needs KERAS_BACKEND=tensorflow"):
        quantize.quantize(tmp_path / "none.keras", tmp_path / "none.csv", tmp_path)


def test_without_data_it_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"--data is missing: int8 is calibrated on training faces"):
        quantize.quantize(tmp_path / "model.keras", None, tmp_path)


@pytest.mark.parametrize("name", ["a/b", "../x", "", ".", "..", ".x", "-x", "a\nb", "x" * 300])
def test_a_name_that_is_no_file_name_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="not a plain file name") as error:
        quantize.quantize(tmp_path / "model.keras", tmp_path, tmp_path, name=name)
    assert "\n" not in str(error.value)


@pytest.mark.slow
@pytest.mark.usefixtures("open_gate")
def test_a_run_gives_its_name_from_inside_too(
    trained: Path, faces_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(trained.parent)
    written = quantize.quantize(Path("best.keras"), faces_csv, tmp_path / "models", report=silent)
    assert written[0].name == "tiny-float32.tflite"


@pytest.mark.slow
def test_data_with_other_classes_is_refused(shared: Path, tmp_path: Path, picture_folder: object) -> None:
    folder = picture_folder({"": {"calm": 5, "tense": 5}})  # type: ignore[operator]
    with pytest.raises(DataError, match=r"classes are calm, tense, the labels of .* are angry"):
        quantize.quantize(shared / LEGACY, folder, tmp_path, report=silent)


@pytest.mark.slow
def test_a_model_that_is_missing_is_refused(faces_csv: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such file"):
        quantize.quantize(tmp_path / "none.keras", faces_csv, tmp_path)


@pytest.mark.slow
@pytest.mark.usefixtures("open_gate")
def test_a_folder_that_cannot_be_made_is_refused(trained: Path, faces_csv: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match="cannot be made"):
        quantize.quantize(trained, faces_csv, tmp_path / "file" / "models", report=silent)


# --- calibration and costs ---


def test_calibration_is_balanced_seeded_and_reaches_both_ends(faces_csv: Path) -> None:
    faces = dataset.read(faces_csv, (48, 48)).training()[1]
    narrow = replace(faces, pixels=(faces.pixels // 2 + 20).astype(np.uint8))
    shown = quantize.calibration_faces(narrow, seed=1, count=14)
    assert len(shown) == 15  # two of each class, and one of them stretched
    assert (shown.min(), shown.max()) == (0, 255)
    assert shown.tobytes() == quantize.calibration_faces(narrow, seed=1, count=14).tobytes()
    flat = replace(faces, pixels=np.full_like(faces.pixels, 9))
    with pytest.raises(DataError, match="one flat grey"):
        quantize.calibration_faces(flat, seed=1)


def test_costs_are_relative_to_float32() -> None:
    for runtime, processors in costs.of("mini_xception", "float32").items():
        assert set(processors.values()) == {1.0}, runtime
    assert costs.of("mini_xception", "int8")["ai-edge-litert"]["aarch64+dotprod"] < 1
    assert costs.of("another", "int8") == {}
