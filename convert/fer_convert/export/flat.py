"""Flatten models inside models into one graph.

A model trained behind a scaling layer, or assembled from others, is a layer of another model. Folding and changing the
last layer look at a graph's own layers, so `fer_convert.export.load` flattens every model first.
"""

from __future__ import annotations

from typing import Any

from fer_convert import backend


def flatten(model: Any) -> Any:
    """`model` as a Functional model without models among its layers, with the same name and weights.

    `model` is not changed; it is returned as it is if there is nothing to flatten.
    """
    keras = backend.keras()
    sequential = isinstance(model, keras.Sequential)
    if not sequential and not any(isinstance(layer, keras.Model) for layer in model.layers):
        return model
    model = _functional(model)
    image = keras.Input(batch_shape=model.input_shape, name="pixels")
    copies: dict[int, tuple[Any, Any]] = {}
    flattened = keras.Model(image, _apply_copies(model, image, copies), name=model.name)
    for old, new in copies.values():
        new.set_weights(old.get_weights())
    return flattened


def _functional(model: Any) -> Any:
    keras = backend.keras()
    if isinstance(model, keras.Sequential):
        return keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    return model


def _apply_copies(model: Any, tensor: Any, copies: dict[int, tuple[Any, Any]]) -> Any:
    """The output of `model` for `tensor`, by copies of its layers; each layer and its copy are added to `copies`."""
    keras = backend.keras()

    def copy(layer: Any) -> Any:
        if isinstance(layer, keras.Model):
            return _functional(layer)
        if id(layer) not in copies:
            names = {new.name for _, new in copies.values()}
            config = layer.get_config()
            while config["name"] in names:  # they must differ in one graph
                config["name"] += "_inner"
            copies[id(layer)] = layer, type(layer).from_config(config)
        return copies[id(layer)][1]

    def call(layer: Any, *given: Any, **named: Any) -> Any:
        return _apply_copies(layer, given[0], copies) if isinstance(layer, keras.Model) else layer(*given, **named)

    entry = [tensor] if isinstance(model.input, list) else tensor
    # Keras clones a model in this way; its public function cannot begin at another layer's output.
    result = model._run_through_graph(entry, operation_fn=copy, call_fn=call)
    return result[0] if isinstance(result, list) else result
