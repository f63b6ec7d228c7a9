"""A training of the face verifier goes on after a stop, and its result is what the device loads."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("sklearn")

from fer_convert import backend
from fer_convert.verifier import samples, train
from fer_convert.verifier.recipe import VerifierRecipe
from fer_convert.verifier.samples import Samples
from fer_convert.verifier.train import MAX_PICTURE_PX, measure_outputs, read_pictures, train_verifier
from fer_edge.detectors.candidate import Candidate
from fer_edge.detectors.face_verifier import OUTPUTS, SIDE_PX, UNITS, FaceVerifier
from fer_edge.errors import DataError, ModelError, SettingsError

KERAS = (pytest.mark.tensorflow, pytest.mark.slow, pytest.mark.timeout(180))
RECIPE = VerifierRecipe(samples=1000, cascade_squares=80, epochs=3)
Run = Callable[..., list[str]]


def marked(function: Any) -> Any:
    for mark in KERAS:
        function = mark(function)
    return function


# --- settings ---


@pytest.mark.parametrize("name", [entry.name for entry in fields(VerifierRecipe)])
def test_settings_have_ranges(name: str) -> None:
    """What lies outside is refused with its option, its value and what is allowed; both ends are allowed."""
    (entry,) = (entry for entry in fields(VerifierRecipe) if entry.name == name)
    low, high = entry.metadata["allowed"]
    for value in (low, high):
        assert getattr(replace(RECIPE, **{name: value}), name) == value
    for value in (low - 1, high + 1):
        with pytest.raises(SettingsError, match=rf"^--{name.replace('_', '-')} {value}: allowed is {low} to {high}$"):
            replace(RECIPE, **{name: value})


# --- pictures ---


def test_pictures_are_shrunk_and_grey(tmp_path: Path) -> None:
    """In the order of their names; other files are not read."""
    colours = np.random.default_rng(1).integers(0, 256, (300, 900, 3), np.uint8)
    for name, picture in (("b.JPG", colours), ("a.png", colours[:40, :50]), ("c.bmp", np.zeros((1, 3000), np.uint8))):
        assert cv2.imwrite(str(tmp_path / name), picture)
    (tmp_path / "notes.txt").write_text("no picture")
    found = read_pictures(tmp_path)
    assert [picture.shape for picture in found] == [(40, 50), (213, MAX_PICTURE_PX), (1, MAX_PICTURE_PX)]
    assert all(picture.dtype == np.uint8 for picture in found)


@pytest.mark.parametrize("there", [True, False])
def test_folder_without_pictures_is_an_error(tmp_path: Path, there: bool) -> None:
    folder = tmp_path / "pictures"
    if there:
        folder.mkdir()
    with pytest.raises(DataError, match=r"--pictures .*pictures: no pictures in it; give a folder with pictures with"):
        read_pictures(folder)


def test_broken_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8 cut off")
    with pytest.raises(DataError, match=r"--pictures .*: a\.jpg cannot be read as a picture; remove it"):
        read_pictures(tmp_path)


# --- measures ---


def test_measures_are_of_the_faces() -> None:
    """The recall is that where one in a hundred squares without a face passes; errors are in sides and degrees."""
    targets, outputs = np.zeros((400, OUTPUTS + 1), np.float32), np.zeros((400, OUTPUTS), np.float32)
    targets[200:, [0, -1]] = 1
    outputs[:200, 0] = np.linspace(-6, 1, 200)  # 198 of them are below 0.95
    outputs[200:, 0] = 3
    outputs[200:220, 0] = 0.5
    outputs[200:, 1:] = np.array((0.03, 0.04, -0.2, 10.0)) / UNITS
    outputs[:200, 1:] = 99  # what is no face has no place
    found = measure_outputs(outputs, Samples(np.zeros((400, SIDE_PX, SIDE_PX), np.uint8), targets))
    wrong = int((outputs[:200, 0] > 0).sum())
    assert found == pytest.approx(
        {
            "accuracy": 1 - wrong / 400,
            "recall_at_1_percent_false": 0.9,
            "shift_error": 0.05,
            "log_scale_error": 0.2,
            "tilt_error_degrees": 10.0,
        },
        abs=1e-4,
    )


# --- training ---


class Noting:
    """An engine that notes its batches, of a model with a learning rate."""

    learning_rate = 0.0

    def __init__(self) -> None:
        self.optimizer, self.batches, self.rates = self, list[tuple[Any, ...]](), list[float]()

    def train(self, batch: tuple[Any, ...]) -> tuple[float, float]:
        self.batches.append(batch)
        self.rates.append(float(self.learning_rate))
        return 1.0, 0.0


def test_mirrored_faces_have_mirrored_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every other square comes in the mirror: what was right is left, and a clockwise tilt counter-clockwise."""
    engine = Noting()
    monkeypatch.setattr(train, "make_engine", lambda model: model)
    pixels = np.zeros((512, SIDE_PX, SIDE_PX), np.uint8)
    pixels[:, :, 0], pixels[:, 0, 0] = 200, np.arange(512) % 251 + 1
    targets = np.tile(np.array((1, 2, 3, 4, 5, 1), np.float32), (512, 1))
    given = Samples(pixels.copy(), targets.copy())
    assert train._run_epoch(engine, given, RECIPE, 0) == 1.0
    shown = np.concatenate([batch[0] for batch in engine.batches])
    said = np.concatenate([batch[1] for batch in engine.batches])
    assert shown.shape == (512, SIDE_PX, SIDE_PX, 1)
    mirrored = shown[:, 5, -1, 0] == 200
    assert 0.35 < mirrored.mean() < 0.65
    np.testing.assert_array_equal(said[~mirrored], targets[: (~mirrored).sum()])
    np.testing.assert_array_equal(said[mirrored], targets[: mirrored.sum()] * np.array((1, -1, 1, 1, -1, 1)))
    assert sorted(shown[:, 0].max(axis=(1, 2))) == sorted(np.maximum(pixels[:, 0, 0], 0))  # each is shown once
    np.testing.assert_array_equal(given.pixels, pixels)  # the next epoch sees them as they were
    np.testing.assert_array_equal(given.targets, targets)


