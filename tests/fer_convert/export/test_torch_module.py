"""A .tflite as a torch module: the same numbers, or the operator that cannot be had."""

from __future__ import annotations

import os
import types
from pathlib import Path

import numpy as np
import pytest
from fer_convert.export import torch_module
from fer_convert.export.torch_module import Graph, Operator
from fer_edge.classifiers.cards import load_card, models_folder
from fer_edge.classifiers.tflite import TfliteClassifier
from fer_edge.errors import ModelError

FLOAT32 = models_folder() / "mini_xception-float32.tflite"
CONVOLUTION = {"dilationHFactor": 1, "dilationWFactor": 1, "fusedActivationFunction": 0}


def test_shipped_graph_is_read() -> None:
    """Its operators in order, and its constants with the kernels' shapes."""
    graph = torch_module.read(FLOAT32)
    kinds = [step.kind for step in graph.operators]
    assert (kinds[0], kinds[-2:], kinds.count("ADD")) == ("CONV_2D", ["MEAN", "SOFTMAX"], 4)
    assert graph.constants[graph.operators[0].inputs[1]].shape == (16, 3, 3, 1)
    assert (graph.shapes[graph.entry], graph.shapes[graph.result]) == ((1, 64, 64, 1), (1, 7))


@pytest.mark.parametrize("content", [b"", b"no model", None, FLOAT32.read_bytes()[:5000]], ids=str)
def test_damaged_files_are_refused(content: bytes | None, tmp_path: Path) -> None:
    """Cut off, something else, or not there: one line that names the file."""
    path = tmp_path / "m.tflite"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=r"m\.tflite: (not a \.tflite|cannot be read)"):
        torch_module.read(path)


def test_integer_models_are_refused() -> None:
    with pytest.raises(ModelError, match="does not take pictures as float32; give the float32"):
        torch_module.read(models_folder() / "mini_xception-int8.tflite")


@pytest.mark.torch
@pytest.mark.parametrize("name", ["mini_xception", "mini_xception_fer2013"])
def test_module_computes_the_same(name: str) -> None:
    """To rounding, on noise, which no prediction is used to."""
    import torch

    path = models_folder() / f"{name}-float32.tflite"
    faces = np.random.default_rng(0).integers(0, 256, (8, 64, 64), np.uint8)
    with torch.no_grad():
        given = torch.from_numpy(faces[:, None].astype(np.float32))
        found = torch_module.module(torch_module.read(path))(given).numpy()
    np.testing.assert_allclose(found, TfliteClassifier(load_card(path)).predict_crops(faces), atol=1e-5)


def one(
    kind: str, shape: tuple[int, ...], result: tuple[int, ...], constants: list[np.ndarray], **options: int
) -> Graph:
    """A graph of one operator."""
    places = dict(enumerate(constants, 1))
    step = Operator(kind, (0, *places), 9, types.SimpleNamespace(**options))
    shapes = {0: shape, 9: result} | {place: each.shape for place, each in places.items()}
    return Graph(Path("m.tflite"), (step,), places, shapes, 0, 9)


@pytest.mark.torch
@pytest.mark.parametrize(
    ("side", "stride", "kernel"), [(8, 1, 3), (8, 2, 3), (7, 2, 3), (9, 3, 2), (8, 2, 2), (6, 1, 4)]
)
def test_same_padding_is_tensorflows(side: int, stride: int, kernel: int) -> None:
    """The odd row is at the end; Keras on torch pads as TensorFlow does."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras
    import torch

    rng = np.random.default_rng(side)
    x = rng.normal(size=(1, side, side, 2)).astype(np.float32)
    weights = rng.normal(size=(kernel, kernel, 2, 3)).astype(np.float32)
    wanted = np.asarray(keras.ops.convert_to_numpy(keras.ops.conv(x, weights, stride, "same")))
    options = CONVOLUTION | {"padding": torch_module.SAME, "strideH": stride, "strideW": stride}
    network = torch_module.module(one("CONV_2D", x.shape, wanted.shape, [weights.transpose(3, 0, 1, 2)], **options))
    found = network(torch.from_numpy(x.transpose(0, 3, 1, 2).copy())).detach().numpy()
    np.testing.assert_allclose(found.transpose(0, 2, 3, 1), wanted, atol=1e-5)


@pytest.mark.torch
@pytest.mark.parametrize(("side", "stride", "kernel"), [(8, 2, 3), (7, 2, 3), (8, 2, 2), (9, 2, 2)])
def test_pooling_ignores_what_is_outside(side: int, stride: int, kernel: int) -> None:
    """Of negative values too, where a padding of zeros would win."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras
    import torch

    x = -1 - np.random.default_rng(side).random((1, side, side, 2)).astype(np.float32)
    wanted = np.asarray(keras.ops.convert_to_numpy(keras.ops.max_pool(x, kernel, stride, "same")))
    options = {"padding": torch_module.SAME, "strideH": stride, "strideW": stride, "fusedActivationFunction": 0}
    options |= {"filterHeight": kernel, "filterWidth": kernel}
    network = torch_module.module(one("MAX_POOL_2D", x.shape, wanted.shape, [], **options))
    found = network(torch.from_numpy(x.transpose(0, 3, 1, 2).copy())).detach().numpy()
    np.testing.assert_allclose(found.transpose(0, 2, 3, 1), wanted)


@pytest.mark.torch
@pytest.mark.parametrize(("side", "stride", "kernel"), [(15, 5, 5), (11, 4, 4), (8, 2, 3), (7, 2, 3), (9, 2, 2)])
def test_means_are_of_pixels_alone(side: int, stride: int, kernel: int) -> None:
    """What is outside counts for nothing."""
    import torch

    x = np.random.default_rng(side).random((1, side, side, 2)).astype(np.float32)
    cells = -(-side // stride)
    before = max((cells - 1) * stride + kernel - side, 0) // 2
    spans = [slice(max(cell * stride - before, 0), cell * stride - before + kernel) for cell in range(cells)]
    wanted = np.array([[x[0, rows, columns].mean(axis=(0, 1)) for columns in spans] for rows in spans])
    options = {"padding": torch_module.SAME, "strideH": stride, "strideW": stride, "fusedActivationFunction": 0}
    options |= {"filterHeight": kernel, "filterWidth": kernel}
    network = torch_module.module(one("AVERAGE_POOL_2D", x.shape, (1, *wanted.shape), [], **options))
    found = network(torch.from_numpy(x.transpose(0, 3, 1, 2).copy())).detach().numpy()
    np.testing.assert_allclose(found[0].transpose(1, 2, 0), wanted, rtol=1e-5)


@pytest.mark.torch
def test_unknown_operators_are_named() -> None:
    """With those that are known."""
    with pytest.raises(
        ModelError,
        match=r"operator HARD_SWISH in this form cannot be exported; known are ADD, AVERAGE_POOL_2D, CONV_2D",
    ):
        torch_module.module(one("HARD_SWISH", (1, 8, 8, 1), (1, 8, 8, 1), []))
