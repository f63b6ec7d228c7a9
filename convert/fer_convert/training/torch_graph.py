"""A Keras network on torch's own kernels: the same variables and the same numbers, several times as fast on a CPU.

Keras's torch backend computes batch normalization in a dozen operations and in float32, and loses the memory layout in
which convolutions are fast. Here each layer that matters is one torch operation on channels-last data, in bfloat16 if
the processor has it; any other layer is called as it is. The variables stay Keras's own, so optimizer, checkpoints and
saved models are not affected.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fer_convert import backend

Run = Callable[[Any, bool], Any]  # (input tensors of one layer, training) -> its output tensor
MIN_MATMUL_CHANNELS = 256  # input channels from which on a 1 x 1 convolution is faster as a matrix product


def fits(model: Any) -> bool:
    """Whether `forward` can compute `model`: one input, one output, and layers that are each used once."""
    if len(model.inputs) != 1 or len(model.outputs) != 1 or not model.weights:
        return False
    keras = backend.keras()
    return not any(isinstance(layer, keras.Model) or len(layer._inbound_nodes) != 1 for layer in model.layers)


def forward(model: Any) -> Callable[[Any, bool], Any]:
    """A function that computes `model`, if it `fits`.

    It takes (tensor (n, height, width, 1), training) and returns the probabilities (n, classes).
    """
    program: list[tuple[Run, tuple[int, ...], int]] = []
    for layer in model.layers:
        if type(layer).__name__ == "InputLayer":
            continue
        entries = layer.input if isinstance(layer.input, list | tuple) else [layer.input]
        run = LAYER_RUNS.get(type(layer).__name__, _any)(layer)
        program.append((run, tuple(map(id, entries)), id(layer.output)))
    first, last = id(model.inputs[0]), id(model.outputs[0])

    def compute(faces: Any, training: bool) -> Any:
        torch = backend.torch()
        x = faces.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
        tensors = {first: x}
        for run, entries, result in program:
            tensors[result] = run([tensors[entry] for entry in entries], training)
        return tensors[last].float()

    return compute


# --- layers ---


def _any(layer: Any) -> Run:
    """A layer as Keras runs it."""

    def run(given: list[Any], training: bool) -> Any:
        inputs = [x.permute(0, 2, 3, 1) if x.ndim == 4 else x for x in given]
        arguments = {"training": training} if layer._call_has_training_arg else {}
        result = layer(inputs if len(inputs) > 1 else inputs[0], **arguments)
        return result.permute(0, 3, 1, 2) if result.ndim == 4 else result

    return run


def _activation(layer: Any) -> Run:
    functional = backend.torch().nn.functional
    if layer.activation.__name__ == "relu":
        return lambda given, _: functional.relu(given[0])
    if layer.activation.__name__ == "relu6":
        return lambda given, _: functional.relu6(given[0])
    if layer.activation.__name__ == "softmax":
        return lambda given, _: functional.softmax(given[0].float(), dim=1)
    return _any(layer)


def _rescaling(layer: Any) -> Run:
    return lambda given, _: given[0] * layer.scale + layer.offset


def _add(_: Any) -> Run:
    return lambda given, _: sum(given[1:], given[0])


def _mean(layer: Any) -> Run:
    if layer.keepdims:
        return _any(layer)
    return lambda given, _: given[0].float().mean(dim=(2, 3))


def _norm(layer: Any) -> Run:
    functional = backend.torch().nn.functional

    def run(given: list[Any], training: bool) -> Any:
        # torch's running variance is the unbiased one, Keras's is not: they differ by 1 in n * height * width.
        return functional.batch_norm(
            given[0],
            layer.moving_mean.value,
            layer.moving_variance.value,
            layer.gamma.value if layer.scale else None,
            layer.beta.value if layer.center else None,
            training and layer.trainable,
            1 - layer.momentum,
            layer.epsilon,
        )

    return run


def _convolution(layer: Any) -> Run:
    return _convolve(layer, [(layer.kernel, False)], layer.activation)


def _depthwise(layer: Any) -> Run:
    return _convolve(layer, [(layer.kernel, True)], layer.activation)


def _separable(layer: Any) -> Run:
    return _convolve(layer, [(layer.depthwise_kernel, True), (layer.pointwise_kernel, False)], layer.activation)


def _convolve(layer: Any, kernels: list[tuple[Any, bool]], activation: Any) -> Run:
    """A convolution by each of the kernels (kernel, depthwise): stride and padding at the first, bias at the last."""
    functional = backend.torch().nn.functional
    if tuple(layer.dilation_rate) != (1, 1) or activation.__name__ not in ("linear", "relu"):
        return _any(layer)

    def run(given: list[Any], _: bool) -> Any:
        (x,) = given
        for number, (kernel, depthwise) in enumerate(kernels):
            first, last = number == 0, number == len(kernels) - 1
            weight, groups = kernel.value.permute(3, 2, 0, 1), 1
            if depthwise:
                rows, columns, channels, each = kernel.shape
                weight = kernel.value.permute(2, 3, 0, 1).reshape(channels * each, 1, rows, columns)
                groups = channels
            before = (0, 0)
            if first and layer.padding == "same":
                x, before = _padded(x, layer.kernel_size, layer.strides, 0.0)
            bias = layer.bias.value if last and layer.use_bias else None
            strides = tuple(layer.strides) if first else (1, 1)
            if tuple(kernel.shape[:2]) == (1, 1) and strides != (1, 1):
                # oneDNN's backward pass of a strided 1 x 1 convolution of 8 channels writes outside its memory.
                x, strides = x[:, :, :: strides[0], :: strides[1]], (1, 1)
            x = _convolved(x, weight, bias, strides, before, groups)
        return functional.relu(x) if activation.__name__ == "relu" else x

    return run


def _convolved(x: Any, weight: Any, bias: Any, strides: tuple[int, int], before: tuple[int, int], groups: int) -> Any:
    """A convolution by torch, in the way that is fastest on a CPU; all ways agree but for rounding."""
    torch = backend.torch()
    functional = torch.nn.functional
    if x.device.type == "cpu" and groups > 1 and strides != (1, 1):
        # oneDNN's backward pass of this one in bfloat16 takes five to fifteen times as long as in float32.
        with torch.autocast("cpu", enabled=False):
            bias = None if bias is None else bias.float()
            return functional.conv2d(x.float(), weight.float(), bias, strides, before, groups=groups).to(x.dtype)
    if (
        x.device.type == "cpu"
        and weight.shape[2:] == (1, 1)
        and strides == (1, 1)
        and weight.shape[1] >= MIN_MATMUL_CHANNELS
    ):
        return functional.linear(x.permute(0, 2, 3, 1), weight.flatten(1), bias).permute(0, 3, 1, 2)
    return functional.conv2d(x, weight, bias, strides, before, groups=groups)


def _padded(x: Any, kernel: tuple[int, int], strides: tuple[int, int], value: float) -> tuple[Any, tuple[int, int]]:
    """`x`, and the padding (rows, columns) that a convolution adds on both sides, for TensorFlow's padding "same".

    That padding puts an odd pixel at the end; torch can only pad both sides alike, so `x` is padded before.
    """
    totals = [
        max((-(-n // stride) - 1) * stride + size - n, 0)
        for n, size, stride in zip(x.shape[2:], kernel, strides, strict=True)
    ]
    if all(total % 2 == 0 for total in totals):
        return x, (totals[0] // 2, totals[1] // 2)
    (top, left) = (total // 2 for total in totals)
    edges = (left, totals[1] - left, top, totals[0] - top)
    return backend.torch().nn.functional.pad(x, edges, value=value), (0, 0)


def _max_pooling(layer: Any) -> Run:
    functional = backend.torch().nn.functional

    def run(given: list[Any], _: bool) -> Any:
        (x,) = given
        before = (0, 0)
        if layer.padding == "same":
            x, before = _padded(x, layer.pool_size, layer.strides, float("-inf"))
        return functional.max_pool2d(x, layer.pool_size, layer.strides, before)

    return run


def _average_pooling(layer: Any) -> Run:
    torch = backend.torch()

    def run(given: list[Any], _training: bool) -> Any:
        x = given[0].float()
        inside = torch.ones_like(x[:1, :1])
        before = (0, 0)
        if layer.padding == "same":
            x, before = _padded(x, layer.pool_size, layer.strides, 0.0)
            inside, _ = _padded(inside, layer.pool_size, layer.strides, 0.0)
        # Of the pixels alone, as TensorFlow has it: padding counts for nothing.
        total, share = (
            torch.nn.functional.avg_pool2d(tensor, layer.pool_size, layer.strides, before) for tensor in (x, inside)
        )
        return total / share

    return run


LAYER_RUNS: dict[str, Callable[[Any], Run]] = {
    "Activation": _activation,
    "Add": _add,
    "AveragePooling2D": _average_pooling,
    "BatchNormalization": _norm,
    "Conv2D": _convolution,
    "DepthwiseConv2D": _depthwise,
    "GlobalAveragePooling2D": _mean,
    "MaxPooling2D": _max_pooling,
    "Rescaling": _rescaling,
    "SeparableConv2D": _separable,
}
