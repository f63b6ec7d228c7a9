"""One graph instead of models inside models.

Training behind a scaling layer, and whoever assembles networks, leaves a model as a layer of another. Folding and
changing the last layer look at a graph's own layers, so `fer_convert.export.load` lays everything out first.
"""

from __future__ import annotations

from typing import Any

from fer_convert import backend


def flat(model: Any) -> Any:
    """`model` as a Functional model without models among its layers, with the same name and weights.

    `model` is left alone; it is returned as it is where there is nothing to lay out.
    """
    keras = backend.keras()
    sequential = isinstance(model, keras.Sequential)
    if not sequential and not any(isinstance(layer, keras.Model) for layer in model.layers):
        return model
    model = _functional(model)
    image = keras.Input(batch_shape=model.input_shape, name="pixels")
    made: dict[int, tuple[Any, Any]] = {}
    laid_out = keras.Model(image, _lay_out(model, image, made), name=model.name)
    for old, new in made.values():
        new.set_weights(old.get_weights())
    return laid_out


def _functional(model: Any) -> Any:
    keras = backend.keras()
    if isinstance(model, keras.Sequential):
        return keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    return model


def _lay_out(model: Any, tensor: Any, made: dict[int, tuple[Any, Any]]) -> Any:
    """What `model` makes of `tensor`, by copies of its layers; `made` gets each layer and its copy."""
    keras = backend.keras()

    def copy(layer: Any) -> Any:
        if isinstance(layer, keras.Model):
            return _functional(layer)
        if id(layer) not in made:
            names = {new.name for _, new in made.values()}
            config = layer.get_config()
            while config["name"] in names:  # they must differ in one graph
                config["name"] += "_inner"
            made[id(layer)] = layer, type(layer).from_config(config)
        return made[id(layer)][1]

    def call(layer: Any, *given: Any, **named: Any) -> Any:
        return _lay_out(layer, given[0], made) if isinstance(layer, keras.Model) else layer(*given, **named)

    entry = [tensor] if isinstance(model.input, list) else tensor
    # Keras's own way of cloning a model, which from outside cannot begin at another layer's output.
    result = model._run_through_graph(entry, operation_fn=copy, call_fn=call)
    return result[0] if isinstance(result, list) else result
