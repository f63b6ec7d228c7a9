"""What a .tflite file says of itself: its tensors and operations, read without an interpreter.

The file is a FlatBuffer of TensorFlow's schema (tensorflow/lite/schema/schema.fbs). Only what is needed is read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

TENSOR_TYPES = {0: "float32", 1: "float16", 2: "int32", 3: "uint8", 4: "int64", 7: "int16", 9: "int8"}
OPERATIONS = {
    0: "ADD",
    1: "AVERAGE_POOL_2D",
    2: "CONCATENATION",
    3: "CONV_2D",
    4: "DEPTHWISE_CONV_2D",
    6: "DEQUANTIZE",
    9: "FULLY_CONNECTED",
    14: "LOGISTIC",
    17: "MAX_POOL_2D",
    18: "MUL",
    19: "RELU",
    21: "RELU6",
    22: "RESHAPE",
    25: "SOFTMAX",
    34: "PAD",
    40: "MEAN",
    114: "QUANTIZE",
}
PADDED_MEANS = "AVERAGE_POOL_2D with padding"
MAX_ITEMS = 100_000  # of a list; a damaged file may say any number

# The places of fields in their tables.
_MODEL_OPERATOR_CODES, _MODEL_SUBGRAPHS = 1, 2
_CODE_OLD_BUILTIN, _CODE_CUSTOM, _CODE_BUILTIN = 0, 1, 3
_GRAPH_TENSORS, _GRAPH_INPUTS, _GRAPH_OUTPUTS, _GRAPH_OPERATORS = 0, 1, 2, 3
_TENSOR_SHAPE, _TENSOR_TYPE, _TENSOR_NAME = 0, 1, 3
_OPERATOR_CODE, _OPERATOR_INPUTS, _OPERATOR_OUTPUTS, _OPERATOR_OPTIONS = 0, 1, 2, 4
_POOL_PADDING, _POOL_STRIDES, _POOL_SIDES = 0, (2, 1), (4, 3)  # of rows, of columns
_SAME = 0  # kind of padding


class Tensor(NamedTuple):
    """One tensor of the graph."""

    name: str
    shape: tuple[int, ...]
    dtype: str  # NumPy's name of the type; "type 6" for one that is not in TENSOR_TYPES


class Graph(NamedTuple):
    """A file's only graph."""

    tensors: tuple[Tensor, ...]
    inputs: tuple[int, ...]  # indices of tensors
    outputs: tuple[int, ...]
    operations: frozenset[str]  # "operation 81" for one that is not in OPERATIONS; PADDED_MEANS


def read_graph(content: bytes) -> Graph:
    """The graph of the file with this `content`. Raises ValueError if it has none, several, or is damaged."""
    try:
        return _read(content)
    except (struct.error, IndexError, OverflowError) as cause:
        raise ValueError(f"the file is damaged ({cause})") from None


def _read(content: bytes) -> Graph:
    root = _Table(content, _number(content, "<I", 0))
    graphs = list(root.tables(_MODEL_SUBGRAPHS))
    if len(graphs) != 1:
        raise ValueError(f"the file has {len(graphs)} graphs; one is read")
    names = [_operation(code) for code in root.tables(_MODEL_OPERATOR_CODES)]
    (graph,) = graphs
    tensors = tuple(_tensor(table) for table in graph.tables(_GRAPH_TENSORS))
    inputs, outputs = graph.integers(_GRAPH_INPUTS), graph.integers(_GRAPH_OUTPUTS)
    if not all(0 <= index < len(tensors) for index in (*inputs, *outputs)):
        raise ValueError("the file is damaged (an input or output is no tensor)")
    used = set()
    for operator in graph.tables(_GRAPH_OPERATORS):
        name = names[operator.number(_OPERATOR_CODE, "<I", 0)]
        used.add(PADDED_MEANS if name == "AVERAGE_POOL_2D" and _pads(operator, tensors) else name)
    return Graph(tensors, inputs, outputs, frozenset(used))


def _pads(operator: _Table, tensors: tuple[Tensor, ...]) -> bool:
    """Whether windows of a pooling reach beyond the picture."""
    options = operator.table(_OPERATOR_OPTIONS)
    if options.number(_POOL_PADDING, "<b", 0) != _SAME:
        return False
    shapes = [tensors[operator.integers(field)[0]].shape for field in (_OPERATOR_INPUTS, _OPERATOR_OUTPUTS)]
    return any(
        (result - 1) * options.number(stride, "<i", 0) + options.number(side, "<i", 0) > given
        for given, result, stride, side in zip(shapes[0][1:3], shapes[1][1:3], _POOL_STRIDES, _POOL_SIDES, strict=True)
    )


def _operation(code: _Table) -> str:
    if custom := code.text(_CODE_CUSTOM):
        return custom
    # Files from before 2020 have only the older field, of one byte.
    number = max(code.number(_CODE_BUILTIN, "<i", 0), code.number(_CODE_OLD_BUILTIN, "<b", 0))
    return OPERATIONS.get(number, f"operation {number}")


def _tensor(table: _Table) -> Tensor:
    kind = table.number(_TENSOR_TYPE, "<b", 0)
    shape = table.integers(_TENSOR_SHAPE)
    return Tensor(table.text(_TENSOR_NAME), shape, TENSOR_TYPES.get(kind, f"type {kind}"))


def _number(content: bytes, kind: str, place: int) -> int:
    if place < 0:
        raise IndexError(f"an offset of {place}")
    value: int = struct.unpack_from(kind, content, place)[0]
    return value


class _Table(NamedTuple):
    """A FlatBuffer's table: its fields are found by offsets in a table of its own."""

    content: bytes
    place: int

    def _field(self, number: int) -> int:
        """Where a field lies; 0: it is left out."""
        offsets = self.place - _number(self.content, "<i", self.place)
        if 4 + 2 * number >= _number(self.content, "<H", offsets):
            return 0
        offset = _number(self.content, "<H", offsets + 4 + 2 * number)
        return self.place + offset if offset else 0

    def number(self, field: int, kind: str, default: int) -> int:
        place = self._field(field)
        return _number(self.content, kind, place) if place else default

    def _list(self, field: int) -> tuple[int, int]:
        """Where a list's items begin, and how many they are."""
        place = self._field(field)
        if not place:
            return 0, 0
        place += _number(self.content, "<I", place)
        count = _number(self.content, "<I", place)
        if count > MAX_ITEMS:
            raise IndexError(f"a list of {count}")
        return place + 4, count

    def integers(self, field: int) -> tuple[int, ...]:
        place, count = self._list(field)
        return struct.unpack_from(f"<{count}i", self.content, place)

    def text(self, field: int) -> str:
        place, count = self._list(field)
        return self.content[place : place + count].decode("utf-8", "replace")

    def table(self, field: int) -> _Table:
        place = self._field(field)
        if not place:
            raise IndexError(f"no table in field {field}")
        return _Table(self.content, place + _number(self.content, "<I", place))

    def tables(self, field: int) -> Iterator[_Table]:
        place, count = self._list(field)
        for item in range(place, place + 4 * count, 4):
            yield _Table(self.content, item + _number(self.content, "<I", item))