def test_learning_rate_rises_and_falls(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Noting()
    monkeypatch.setattr(train, "make_engine", lambda model: model)
    given = Samples(np.zeros((2560, SIDE_PX, SIDE_PX), np.uint8), np.zeros((2560, OUTPUTS + 1), np.float32))
    for epoch in range(10):
        train._run_epoch(engine, given, replace(RECIPE, epochs=10), epoch)
    highest = int(np.argmax(engine.rates))
    assert len(engine.rates) == 100
    assert 2 < highest < 20
    assert engine.rates[:highest] == sorted(engine.rates[:highest])
    assert engine.rates[highest:] == sorted(engine.rates[highest:], reverse=True)
    assert engine.rates[-1] < 0.01 * engine.rates[highest]


def test_endless_loss_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Noting()
    monkeypatch.setattr(engine, "train", lambda batch: (float("nan"), 0.0), raising=True)
    monkeypatch.setattr(train, "make_engine", lambda model: model)
    given = Samples(np.zeros((256, SIDE_PX, SIDE_PX), np.uint8), np.zeros((256, OUTPUTS + 1), np.float32))
    with pytest.raises(ModelError, match=r"^epoch 2: the loss is nan; train again with another --seed$"):
        train._run_epoch(engine, given, RECIPE, 1)


@marked
def test_place_counts_of_faces_alone() -> None:
    """The loss of what is no face is that of the decision; a face's grows with the error of its place, too."""
    ops = backend.keras().ops
    targets, outputs = np.zeros((4, OUTPUTS + 1), np.float32), np.zeros((4, OUTPUTS), np.float32)
    targets[2:, [0, -1]] = 1
    outputs[:, 0] = 2, 2, 2, 2
    outputs[[1, 3], 1:] = 0.5, -0.5, 3.0, -3.0
    loss = ops.convert_to_numpy(train._loss(ops.convert_to_tensor(targets), ops.convert_to_tensor(outputs)))
    no, yes = np.log1p(np.exp(2)), np.log1p(np.exp(-2))
    huber = (0.125 + 0.125 + 2.5 + 2.5) / 4
    assert loss == pytest.approx([no, no, yes, yes + 2 * train.PLACE_WEIGHT * huber], rel=1e-5)


@pytest.fixture
def run(faces_csv: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Trains on drawn faces; returns what was said."""
    monkeypatch.setattr(samples, "TEXTURES", 12)
    drawn = train._samples
    monkeypatch.setattr(train, "_samples", lambda faces, pictures, count, *rest: drawn(faces, pictures, 1000, *rest))

    def train_it(
        recipe: VerifierRecipe,
        out: Path,
        stop_at: str = "none",
        pictures: Path | None = None,
        said: list[str] | None = None,
    ) -> list[str]:
        lines = [] if said is None else said

        def log(line: str) -> None:
            lines.append(line)
            if line.startswith(stop_at):
                raise KeyboardInterrupt

        assert train_verifier(recipe, faces_csv, pictures, out, log=log) == out / "face_verifier.keras"
        return lines

    return train_it


def weights(out: Path) -> list[Any]:
    with np.load(out / "state.npz") as state:
        return [state[name] for name in sorted(state.files) if name.startswith("model")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For a run that the tests share, in their order."""
    return tmp_path_factory.mktemp("verifier")


@marked
def test_run_goes_on_after_a_stop(run: Run, folder: Path) -> None:
    """After its last whole epoch, and ends as one that was not stopped, which learns."""
    whole = run(RECIPE, folder / "whole")
    losses = [float(line.split()[3]) for line in whole if line.startswith("epoch")]
    assert losses[-1] < 0.95 * losses[0]
    assert [line.split()[1] for line in whole if line.startswith("epoch")] == ["1/3", "2/3", "3/3"]
    with pytest.raises(KeyboardInterrupt):
        run(RECIPE, folder / "stopped", stop_at="epoch 2/3")
    assert not (folder / "stopped" / "face_verifier.keras").exists()
    rest = run(RECIPE, folder / "stopped")
    assert [line.split()[1] for line in rest if line.startswith("epoch")] == ["3/3"]
    for ours, theirs in zip(weights(folder / "stopped"), weights(folder / "whole"), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-3)


@marked
def test_stop_after_the_last_epoch(run: Run, tmp_path: Path) -> None:
    """Its weights are saved, so the same command writes the model; the pictures are counted."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(3):
        noise = np.random.default_rng(number).integers(0, 256, (100, 120), np.uint8)
        assert cv2.imwrite(str(pictures / f"{number}.png"), noise)
    recipe, out, said = replace(RECIPE, epochs=1), tmp_path / "run", list[str]()
    with pytest.raises(KeyboardInterrupt):
        run(recipe, out, stop_at="epoch 1/1", pictures=pictures, said=said)
    assert said[0] == "drawing 1,000 samples with 84 faces, 3 pictures and textures"
    assert not any(line.startswith("epoch") for line in run(recipe, out))
    assert (out / "face_verifier.keras").exists()


@marked
def test_device_loads_the_result(run: Run, folder: Path, faces_csv: Path) -> None:
    """The .tflite is what its card says, measured as the device runs it, and says what is a face."""
    if backend.keras().backend.backend() != "tensorflow":
        pytest.skip("TensorFlow alone converts")
    if not (folder / "whole").exists():
        run(RECIPE, folder / "whole")
    path = folder / "whole" / "face_verifier.tflite"
    card = json.loads(path.with_suffix(".json").read_text())
    content = path.read_bytes()
    assert (card["name"], card["file"]) == ("face_verifier", "face_verifier.tflite")
    assert (card["sha256"], card["bytes"]) == (hashlib.sha256(content).hexdigest(), len(content))
    assert card["training_data"] == {
        "name": faces_csv.name,
        "sha256": hashlib.sha256(faces_csv.read_bytes()).hexdigest(),
    }
    assert card["measured_on"].endswith("samples drawn with the faces of PublicTest")
    assert set(card["metrics"]) == set(measure_outputs(np.zeros((2, OUTPUTS)), _two()))
    assert card["units"] == pytest.approx([1.0, *UNITS])
    found = FaceVerifier(path).locate(np.zeros((100, 100), np.uint8), Candidate(20, 20, 50, 0.5))
    assert 0 <= found.score <= 1
    assert 20 < found.side < 120
    assert not list(path.parent.glob("*.part*"))


def _two() -> Samples:
    targets = np.zeros((2, OUTPUTS + 1), np.float32)
    targets[0] = 1
    return Samples(np.zeros((2, SIDE_PX, SIDE_PX), np.uint8), targets)


@marked
def test_other_settings_need_another_folder(run: Run, folder: Path) -> None:
    """A run goes on with its own settings alone, and says which they were."""
    if not (folder / "whole").exists():
        run(RECIPE, folder / "whole")
    before = hashlib.sha256((folder / "whole" / "state.npz").read_bytes()).hexdigest()
    for changes in ({"epochs": 5}, {"seed": 2}, {"samples": 2000}):
        with pytest.raises(SettingsError, match=r"--out .*whole: holds a run with other settings, .*'samples': 1000"):
            run(replace(RECIPE, **changes), folder / "whole")
    assert hashlib.sha256((folder / "whole" / "state.npz").read_bytes()).hexdigest() == before


@marked
def test_damaged_checkpoint_is_one_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "state.npz").write_bytes(b"nothing")
    with pytest.raises(ModelError, match=r"checkpoint .*state\.npz: cannot be read .*; remove it to begin"):
        run(RECIPE, tmp_path)
