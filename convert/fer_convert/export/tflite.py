"""One .tflite file: converted from a Keras model, inspected, and run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from fer_edge.classifiers.runtimes import find_runtime
from numpy.typing import NDArray

from fer_convert import backend
from fer_convert.data.faces import network_input


def convert(model: Any, size: tuple[int, int], variant: str, shown: NDArray[np.uint8]) -> bytes:
    """The .tflite content of the Keras `model`, which takes pixels of `size` (height, width), as `variant`.

    `shown` (n, height, width) are the faces that int8 is calibrated on.
    """
    keras, tf = backend.keras(), backend.tensorflow()
    # One face at a time, as the device asks; a free batch size would keep the converter from folding shapes.
    face = keras.Input(batch_shape=(1, *size, 1), name="pixels")
    single = keras.Model(face, model(face))

    def representative_faces() -> Iterator[list[NDArray[np.float32]]]:
        for face in network_input(shown):
            yield [face[None]]

    with backend.quiet():
        converter = tf.lite.TFLiteConverter.from_keras_model(single)
        if variant != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if variant == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if variant == "int8":
            converter.representative_dataset = representative_faces
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = converter.inference_output_type = tf.uint8
        return bytes(converter.convert())


def input_and_output(content: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """The interpreter's details of a model's input and output tensor."""
    return _details(_interpreter(content))


def predict_classes(content: bytes, faces: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The most probable class (n,) by an int8 model, of each of `faces` (n, height, width)."""
    interpreter = _interpreter(content)
    with backend.quiet():
        interpreter.allocate_tensors()
    entry, result = _details(interpreter)
    classes = []
    for face in faces:
        interpreter.set_tensor(entry["index"], face[None, ..., None])
        interpreter.invoke()
        classes.append(int(interpreter.get_tensor(result["index"]).argmax()))
    return np.array(classes)


def _interpreter(content: bytes) -> Any:
    _, interpreter_class = find_runtime()
    with backend.quiet():
        return interpreter_class(model_content=content)


def _details(interpreter: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    (entry,), (result,) = interpreter.get_input_details(), interpreter.get_output_details()
    return entry, result
