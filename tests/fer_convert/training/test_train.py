"""A run learns, keeps its best weights, and goes on after a stop as if there had been none."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

from fer_convert import backend
from fer_convert.data import dataset
from fer_convert.data.augment import NO_AUGMENTATION
from fer_convert.export import load
from fer_convert.training.engine import predict
from fer_convert.training.recipe import Recipe
from fer_convert.training.run_folder import HISTORY_COLUMNS
from fer_convert.training.train import train
from fer_edge.errors import DataError, ModelError, SettingsError, SinkError
from fer_edge.types import EMOTIONS

# Whichever test comes first waits for TensorFlow to be imported, which takes long on a busy machine.
pytestmark = [pytest.mark.tensorflow, pytest.mark.slow, pytest.mark.timeout(180)]


RECIPE = Recipe(network="tiny", size=48, epochs=4, batch=16, learning_rate=0.01, average=0.9)


@pytest.fixture(autouse=True)
def _tiny(tiny: str) -> None:
    """Every run here trains the small network."""


def curve(out: Path) -> list[list[float]]:
    with (out / "history.csv").open(newline="") as file:
        columns = HISTORY_COLUMNS[:-1]  # the last is seconds
        return [[float(row[name]) for name in columns] for row in csv.DictReader(file)]


def run(recipe: Recipe, source: Path, out: Path, **more: Any) -> list[str]:
    lines: list[str] = []
    train(recipe, source, out, log=lines.append, **more)
    return lines


def test_best_model_is_what_was_validated(faces_csv: Path, tmp_path: Path) -> None:
    """A run learns, and best.keras has the accuracy that the history and best.json say."""
    out = tmp_path / "run"
    lines = run(replace(RECIPE, epochs=15, augmentation=NO_AUGMENTATION), faces_csv, out)
    assert "84 faces to train on, 42 to validate on (PublicTest), 7 classes" in lines[0]
    kept = load.load(out / "best.keras")
    faces = dataset.read(faces_csv, (48, 48)).validation()[1]
    accuracy = float((predict(kept.model, faces.pixels).argmax(axis=1) == faces.labels).mean())
    best = max(row[3] for row in curve(out))
    assert accuracy == pytest.approx(best, abs=1e-6)
    assert accuracy > 0.3  # one in seven by chance
    known = json.loads((out / "best.json").read_text())
    assert known["validation"]["accuracy"] == pytest.approx(best)
    assert kept.labels == EMOTIONS
    assert kept.training_data["faces"] == 84
    configuration = json.loads((out / "config.json").read_text())
    assert configuration["recipe"]["seed"] == 1
    assert configuration["data"]["sha256"] == kept.training_data["sha256"]


class PowerCutError(Exception):
    """Stands for a power cut."""


@pytest.mark.parametrize("schedule", ["cosine", "plateau"])
def test_stopped_run_goes_on(faces_csv: Path, tmp_path: Path, schedule: str) -> None:
    """A run that was stopped ends with the weights that it would have had without the stop."""
    recipe = replace(RECIPE, schedule=schedule, patience=1, small=2, size=64)
    run(recipe, faces_csv, tmp_path / "whole")

    def stop(line: str) -> None:
        if line.startswith("epoch 2/"):
            raise PowerCutError

    with pytest.raises(PowerCutError):
        train(recipe, faces_csv, tmp_path / "stopped", log=stop)
    lines = run(recipe, faces_csv, tmp_path / "stopped")
    assert lines[0].startswith("going on after epoch 2")
    # Threads add up in whatever order they come, so the last digits differ from run to run.
    np.testing.assert_allclose(curve(tmp_path / "stopped"), curve(tmp_path / "whole"), rtol=1e-3)
    whole, stopped = (load.load(tmp_path / name / "best.keras").model for name in ("whole", "stopped"))
    for a, b in zip(whole.get_weights(), stopped.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-2, atol=1e-4)
    before = (tmp_path / "whole" / "state.npz").read_bytes()
    run(recipe, faces_csv, tmp_path / "whole")
    assert (tmp_path / "whole" / "state.npz").read_bytes() == before


def test_other_settings_are_refused(faces_csv: Path, tmp_path: Path) -> None:
    """A run folder goes on with its own settings and data alone."""
    out = tmp_path / "run"
    run(replace(RECIPE, epochs=1), faces_csv, out)
    with pytest.raises(SettingsError, match=r"recipe\.batch: 16 -> 8"):
        run(replace(RECIPE, epochs=1, batch=8), faces_csv, out)
    other = tmp_path / "fer2013.csv"
    other.write_text(faces_csv.read_text() + faces_csv.read_text().splitlines()[-1] + "\n")
    with pytest.raises(SettingsError, match=r"data\.sha256"):
        run(replace(RECIPE, epochs=1), other, out)
    configuration = (out / "config.json").read_text()
    (out / "config.json").unlink()
    with pytest.raises(SettingsError, match=r"holds state\.npz without config\.json; choose another --out"):
        run(replace(RECIPE, epochs=1), faces_csv, out)
    (out / "config.json").write_text(configuration + "{")
    with pytest.raises(SettingsError, match=r"not readable as JSON.*; restore it or choose"):
        run(replace(RECIPE, epochs=1), faces_csv, out)


def test_damaged_checkpoint_is_refused(faces_csv: Path, tmp_path: Path) -> None:
    """A checkpoint that is cut off is refused with the way out."""
    out = tmp_path / "run"
    recipe = replace(RECIPE, epochs=1)
    run(recipe, faces_csv, out)
    state = out / "state.npz"
    state.write_bytes(state.read_bytes()[:5000])
    with pytest.raises(ModelError, match="remove it to begin this run again"):
        run(recipe, faces_csv, out)


@pytest.mark.parametrize(
    "change",
    [
        {"model0": np.zeros((2, 2))},
        {"optimizer3": np.array("text")},
        {"progress": np.array("[]")},
        {"progress": np.array('{"epoch": "x"}')},
        {"progress": np.array("no JSON")},
    ],
)
def test_checkpoint_of_another_kind(faces_csv: Path, tmp_path: Path, change: dict[str, Any]) -> None:
    """Whatever is wrong with a checkpoint or config.json is one line with the way out."""
    out = tmp_path / "run"
    recipe = replace(RECIPE, epochs=1)
    run(recipe, faces_csv, out)
    with np.load(out / "state.npz") as arrays:
        kept = dict(arrays)
    np.savez(out / "state.npz", **(kept | change))
    with pytest.raises(ModelError, match="remove it to begin this run again") as error:
        run(recipe, faces_csv, out)
    assert "\n" not in str(error.value)
    with (out / "state.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(ModelError, match="remove it to begin this run again"):
        run(recipe, faces_csv, out)
    for text in ("[]", "null"):
        (out / "config.json").write_text(text)
        with pytest.raises(SettingsError, match="not a JSON object; restore it or choose another --out"):
            run(recipe, faces_csv, out)


def test_one_training_at_a_time(faces_csv: Path, tmp_path: Path) -> None:
    """A second training in the same run folder is refused until the first has ended."""
    out = tmp_path / "run"
    refused = []

    def second(line: str) -> None:
        if line.startswith("epoch 1/"):
            with pytest.raises(SinkError, match="another training writes to it; wait for it, or choose another --out"):
                run(RECIPE, faces_csv, out)
            refused.append(line)

    recipe = replace(RECIPE, epochs=1)
    train(recipe, faces_csv, out, log=second)
    assert refused
    assert len(run(recipe, faces_csv, out)) == 3  # and is free again afterwards


def test_best_model_has_no_optimizer_state(faces_csv: Path, tmp_path: Path) -> None:
    """It would be three times the size, and the repository has one; the state is in the checkpoint."""
    run(replace(RECIPE, epochs=1), faces_csv, tmp_path / "first")
    run(replace(RECIPE, epochs=1), faces_csv, tmp_path / "second", start=tmp_path / "first" / "best.keras")
    for name in ("first", "second"):
        assert not backend.keras().models.load_model(tmp_path / name / "best.keras").compiled


def test_few_pictures_with_default_average(two_classes_csv: Path, tmp_path: Path) -> None:
    """The default moving average does not keep a hundred pictures from being learned."""
    recipe = Recipe(network="tiny", size=48, epochs=20, learning_rate=0.02, augmentation=NO_AUGMENTATION)
    run(recipe, two_classes_csv, tmp_path / "run")
    assert curve(tmp_path / "run")[-1][3] >= 0.8


def test_run_folder_cannot_be_created(faces_csv: Path, tmp_path: Path) -> None:
    """A folder below a file is refused in one line."""
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match="cannot be created"):
        run(RECIPE, faces_csv, tmp_path / "file" / "run")


def test_other_settings_matter(faces_csv: Path, tmp_path: Path) -> None:
    """Focal loss, class weights and no average each change the weights; nothing else does."""
    lines = faces_csv.read_text().splitlines()
    source = tmp_path / "uneven.csv"  # or weights of classes would all be 1
    source.write_text("\n".join([*lines[:1], *lines[9:]]))

    def weights(name: str, **changed: Any) -> list[Any]:
        run(replace(RECIPE, epochs=1, **changed), source, tmp_path / name)
        kept: list[Any] = load.load(tmp_path / name / "best.keras").model.get_weights()
        return kept

    def distance(other: list[Any]) -> float:
        return max(float(np.abs(a - b).max()) for a, b in zip(plain, other, strict=True))

    plain = weights("plain")
    assert distance(weights("again")) < 1e-4  # threads add up in whatever order they come
    for changed in ({"loss": "focal"}, {"class_weights": "balanced"}, {"average": 0.0}):
        assert distance(weights("-".join(changed), **changed)) > 2e-4, changed


def test_early_stopping_stops(faces_csv: Path, tmp_path: Path) -> None:
    """A run ends after as many epochs without a better accuracy."""
    out = tmp_path / "run"
    # With a step size of next to nothing the accuracy soon stays what it was.
    run(replace(RECIPE, epochs=60, early_stopping=2, learning_rate=1e-7), faces_csv, out)
    accuracies = [row[3] for row in curve(out)]
    best = accuracies.index(max(accuracies)) + 1
    assert len(accuracies) == best + 2 < 60


def test_lost_loss_ends_the_run(faces_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loss of NaN ends the run at that step, before a checkpoint is written."""
    import keras

    steps = []

    def lost(self: object, *given: object, **named: object) -> dict[str, float]:
        steps.append(given)
        return {"loss": 1.0 if len(steps) < 3 else float("nan"), "accuracy": 0.0}

    monkeypatch.setattr(keras.Model, "train_on_batch", lost)
    with pytest.raises(ModelError, match=r"epoch 1, step 3 of 6: the loss is nan; train again with a lower"):
        run(RECIPE, faces_csv, tmp_path / "run")
    assert len(steps) == 3
    assert not (tmp_path / "run" / "state.npz").exists()


def test_refused_network_leaves_no_folder(faces_csv: Path, tmp_path: Path) -> None:
    """An unknown network is refused before a run folder is created."""
    with pytest.raises(SettingsError, match="network 'nope': unknown"):
        run(replace(RECIPE, network="nope"), faces_csv, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_data_without_training_split(faces_csv: Path, tmp_path: Path) -> None:
    """Data that can only be measured on is refused."""
    only = tmp_path / "only.csv"
    only.write_text("\n".join(line for line in faces_csv.read_text().splitlines() if not line.endswith("Training")))
    with pytest.raises(DataError, match="no split Training"):
        run(RECIPE, only, tmp_path / "run")
