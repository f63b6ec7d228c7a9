"""Muon on kernels of convolutions: which it moves, how far, the same on torch, and that a network learns by it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fer_convert import backend, networks
from fer_convert.data.augment import OFF
from fer_convert.training.recipe import Recipe
from fer_convert.training.train import _optimizer, train

# The first test to need it waits for TensorFlow, which on a busy machine takes long.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

RECIPE = Recipe(
    network="tiny",
    size=48,
    epochs=40,
    batch=16,
    learning_rate=0.02,
    average=0.9,
    optimizer="muon",
    label_smoothing=0.0,
    augmentation=OFF,
)


def test_it_moves_the_kernels_that_mix_channels_and_adamw_the_rest() -> None:
    keras = backend.keras()
    model = networks.build("mini_xception", 7, (64, 64))
    optimizer = _optimizer(keras, RECIPE, model, 28_709)
    optimizer.build(model.trainable_variables)
    turned = {v.path for v in model.trainable_variables if not optimizer._should_use_adamw(v)}
    assert {"stem1_conv/kernel", "stem2_conv/kernel"} < turned
    assert all(path.endswith(("/kernel", "/pointwise_kernel")) for path in turned)
    assert sum(path.endswith("pointwise_kernel") for path in turned) == 8
    assert not any("class_maps" in path for path in turned)


def test_a_layer_whose_name_begins_as_the_last_ones_is_not_taken_for_it() -> None:
    """Keras numbers layers: the published weights end in conv2d_7 and have a separable_conv2d_7."""
    keras = backend.keras()
    image = keras.Input((8, 8, 4))
    x = keras.layers.SeparableConv2D(8, 3, name="separable_conv2d_1")(image)
    x = keras.layers.Conv2D(8, 3, name="conv2d_10")(x)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(7, 3, name="conv2d_1")(x))
    model = keras.Model(image, x)
    optimizer = _optimizer(keras, RECIPE, model, 100)
    turned = {v.path for v in model.trainable_variables if not optimizer._should_use_adamw(v)}
    assert turned == {"separable_conv2d_1/pointwise_kernel", "conv2d_10/kernel"}


def test_a_step_goes_equally_far_in_every_direction() -> None:
    keras = backend.keras()
    kernel = keras.Variable(np.zeros((1, 1, 24, 16), np.float32), name="kernel")
    optimizer = _optimizer(keras, replace(RECIPE, average=0.0, weight_decay=0.0), _model(keras), 1000)
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


@pytest.mark.torch
def test_on_torch_all_variables_at_once_move_as_one_by_one() -> None:
    """In a process of its own, for Keras has one backend a process."""
    pytest.importorskip("torch", reason="torch is not installed: pip install '.[torch]'")
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("torch_muon_twin.py"))],
        env={**os.environ, "KERAS_BACKEND": "torch", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def _model(keras: object) -> object:
    return networks.build("tiny", 7, (48, 48))


@pytest.fixture(autouse=True)
def _tiny(tiny: str) -> None:
    """Every run here trains the small network."""


def test_a_run_learns_by_it_and_goes_on_where_it_stopped(faces_csv: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    train(RECIPE, faces_csv, tmp_path / "whole", report=lines.append)
    assert float(lines[-1].split(":")[1].split(",")[0]) > 0.4  # one in seven by chance

    class StoppedError(Exception):
        """Stands for Ctrl-C."""

    def stop(line: str) -> None:
        if line.startswith("epoch 5/"):
            raise StoppedError

    with pytest.raises(StoppedError):
        train(RECIPE, faces_csv, tmp_path / "parts", report=stop)
    again: list[str] = []
    train(RECIPE, faces_csv, tmp_path / "parts", report=again.append)
    assert again[0].startswith("going on after epoch 5")
    assert again[-1].split(";")[0] == lines[-1].split(";")[0]
