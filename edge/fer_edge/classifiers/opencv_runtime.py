"""OpenCV's reader of .tflite files behind the methods of TFLite's interpreter, for systems that have none.

32-bit systems with Python 3.12 or newer are such: no TFLite package has a wheel for them. OpenCV runs float models
alone, and some operations wrong without a word (up to 4.14 it leaves out the bias of FULLY_CONNECTED), so only those
are let through whose answers agree with TFLite's, see docs/models.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_edge.classifiers.tflite_file import Tensor, read_graph

MIN_OPENCV = (4, 10)  # 4.8 knows no MEAN
# Every one of them is in the shipped models or in BlazeFace, whose answers were compared.
EXACT = frozenset(
    (
        "ADD",
        "AVERAGE_POOL_2D",
        "CONCATENATION",
        "CONV_2D",
        "DEPTHWISE_CONV_2D",
        "DEQUANTIZE",
        "MAX_POOL_2D",
        "MEAN",
        "PAD",
        "RELU",
        "RESHAPE",
        "SOFTMAX",
    )
)
DTYPES = ("float32", "float16", "int32")  # of tensors; int32: of shapes and axes

if tuple(int(part) for part in cv2.__version__.split(".")[:2]) < MIN_OPENCV:
    raise ImportError(f"OpenCV {cv2.__version__} is too old to read .tflite files, 4.10 is the minimum")
# Debian's OpenCV is built without FlatBuffers: there the function exists, and always fails.
if not re.search(r"Flatbuffers:\s+(?!NO\b)\S", cv2.getBuildInformation()):
    raise ImportError(f"this OpenCV {cv2.__version__}, as Debian's, was built without its reader of .tflite files")


class Interpreter:
    """A float model of one input, run by OpenCV. Its threads are the whole program's (cv2.setNumThreads)."""

    def __init__(self, model_content: bytes, num_threads: int = 1) -> None:  # noqa: ARG002 - as TFLite's
        """Read the model. Raises ValueError if OpenCV cannot run it, or might run it wrong."""
        graph = read_graph(model_content)
        integer = sorted({tensor.dtype for tensor in graph.tensors} - {*DTYPES})
        if integer:
            raise ValueError(f"OpenCV runs no model with {', '.join(integer)} in it; choose the float32 variant")
        inexact = sorted(graph.operations - EXACT)
        if inexact:
            raise ValueError(f"OpenCV may run {', '.join(inexact)} wrong; a 64-bit system has TFLite itself")
        if len(graph.inputs) != 1:
            raise ValueError(f"the model has {len(graph.inputs)} inputs; OpenCV runs models of one here")
        self._tensors, self._entry, self._results = graph.tensors, graph.inputs[0], graph.outputs
        shape = graph.tensors[self._entry].shape
        if len(shape) != 4 or not all(1 <= side <= 4096 for side in shape):
            raise ValueError(f"the model takes {shape}; OpenCV runs those of (1, height, width, channels) here")
        try:
            self._net = cv2.dnn.readNetFromTFLite(np.frombuffer(model_content, np.uint8))
        except cv2.error as cause:
            raise ValueError(f"OpenCV {cv2.__version__}: {cause.err}") from None
        self._names = [graph.tensors[index].name for index in graph.outputs]
        if sorted(self._names) != sorted(self._net.getUnconnectedOutLayersNames()):
            raise ValueError(f"OpenCV {cv2.__version__} finds other outputs in it than {', '.join(self._names)}")
        self._input = np.zeros(shape, np.float32)
        self._outputs: dict[int, NDArray[np.float32]] = {}

    def allocate_tensors(self) -> None:
        """Run it once, on zeros: what fails, fails now."""
        self.invoke()

    def get_input_details(self) -> list[dict[str, Any]]:
        """As TFLite's: index, name, shape, dtype and quantization of the input."""
        return [_details(self._entry, self._tensors[self._entry])]

    def get_output_details(self) -> list[dict[str, Any]]:
        """The same of the outputs, in the file's order."""
        return [_details(index, self._tensors[index]) for index in self._results]

    def tensor(self, index: int) -> Callable[[], NDArray[np.float32]]:
        """A function that gives the input's memory, (1, height, width, channels)."""
        if index != self._entry:
            raise ValueError(f"tensor {index}: only the input can be written")
        return lambda: self._input

    def set_tensor(self, index: int, value: NDArray[np.float32]) -> None:
        """Write the input."""
        self.tensor(index)()[...] = value

    def invoke(self) -> None:
        """Run the model. Raises RuntimeError."""
        try:
            self._net.setInput(np.ascontiguousarray(self._input.transpose(0, 3, 1, 2)))
            found = self._net.forward(self._names)
        except cv2.error as cause:
            raise RuntimeError(f"OpenCV {cv2.__version__}: {cause.err}") from None
        for index, output in zip(self._results, found, strict=True):
            self._outputs[index] = np.asarray(output, np.float32).reshape(self._tensors[index].shape)

    def get_tensor(self, index: int) -> NDArray[np.float32]:
        """An output, in its shape."""
        return self._outputs[index]


def _details(index: int, tensor: Tensor) -> dict[str, Any]:
    shape = np.array(tensor.shape, np.int32)
    return {"index": index, "name": tensor.name, "shape": shape, "dtype": np.float32, "quantization": (0.0, 0)}
