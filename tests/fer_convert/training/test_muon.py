"""Muon on kernels of convolutions: which it moves, how far, and that a network learns by it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fer_convert import backend, networks
from fer_convert.data.augment import NO_AUGMENTATION
from fer_convert.training.model import make_optimizer
from fer_convert.training.recipe import Recipe
from fer_convert.training.train import train

# Whichever test comes first waits for TensorFlow to be imported, which takes long on a busy machine.
pytestmark = [pytest.mark.tensorflow, pytest.mark.slow, pytest.mark.timeout(180)]


RECIPE = Recipe(
    network="tiny",
    size=48,
    epochs=40,
    batch=16,
    learning_rate=0.02,
    average=0.9,
    optimizer="muon",
    label_smoothing=0.0,
    augmentation=NO_AUGMENTATION,
)


@pytest.fixture(autouse=True)
def _tiny(tiny: str) -> None:
    """Every run here trains the small network."""


def test_muon_moves_channel_mixing_kernels() -> None:
    """Muon moves plain and pointwise kernels, AdamW depthwise ones, biases, norms and the last layer."""
    backend.keras()
    model = networks.build("mini_xception", 7, (64, 64))
    optimizer = make_optimizer(RECIPE, model, 28_709)
    optimizer.build(model.trainable_variables)
    turned = {v.path for v in model.trainable_variables if not optimizer._should_use_adamw(v)}
    assert {"stem1_conv/kernel", "stem2_conv/kernel"} < turned
    assert all(path.endswith(("/kernel", "/pointwise_kernel")) for path in turned)
    assert sum(path.endswith("pointwise_kernel") for path in turned) == 8
    assert not any("class_maps" in path for path in turned)


def test_last_layer_by_its_whole_name() -> None:
    """Keras numbers layers: the published weights end in conv2d_7 and have a separable_conv2d_7."""
    keras = backend.keras()
    image = keras.Input((8, 8, 4))
    x = keras.layers.SeparableConv2D(8, 3, name="separable_conv2d_1")(image)
    x = keras.layers.Conv2D(8, 3, name="conv2d_10")(x)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(7, 3, name="conv2d_1")(x))
    model = keras.Model(image, x)
    optimizer = make_optimizer(RECIPE, model, 100)
    turned = {v.path for v in model.trainable_variables if not optimizer._should_use_adamw(v)}
    assert turned == {"separable_conv2d_1/pointwise_kernel", "conv2d_10/kernel"}


def test_step_is_equal_in_all_directions() -> None:
    """The singular values of a step are about equal, and as long as the paper says."""
    keras = backend.keras()
    kernel = keras.Variable(np.zeros((1, 1, 24, 16), np.float32), name="kernel")
    recipe = replace(RECIPE, average=0.0, weight_decay=0.0)
    optimizer = make_optimizer(recipe, networks.build("tiny", 7, (48, 48)), 1000)
    optimizer.build([kernel])
    rng = np.random.default_rng(0)
    # Directions a thousand times as strong as others
    u, _ = np.linalg.qr(rng.normal(size=(24, 16)))
    v, _ = np.linalg.qr(rng.normal(size=(16, 16)))
    gradient = (u * np.geomspace(1, 1e-3, 16)) @ v.T
    optimizer.apply([keras.ops.convert_to_tensor(gradient.reshape(kernel.shape).astype(np.float32))], [kernel])
    lengths = np.linalg.svd(np.asarray(kernel).reshape(24, 16), compute_uv=False)
    # 0.2 * sqrt(max(24, 16)) times the rate, arXiv:2502.16982; Newton-Schulz leaves them within a third of it,
    # but for what is weaker than one in three hundred
    wanted = 0.02 * 0.2 * np.sqrt(24)
    assert (np.abs(lengths[:12] / wanted - 1) < 0.4).all()
    assert lengths[-1] > 0.1 * wanted


def test_run_with_muon_goes_on(faces_csv: Path, tmp_path: Path) -> None:
    """A run learns by Muon, and goes on from a checkpoint with Muon's state."""
    lines: list[str] = []
    train(RECIPE, faces_csv, tmp_path / "whole", log=lines.append)
    assert float(lines[-1].split(":")[1].split(",")[0]) > 0.4  # one in seven by chance

    class StoppedError(Exception):
        """Stands for Ctrl-C."""

    def stop(line: str) -> None:
        if line.startswith("epoch 5/"):
            raise StoppedError

    with pytest.raises(StoppedError):
        train(RECIPE, faces_csv, tmp_path / "parts", log=stop)
    again: list[str] = []
    train(RECIPE, faces_csv, tmp_path / "parts", log=again.append)
    assert again[0].startswith("going on after epoch 5")
    assert again[-1].split(";")[0] == lines[-1].split(";")[0]
