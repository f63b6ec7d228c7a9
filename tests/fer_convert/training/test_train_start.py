"""A run starts from a trained model: its weights, its size, and classes of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

from fer_convert.export import load
from fer_convert.training import distill
from fer_convert.training.recipe import Recipe
from fer_convert.training.train import train
from fer_edge.errors import SettingsError

# Whichever test comes first waits for TensorFlow to be imported, which takes long on a busy machine.
pytestmark = [pytest.mark.tensorflow, pytest.mark.slow, pytest.mark.timeout(180)]


RECIPE = Recipe(network="tiny", size=48, epochs=4, batch=16, learning_rate=0.01, average=0.9)


@pytest.fixture(autouse=True)
def _tiny(tiny: str) -> None:
    """Every run here trains the small network."""


def run(recipe: Recipe, source: Path, out: Path, **more: Any) -> list[str]:
    lines: list[str] = []
    train(recipe, source, out, log=lines.append, **more)
    return lines


def test_start_model_is_not_overwritten(faces_csv: Path, tmp_path: Path) -> None:
    """A run does not replace the model that it starts from."""
    out = tmp_path / "run"
    run(replace(RECIPE, epochs=1), faces_csv, out)
    before = (out / "best.keras").read_bytes()
    with pytest.raises(SettingsError, match="would overwrite it; choose another --out"):
        run(replace(RECIPE, epochs=2), faces_csv, tmp_path / "other" / ".." / "run", start=out / "best.keras")
    assert (out / "best.keras").read_bytes() == before


def test_size_of_the_start_model(faces_csv: Path, tmp_path: Path) -> None:
    """--size must be that of the model to start from, and so must the soft labels of views."""
    run(replace(RECIPE, epochs=1), faces_csv, tmp_path / "first")
    best = tmp_path / "first" / "best.keras"
    with pytest.raises(SettingsError, match=r"--size 64: .* takes 48 x 48 pixels; leave --size out"):
        run(replace(RECIPE, epochs=1, size=64), faces_csv, tmp_path / "second", start=best, size_given=True)
    seen, views, mean = replace(RECIPE, epochs=1, size=64, views=1), tmp_path / "views.npz", tmp_path / "mean.npz"
    distill.distill(seen, faces_csv, [best], views, lambda _: None)
    with pytest.raises(
        SettingsError, match=r"--soft-labels .* takes 48 x 48 pixels, the soft labels are of --size 64;"
    ):
        run(seen, faces_csv, tmp_path / "second", start=best, soft_label_file=views)
    distill.distill(seen, faces_csv, [best], mean, lambda _: None, per_face=True)
    run(seen, faces_csv, tmp_path / "fourth", start=best, soft_label_file=mean)  # those are of no size
    run(replace(RECIPE, epochs=1), faces_csv, tmp_path / "second", start=best, size_given=True)
    run(replace(RECIPE, epochs=1, size=64), faces_csv, tmp_path / "third", start=best)


def test_own_classes_from_a_trained_model(faces_csv: Path, tmp_path: Path, picture_folder: Any) -> None:
    """A model for other classes starts from the weights of a trained one."""
    run(replace(RECIPE, epochs=1), faces_csv, tmp_path / "first")
    folder = picture_folder({"": {"calm": 10, "glad": 10, "tense": 10}})
    best = tmp_path / "first" / "best.keras"
    lines = run(replace(RECIPE, epochs=2), folder, tmp_path / "second", start=best)
    assert "3 classes" in lines[0]
    assert load.load(tmp_path / "second" / "best.keras").labels == ("calm", "glad", "tense")


def test_start_model_with_small_epochs(faces_csv: Path, tmp_path: Path) -> None:
    """--small works from a trained model, which keeps its size; a network of one size is refused."""
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


def test_legacy_model_can_be_trained_on(shared: Path, faces_csv: Path, tmp_path: Path) -> None:
    """The published .hdf5 is a start, and what comes of it takes pixels."""
    legacy = shared / "peers" / "fer2013_mini_XCEPTION.102-0.66.hdf5"
    lines = run(replace(RECIPE, epochs=1), faces_csv, tmp_path / "run", start=legacy)
    assert "58,423 parameters" in lines[0]
    assert load.load(tmp_path / "run" / "best.keras").range == load.PIXEL_RANGE
