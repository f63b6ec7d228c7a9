"""A softmax at the end of a .tflite file that was converted without one."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

SOFTMAX, FLOAT32 = 25, 0  # of BuiltinOperator and TensorType, tensorflow/lite/schema/schema.fbs


def added(content: bytes) -> bytes | None:
    """The model `content` with a softmax behind its only output; None if that is not a vector of floats."""
    flatbuffers: Any = importlib.import_module("flatbuffers")
    schema: Any = importlib.import_module("tensorflow.lite.python.schema_py_generated")
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    graph = model.subgraphs[0]
    last = graph.tensors[int(graph.outputs[0])]
    if len(model.subgraphs) != 1 or len(graph.outputs) != 1 or last.type != FLOAT32 or len(last.shape) != 2:
        return None
    code = schema.OperatorCodeT()
    code.builtinCode, code.deprecatedBuiltinCode, code.version = SOFTMAX, SOFTMAX, 1
    model.operatorCodes.append(code)
    output = schema.TensorT()
    output.shape, output.type, output.buffer, output.name = last.shape, FLOAT32, 0, b"added_softmax"
    if last.shapeSignature is not None:
        output.shapeSignature = last.shapeSignature
    graph.tensors.append(output)
    options = schema.SoftmaxOptionsT()
    options.beta = 1.0
    operator = schema.OperatorT()
    operator.opcodeIndex = len(model.operatorCodes) - 1
    operator.inputs, operator.outputs = np.array(graph.outputs, np.int32), np.array([len(graph.tensors) - 1], np.int32)
    operator.builtinOptionsType, operator.builtinOptions = schema.BuiltinOptions.SoftmaxOptions, options
    graph.operators.append(operator)
    graph.outputs = operator.outputs
    for signature in model.signatureDefs or ():
        signature.outputs[0].tensorIndex = len(graph.tensors) - 1
    builder = flatbuffers.Builder(len(content) + 1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())
