"""Classifiers as others build them, made into what the device takes: grey pixels in, probabilities out.

    three channels in           the grey picture is repeated, which is what a grey face is in colour
    no distribution out         a softmax is added; a sigmoid a class is replaced by it, since a face has one class
    one number by a sigmoid     two classes: softmax(0, z) is (1 - sigmoid(z), sigmoid(z)), exactly

Whether the outputs are a distribution is measured, on a few pictures, not read from the layers' names.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from fer_edge.classifiers.tflite import MAX_SUM_ERROR, probe_pictures
from fer_edge.errors import ModelError
from numpy.typing import NDArray

from fer_convert import backend
from fer_convert.export.flat import flatten
from fer_convert.messages import warn

COLOURS = 3


def to_grey_input(model: Any, path: Path) -> Any:
    """`model`, or one that repeats its grey input for the three colours that `model` takes; that is said once."""
    keras = backend.keras()
    if model.input_shape[-1] != COLOURS:
        return model
    image = keras.Input((*model.input_shape[1:3], 1), name="pixels")
    colours = keras.layers.Concatenate(name="grey_to_colour")([image] * COLOURS)
    warn(f"model {path}: takes colours; faces are grey here, so each of the three gets the grey picture")
    return flatten(keras.Model(image, model(colours), name=model.name))


def to_probabilities(model: Any, path: Path, pixel_range: tuple[float, float]) -> Any:
    """`model`, or one with the softmax that it lacks; that is said. `pixel_range`: its values for pixels 0 and 255.

    Raises ModelError if what it gives cannot be made into probabilities.
    """
    keras = backend.keras()
    if len(model.output_shape) == 4 and model.output_shape[1:3] == (1, 1):
        model = keras.Model(model.inputs[0], keras.layers.Flatten(name="classes")(model.outputs[0]), name=model.name)
    found = _predictions(model, pixel_range)
    if not np.isfinite(found).all():
        raise ModelError(f"model {path}: gives {found.ravel()[0]:g} for a picture, no number; train it again")
    classes = found.shape[1]
    if classes > 1 and found.min() >= -MAX_SUM_ERROR and np.abs(found.sum(axis=1) - 1).max() <= MAX_SUM_ERROR:
        return model
    by_sigmoid = _activation(model.layers[-1]) == "sigmoid"
    if classes == 1 and not by_sigmoid:
        raise ModelError(
            f"model {path}: gives one number, and not by a sigmoid; one of two classes has two outputs, or one "
            "behind a sigmoid"
        )
    if by_sigmoid:
        model = _without_activation(model)
    if classes == 1:
        output = _two_classes(model)
        warn(f"model {path}: has one output behind a sigmoid; it is made two, the probabilities of its classes 0 and 1")
    else:
        output = keras.layers.Activation("softmax", name="added_softmax")(model.outputs[0])
        why = "a sigmoid for each class" if by_sigmoid else "numbers that do not sum to 1, such as logits"
        warn(f"model {path}: ends in {why}; a softmax is put there, so that it gives probabilities")
    return keras.Model(model.inputs[0], output, name=model.name)


def _predictions(model: Any, pixel_range: tuple[float, float]) -> NDArray[np.float32]:
    """What `model` gives (n, classes) for a few pictures."""
    low, high = pixel_range
    pictures = np.stack(probe_pictures(model.input_shape[1:3]))[..., None].astype(np.float32)
    with backend.quiet():  # TensorFlow's advice on a program that asks several models once
        found: NDArray[np.float32] = np.asarray(model.predict_on_batch(low + (high - low) / 255 * pictures))
    return found


def _activation(layer: Any) -> str:
    return getattr(getattr(layer, "activation", None), "__name__", "")


def _without_activation(model: Any) -> Any:
    """A copy of `model` whose last layer has no activation."""
    last = model.layers[-1]

    def copy(layer: Any) -> Any:
        config = layer.get_config()
        return type(layer).from_config(config | {"activation": "linear"} if layer is last else config)

    bare = backend.keras().models.clone_model(model, clone_function=copy)
    bare.set_weights(model.get_weights())
    return bare


def _two_classes(model: Any) -> Any:
    """The probabilities of two classes from the one logit that `model` gives, by a last layer with weights."""
    layer = backend.keras().layers.Dense(2, activation="softmax", name="two_classes")
    output = layer(model.outputs[0])
    layer.set_weights([np.array([[0.0, 1.0]], np.float32), np.zeros(2, np.float32)])
    return output
