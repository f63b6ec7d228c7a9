"""A float32 .tflite as a torch module, for tools that take nothing else.

The module computes what the file computes, with the prior and the temperature that are folded into it, on channels
first. Quantizers trace it (torch.fx), so it is made of torch's own layers alone.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from fer_edge.errors import ModelError
from numpy.typing import NDArray

from fer_convert import backend

SAME = 0  # Padding
FLOAT32, INT32 = 0, 2  # TensorType
DTYPES: dict[int, type] = {FLOAT32: np.float32, INT32: np.int32}  # of constants; a float32 model has no others
ACTIVATIONS: dict[int, str] = {0: "", 1: "ReLU", 3: "ReLU6"}  # ActivationFunctionType -> torch's layer


@dataclass(frozen=True)
class Operator:
    """One operator of the graph."""

    kind: str  # of BuiltinOperator
    inputs: tuple[int, ...]  # tensors, the constant ones too
    output: int
    options: Any  # its table in the schema


@dataclass(frozen=True)
class Graph:
    """A .tflite, read: its operators in the order of their running, and its constant tensors."""

    path: Path
    operators: tuple[Operator, ...]
    constants: dict[int, NDArray[Any]]
    shapes: dict[int, tuple[int, ...]]  # of all tensors, channels last
    entry: int
    result: int


def read(path: Path) -> Graph:
    """The graph of the float32 .tflite at `path`. Raises ModelError."""
    schema: Any = _schema()
    try:
        content = path.read_bytes()
        model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
        (graph,) = model.subgraphs
        (entry,), (result,) = graph.inputs, graph.outputs
        names = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}
        kinds = [names[max(code.builtinCode, code.deprecatedBuiltinCode)] for code in model.operatorCodes]
        steps = tuple(
            Operator(kinds[step.opcodeIndex], tuple(map(int, step.inputs)), int(step.outputs[0]), step.builtinOptions)
            for step in graph.operators
        )
        shapes = {place: tuple(map(int, tensor.shape)) for place, tensor in enumerate(graph.tensors)}
        constants: dict[int, NDArray[Any]] = {}
        for place, tensor in enumerate(graph.tensors):
            data = model.buffers[tensor.buffer].data
            if data is not None and len(data) and tensor.type in DTYPES:
                constants[place] = np.frombuffer(bytes(data), DTYPES[tensor.type]).reshape(shapes[place])
    except OSError as cause:
        raise ModelError(f"model {path}: cannot be read ({cause.strerror}); check the path and its rights") from None
    except Exception:  # noqa: BLE001 - what flatbuffers and NumPy raise for damaged bytes is of many kinds
        raise ModelError(f"model {path}: not a .tflite of one input and one output; give a float32 .tflite") from None
    if graph.tensors[int(entry)].type != FLOAT32 or len(shapes[int(entry)]) != 4:
        raise ModelError(
            f"model {path}: it does not take pictures as float32; give the float32 .tflite of fer-convert quantize"
        )
    return Graph(path, steps, constants, shapes, int(entry), int(result))


def _schema() -> Any:
    """The schema of .tflite, which each of its interpreters brings along."""
    for name in ("ai_edge_litert.schema_py_generated", "tensorflow.lite.python.schema_py_generated"):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise ModelError("no module reads .tflite files here; install one with: pip install ai-edge-litert")


def module(graph: Graph) -> Any:
    """A torch.nn.Module that takes pixels (n, channels, height, width) and gives what the .tflite gives, (n, classes).

    Raises ModelError that names the operator which it does not know.
    """
    torch = backend.torch()

    class Network(torch.nn.Module):  # type: ignore[name-defined,misc]
        """Its layers, and how they are wired."""

        def __init__(self) -> None:
            super().__init__()
            self._wires: list[tuple[str, tuple[int, ...], int]] = []
            for number, step in enumerate(graph.operators):
                given = tuple(place for place in step.inputs if place not in graph.constants and place >= 0)
                maker = LAYERS.get(step.kind)
                layer = maker(graph, step) if maker else None
                if layer is None or len(given) != (2 if step.kind == "ADD" else 1):
                    raise ModelError(
                        f"model {graph.path}: its operator {step.kind} in this form cannot be exported; known are "
                        f"{', '.join(sorted(LAYERS))}"
                    )
                name = f"{step.kind.lower()}_{number}"
                self.add_module(name, layer)
                self._wires.append((name, given, step.output))

        def forward(self, pixels: Any) -> Any:
            """The probabilities."""
            tensors = {graph.entry: pixels}
            for name, given, output in self._wires:
                layer = getattr(self, name)
                x = tensors[given[0]] + tensors[given[1]] if len(given) == 2 else tensors[given[0]]
                tensors[output] = layer(x)
            return tensors[graph.result]

    return Network().eval()


# --- one function an operator: its torch layer, or None for a form of it that has none ---


def _convolution(graph: Graph, step: Operator, depthwise: bool = False) -> Any:
    torch, options = backend.torch(), step.options
    kernel = graph.constants.get(step.inputs[1])
    if kernel is None or (options.dilationHFactor, options.dilationWFactor) != (1, 1):
        return None
    channels = graph.shapes[step.inputs[0]][-1]
    weights = kernel.transpose(3, 0, 1, 2) if depthwise else kernel.transpose(0, 3, 1, 2)
    weights = weights.reshape(weights.shape[0], 1, *weights.shape[-2:]) if depthwise else weights
    strides = (options.strideH, options.strideW)
    before, even = _padding(graph, step, weights.shape[2:], strides)
    layer = torch.nn.Conv2d(
        channels, len(weights), weights.shape[2:], strides, even, groups=channels if depthwise else 1, bias=True
    )
    layer.weight.data = torch.from_numpy(weights.copy())
    bias = graph.constants.get(step.inputs[2]) if len(step.inputs) > 2 else None
    layer.bias.data = torch.zeros(len(weights)) if bias is None else torch.from_numpy(bias.copy())
    first = [torch.nn.ZeroPad2d(before)] if any(before) else []
    return _activated([*first, layer], options.fusedActivationFunction)


def _depthwise(graph: Graph, step: Operator) -> Any:
    return _convolution(graph, step, depthwise=True)


def _padding(
    graph: Graph, step: Operator, kernel: tuple[int, ...], strides: tuple[int, int]
) -> tuple[tuple[int, int, int, int], tuple[int, int]]:
    """Padding (left, right, top, bottom) of the picture before, and (rows, columns) at both sides by the layer."""
    if step.options.padding != SAME:
        return (0, 0, 0, 0), (0, 0)
    sides = graph.shapes[step.inputs[0]][1:3]
    totals = [
        max((-(-side // stride) - 1) * stride + size - side, 0)
        for side, stride, size in zip(sides, strides, kernel, strict=True)
    ]
    if all(total % 2 == 0 for total in totals):
        return (0, 0, 0, 0), (totals[0] // 2, totals[1] // 2)
    (top, left) = (total // 2 for total in totals)  # TensorFlow puts the odd one at the end, torch cannot
    return (left, totals[1] - left, top, totals[0] - top), (0, 0)


def _max_pooling(graph: Graph, step: Operator) -> Any:
    return _pooling(graph, step, backend.torch().nn.MaxPool2d)


def _average_pooling(graph: Graph, step: Operator) -> Any:
    return _pooling(graph, step, functools.partial(backend.torch().nn.AvgPool2d, count_include_pad=False))


def _pooling(graph: Graph, step: Operator, layer: Any) -> Any:
    options = step.options
    kernel, strides = (options.filterHeight, options.filterWidth), (options.strideH, options.strideW)
    before, even = _padding(graph, step, kernel, strides)
    # One row and column too few at the end, which torch leaves out as TensorFlow does.
    if any(before) and (set(before) != {0, 1} or before[0] or before[2] or min(strides) < 2):
        return None
    return _activated([layer(kernel, strides, even, ceil_mode=any(before))], options.fusedActivationFunction)


def _addition(graph: Graph, step: Operator) -> Any:
    if graph.shapes[step.inputs[0]] != graph.shapes[step.inputs[1]]:
        return None
    return _activated([backend.torch().nn.Identity()], step.options.fusedActivationFunction)


def _mean(graph: Graph, step: Operator) -> Any:
    axes = graph.constants.get(step.inputs[1])
    if axes is None or len(graph.shapes[step.inputs[0]]) != 4 or sorted(int(axis) % 4 for axis in axes.flat) != [1, 2]:
        return None
    torch = backend.torch()
    layers = [torch.nn.AdaptiveAvgPool2d(1)]
    return torch.nn.Sequential(*layers, *([] if step.options.keepDims else [torch.nn.Flatten()]))


def _reshape(graph: Graph, step: Operator) -> Any:
    """To a vector: the next dense layer has its weights in the order of channels last."""
    given, result = graph.shapes[step.inputs[0]], graph.shapes[step.output]
    alone = len(given) == 2 or given[1:3] == (1, 1)  # elsewhere that order would be another one than torch's
    return backend.torch().nn.Flatten() if alone and len(result) == 2 else None


def _dense(graph: Graph, step: Operator) -> Any:
    torch, kernel = backend.torch(), graph.constants.get(step.inputs[1])
    if kernel is None or len(graph.shapes[step.inputs[0]]) != 2:
        return None
    layer = torch.nn.Linear(kernel.shape[1], kernel.shape[0], bias=True)
    layer.weight.data = torch.from_numpy(kernel.copy())
    bias = graph.constants.get(step.inputs[2]) if len(step.inputs) > 2 else None
    layer.bias.data = torch.zeros(kernel.shape[0]) if bias is None else torch.from_numpy(bias.copy())
    return _activated([layer], step.options.fusedActivationFunction)


def _softmax(graph: Graph, step: Operator) -> Any:
    alone = len(graph.shapes[step.inputs[0]]) == 2 and step.options.beta == 1
    return backend.torch().nn.Softmax(dim=1) if alone else None


def _relu(_: Graph, __: Operator) -> Any:
    return backend.torch().nn.ReLU()


def _activated(layers: list[Any], activation: int) -> Any:
    """The layers and the activation behind them as one; None for an activation that is not known."""
    torch, name = backend.torch(), ACTIVATIONS.get(activation)
    if name is None:
        return None
    layers = [*layers, getattr(torch.nn, name)()] if name else layers
    return layers[0] if len(layers) == 1 else torch.nn.Sequential(*layers)


LAYERS: dict[str, Callable[[Graph, Operator], Any]] = {
    "ADD": _addition,
    "AVERAGE_POOL_2D": _average_pooling,
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _dense,
    "MAX_POOL_2D": _max_pooling,
    "MEAN": _mean,
    "RELU": _relu,
    "RESHAPE": _reshape,
    "SOFTMAX": _softmax,
}
