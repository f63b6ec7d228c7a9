"""A run learns, keeps its best weights, and goes on after a stop as if there had been none."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fer_convert import backend
from fer_convert.data import batches, dataset
from fer_convert.data.augment import OFF
from fer_convert.export import load
from fer_convert.training import checkpoint, distill
from fer_convert.training.recipe import Recipe
from fer_convert.training.run_folder import HISTORY
from fer_convert.training.train import learning_rate, momentum, predict, train
from fer_edge.errors import DataError, ModelError, SettingsError, SinkError
from fer_edge.types import EMOTIONS

# The first test to need it waits for TensorFlow, which on a busy machine takes long.
pytestmark = pytest.mark.timeout(180)

RECIPE = Recipe(network="tiny", size=48, epochs=4, batch=16, learning_rate=0.01, average=0.9)


@pytest.fixture(autouse=True)
def _tiny(tiny: str) -> None:
    """Every run here trains the small network."""


def curve(out: Path) -> list[list[float]]:
    with (out / "history.csv").open(newline="") as file:
        return [[float(row[name]) for name in HISTORY[:-1]] for row in csv.DictReader(file)]  # the last is seconds


def run(recipe: Recipe, source: Path, out: Path, **more: Any) -> list[str]:
    lines: list[str] = []
    train(recipe, source, out, report=lines.append, **more)
    return lines


@pytest.mark.slow
def test_it_learns_and_keeps_the_weights_that_it_validated(faces_csv: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    lines = run(replace(RECIPE, epochs=15, augmentation=OFF), faces_csv, out)
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


@pytest.mark.slow
@pytest.mark.parametrize("schedule", ["cosine", "plateau"])
def test_a_stopped_run_goes_on_as_if_it_had_not_been(faces_csv: Path, tmp_path: Path, schedule: str) -> None:
    recipe = replace(RECIPE, schedule=schedule, patience=1, small=2, size=64)
    run(recipe, faces_csv, tmp_path / "whole")

    def stop(line: str) -> None:
        if line.startswith("epoch 2/"):
            raise PowerCutError

    with pytest.raises(PowerCutError):
        train(recipe, faces_csv, tmp_path / "stopped", report=stop)
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


@pytest.mark.slow
def test_another_configuration_or_other_data_is_refused(faces_csv: Path, tmp_path: Path) -> None:
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


@pytest.mark.slow
def test_a_damaged_checkpoint_is_refused(faces_csv: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    recipe = replace(RECIPE, epochs=1)
    run(recipe, faces_csv, out)
    state = out / "state.npz"
    state.write_bytes(state.read_bytes()[:5000])
    with pytest.raises(ModelError, match="remove it to begin this run anew"):
        run(recipe, faces_csv, out)


@pytest.mark.slow
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
def test_a_checkpoint_of_another_kind_is_refused_in_one_line(
    faces_csv: Path, tmp_path: Path, change: dict[str, Any]
) -> None:
    out = tmp_path / "run"
    recipe = replace(RECIPE, epochs=1)
    run(recipe, faces_csv, out)
    with np.load(out / "state.npz") as arrays:
        kept = dict(arrays)
    np.savez(out / "state.npz", **(kept | change))
    with pytest.raises(ModelError, match="remove it to begin this run anew") as error:
        run(recipe, faces_csv, out)
    assert "\n" not in str(error.value)
    with (out / "state.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(ModelError, match="remove it to begin this run anew"):
        run(recipe, faces_csv, out)
    for text in ("[]", "null"):
        (out / "config.json").write_text(text)
        with pytest.raises(SettingsError, match="not a JSON object; restore it or choose another --out"):
            run(recipe, faces_csv, out)


@pytest.mark.slow
def test_one_training_at_a_time_writes_to_a_run_folder(faces_csv: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    refused = []

    def second(line: str) -> None:
        if line.startswith("epoch 1/"):
            with pytest.raises(SinkError, match="another training writes to it; wait for it, or choose another --out"):
                run(RECIPE, faces_csv, out)
            refused.append(line)

    recipe = replace(RECIPE, epochs=1)
    train(recipe, faces_csv, out, report=second)
    assert refused
    assert len(run(recipe, faces_csv, out)) == 3  # and is free again afterwards


@pytest.mark.slow
def test_a_model_to_start_from_is_not_overwritten(faces_csv: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    run(replace(RECIPE, epochs=1), faces_csv, out)
    before = (out / "best.keras").read_bytes()
    with pytest.raises(SettingsError, match="would overwrite it; choose another --out"):
        run(replace(RECIPE, epochs=2), faces_csv, tmp_path / "other" / ".." / "run", start=out / "best.keras")
    assert (out / "best.keras").read_bytes() == before


@pytest.mark.slow
def test_the_best_model_is_kept_without_the_optimizers_state(faces_csv: Path, tmp_path: Path) -> None:
    """It would be three times the size, and the repository has one; the state is in the checkpoint."""
    run(replace(RECIPE, epochs=1), faces_csv, tmp_path / "first")
    run(replace(RECIPE, epochs=1), faces_csv, tmp_path / "second", start=tmp_path / "first" / "best.keras")
    for name in ("first", "second"):
        assert not backend.keras().models.load_model(tmp_path / name / "best.keras").compiled


@pytest.mark.slow
def test_few_pictures_are_learnt_with_the_default_average(two_classes_csv: Path, tmp_path: Path) -> None:
    recipe = Recipe(network="tiny", size=48, epochs=20, learning_rate=0.02, augmentation=OFF)
    run(recipe, two_classes_csv, tmp_path / "run")
    assert curve(tmp_path / "run")[-1][3] >= 0.8


def test_many_faces_keep_the_average_that_was_asked_for() -> None:
    assert momentum(Recipe(), 28_709) == Recipe.average
    assert momentum(Recipe(), 100) == 0.75
    assert momentum(Recipe(average=0.5), 100) == 0.5


@pytest.mark.slow
def test_a_run_folder_that_cannot_be_made_is_refused(faces_csv: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match="cannot be made"):
        run(RECIPE, faces_csv, tmp_path / "file" / "run")


@pytest.mark.slow
@pytest.mark.parametrize("change", [{"loss": "focal"}, {"class_weights": "balanced"}, {"average": 0.0}])
def test_the_other_settings_matter(faces_csv: Path, tmp_path: Path, change: dict[str, Any]) -> None:
    lines = faces_csv.read_text().splitlines()
    source = tmp_path / "uneven.csv"  # or weights of classes would all be 1
    source.write_text("\n".join([*lines[:1], *lines[9:]]))
    recipe, kept = replace(RECIPE, epochs=1), []
    for name, one in (("plain", recipe), ("again", recipe), ("changed", replace(recipe, **change))):
        run(one, source, tmp_path / name)
        kept.append(load.load(tmp_path / name / "best.keras").model.get_weights())
    same, other = (max(float(np.abs(a - b).max()) for a, b in zip(kept[0], w, strict=True)) for w in kept[1:])
    assert same < 1e-4 < 2e-4 < other  # threads add up in whatever order they come


@pytest.mark.slow
def test_early_stopping_stops(faces_csv: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    # With a step size of next to nothing the accuracy soon stays what it was.
    run(replace(RECIPE, epochs=60, early_stopping=2, learning_rate=1e-7), faces_csv, out)
    accuracies = [row[3] for row in curve(out)]
    best = accuracies.index(max(accuracies)) + 1
    assert len(accuracies) == best + 2 < 60


@pytest.mark.slow
def test_a_lost_loss_ends_it_at_that_step(faces_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    steps = []

    def lost(self: object, *given: object, **named: object) -> dict[str, float]:
        steps.append(given)
        return {"loss": 1.0 if len(steps) < 3 else float("nan"), "accuracy": 0.0}

    monkeypatch.setattr(keras.Model, "train_on_batch", lost)
    with pytest.raises(ModelError, match=r"epoch 1, step 3 of 6: the loss is nan; train anew with a lower"):
        run(RECIPE, faces_csv, tmp_path / "run")
    assert len(steps) == 3
    assert not (tmp_path / "run" / "state.npz").exists()


@pytest.mark.slow
def test_a_size_that_is_not_the_start_models_is_refused(faces_csv: Path, tmp_path: Path) -> None:
    run(replace(RECIPE, epochs=1), faces_csv, tmp_path / "first")
    best = tmp_path / "first" / "best.keras"
    with pytest.raises(SettingsError, match=r"--size 64: .* takes 48 x 48 pixels; leave --size out"):
        run(replace(RECIPE, epochs=1, size=64), faces_csv, tmp_path / "second", start=best, sized=True)
    seen, views, mean = replace(RECIPE, epochs=1, size=64, views=1), tmp_path / "views.npz", tmp_path / "mean.npz"
    distill.teach(seen, faces_csv, [best], views, lambda _: None)
    with pytest.raises(SettingsError, match=r"--teachers .* takes 48 x 48 pixels, the answers are of --size 64; make"):
        run(seen, faces_csv, tmp_path / "second", start=best, answers=views)
    distill.teach(seen, faces_csv, [best], mean, lambda _: None, per_face=True)
    run(seen, faces_csv, tmp_path / "fourth", start=best, answers=mean)  # those are of no size
    run(replace(RECIPE, epochs=1), faces_csv, tmp_path / "second", start=best, sized=True)
    run(replace(RECIPE, epochs=1, size=64), faces_csv, tmp_path / "third", start=best)


@pytest.mark.slow
def test_a_refused_network_leaves_no_run_folder(faces_csv: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="network 'nope': unknown"):
        run(replace(RECIPE, network="nope"), faces_csv, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_own_classes_from_a_trained_model(faces_csv: Path, tmp_path: Path, picture_folder: Any) -> None:
    run(replace(RECIPE, epochs=1), faces_csv, tmp_path / "first")
    folder = picture_folder({"": {"calm": 10, "glad": 10, "tense": 10}})
    best = tmp_path / "first" / "best.keras"
    lines = run(replace(RECIPE, epochs=2), folder, tmp_path / "second", start=best)
    assert "3 classes" in lines[0]
    assert load.load(tmp_path / "second" / "best.keras").labels == ("calm", "glad", "tense")


@pytest.mark.slow
def test_a_trained_model_goes_on_at_a_smaller_size_and_keeps_its_own(faces_csv: Path, tmp_path: Path) -> None:
    import keras

    run(replace(RECIPE, epochs=2), faces_csv, tmp_path / "first")
    best = tmp_path / "first" / "best.keras"
    lines = run(replace(RECIPE, epochs=2, small=1, learning_rate=1e-6), faces_csv, tmp_path / "second", start=best)
    first, second = load.load(best), load.load(tmp_path / "second" / "best.keras")
    assert second.size == first.size == (48, 48)
    assert len([line for line in lines if line.startswith("epoch")]) == 2
    kernels = [one.model.layers[2].kernel.numpy() for one in (first, second)]
    np.testing.assert_allclose(*kernels, atol=1e-3)  # it began with the first one's weights
    image = keras.Input((48, 48, 1))
    dense = keras.layers.Dense(7, activation="softmax")(keras.layers.Flatten()(image))
    keras.Model(image, dense, name="dense").save(tmp_path / "dense.keras")
    with pytest.raises(SettingsError, match=r"--small 1: dense takes faces of one size \(.*\); leave it out"):
        run(replace(RECIPE, epochs=2, small=1), faces_csv, tmp_path / "third", start=tmp_path / "dense.keras")


@pytest.mark.slow
def test_the_legacy_model_can_be_trained_on(shared: Path, faces_csv: Path, tmp_path: Path) -> None:
    legacy = shared / "peers" / "fer2013_mini_XCEPTION.102-0.66.hdf5"
    lines = run(replace(RECIPE, epochs=1), faces_csv, tmp_path / "run", start=legacy)
    assert "58,423 parameters" in lines[0]
    assert load.load(tmp_path / "run" / "best.keras").range == load.PIXELS


@pytest.mark.slow
def test_data_without_a_training_split_is_refused(faces_csv: Path, tmp_path: Path) -> None:
    only = tmp_path / "only.csv"
    only.write_text("\n".join(line for line in faces_csv.read_text().splitlines() if not line.endswith("Training")))
    with pytest.raises(DataError, match="no split Training"):
        run(RECIPE, only, tmp_path / "run")


# --- what a network gets ---


def test_with_augmentation_off_the_tensor_is_the_pixels_in_another_order(faces_csv: Path) -> None:
    faces = dataset.read(faces_csv, (64, 64)).training()[1]
    recipe = replace(RECIPE, augmentation=OFF)
    parts = list(batches.batches(faces, 7, recipe, epoch=0))
    tensor = np.concatenate([pixels for pixels, _, _ in parts])
    labels = np.concatenate([one_hot for _, one_hot, _ in parts]).argmax(axis=1)
    assert tensor.dtype == np.float32
    found = sorted(zip(labels.tolist(), (p.astype(np.uint8).tobytes() for p in tensor), strict=True))
    assert found == sorted(zip(faces.labels.tolist(), (p.tobytes() for p in faces.pixels), strict=True))


def test_an_epoch_is_the_same_each_time_and_each_is_another(faces_csv: Path) -> None:
    faces = dataset.read(faces_csv, (64, 64)).training()[1]
    first, again, other = (next(iter(batches.batches(faces, 7, RECIPE, epoch)))[0] for epoch in (3, 3, 4))
    assert first.tobytes() == again.tobytes() != other.tobytes()


def test_an_error_while_making_batches_is_raised(faces_csv: Path) -> None:
    faces = dataset.read(faces_csv, (64, 64)).training()[1]
    with pytest.raises(IndexError):
        list(batches.batches(replace(faces, labels=faces.labels + 9), 7, RECIPE, epoch=0))


def test_class_weights_even_out() -> None:
    labels = np.array([0] * 16 + [1] * 4)
    assert batches.class_weights(labels, 2, "none").tolist() == [1, 1]
    balanced, root = (batches.class_weights(labels, 2, kind) for kind in ("balanced", "sqrt"))
    assert balanced[1] / balanced[0] == pytest.approx(4)
    assert root[1] / root[0] == pytest.approx(2)
    for weights in (balanced, root):
        assert weights[labels].mean() == pytest.approx(1)


def test_the_learning_rate_rises_and_falls() -> None:
    recipe = replace(RECIPE, epochs=10)
    rates = [learning_rate(recipe, done, 1.0) for done in np.arange(0, 10, 0.1)]
    assert rates[0] < 0.1 * max(rates)
    assert max(rates) == pytest.approx(0.01, rel=0.02)
    assert rates[-1] < 0.01 * max(rates)
    assert learning_rate(replace(recipe, schedule="constant"), 9.0, 0.5) == pytest.approx(0.005)


def test_a_file_is_whole_or_what_it_was(tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    checkpoint.write_text(path, "old")

    def stop() -> None:
        with checkpoint.whole(path) as temporary:
            temporary.write_text("half")
            raise PowerCutError

    with pytest.raises(PowerCutError):
        stop()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none/card.json", r"cannot be written \(no such folder .*none\); make it"),
        ("file/card.json", "cannot be written"),
        ("x" * 300, "cannot be written"),
        ("..", "it is a folder"),
    ],
)
def test_what_cannot_be_written_is_said_in_one_line(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match=message):
        checkpoint.write_text(tmp_path / name, "x")


@pytest.mark.parametrize("name", ["/", ".", ""])
def test_a_path_without_a_name_is_refused(name: str) -> None:
    with pytest.raises(SinkError, match="it is a folder"):
        checkpoint.write_text(Path(name), "x")


def test_of_several_files_all_or_none_are_written(tmp_path: Path) -> None:
    names = ("a.tflite", "a.json", "b.tflite", "b.json")
    paths = [tmp_path / name for name in names]
    checkpoint.write_all(dict.fromkeys(paths, b"old"))
    with pytest.raises(SinkError, match="cannot be written"):
        checkpoint.write_all(dict.fromkeys([tmp_path / "none" / "c.json", *paths], b"new"))
    assert [path.read_bytes() for path in paths] == [b"old"] * 4
    assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted(names)
    checkpoint.write_all(dict.fromkeys(paths, b"new"))
    assert [path.read_bytes() for path in paths] == [b"new"] * 4
