"""The Keras model to train: new or loaded, with its optimizer, its loss and the moving average of its weights."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from fer_edge.classifiers.labels import match_labels
from fer_edge.errors import SettingsError, first_line

from fer_convert import backend, networks
from fer_convert.data.batches import small_size
from fer_convert.data.faces import Dataset
from fer_convert.export import load
from fer_convert.export.load import LoadedModel
from fer_convert.training.recipe import Recipe


def prepare(recipe: Recipe, faces: Dataset, loaded: LoadedModel | None) -> Any:
    """The compiled model to train: a new one, or `loaded`, with a new last layer if its classes differ.

    Classes are matched by their names; those of `loaded` are put into the order of the data's.

    Raises SettingsError for an unknown network, or if `loaded` cannot take the smaller faces of `Recipe.small`.
    """
    keras = backend.keras()
    keras.utils.set_random_seed(recipe.seed)
    classes = len(faces.classes)
    if loaded is None:
        size = (recipe.size, recipe.size)
        model = networks.build(recipe.network, classes, size)
    else:
        size = loaded.size
        order = match_labels(loaded.labels, faces.classes)
        if order == list(range(classes)):
            model = load.with_pixel_input(loaded)
        else:
            model = load.with_classes(loaded, classes, order)
    if recipe.small:
        model = _for_any_size(model, recipe, size)
    # XLA on a CPU took six times as long as TensorFlow's own kernels; JAX knows nothing but XLA.
    jit = False if keras.backend.backend() == "tensorflow" else "auto"
    model.compile(
        make_optimizer(recipe, model, len(faces.training()[1])),
        _make_loss(recipe),
        weighted_metrics=["accuracy"],
        jit_compile=jit,
    )
    return model


def make_optimizer(recipe: Recipe, model: Any, faces: int) -> Any:
    """The recipe's optimizer for the Keras `model`, when training on `faces` faces."""
    settings = {
        "learning_rate": recipe.learning_rate,
        "weight_decay": recipe.weight_decay,
        "use_ema": recipe.average > 0,
        "ema_momentum": ema_momentum(recipe, faces) if recipe.average else 0.99,
    }
    if recipe.optimizer == "muon":
        last = [layer.name for layer in model.layers if any("kernel" in one.name for one in layer.weights)][-1:]
        muon = importlib.import_module("fer_convert.training.muon").Muon  # late, because it imports Keras
        optimizer = muon(**settings, adam_weight_decay=recipe.weight_decay, exclude_layers=last)
    else:
        optimizer = backend.keras().optimizers.AdamW(**settings)
    # Decaying these only fights batch normalization (He et al., Bag of Tricks, arXiv:1812.01187).
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def _make_loss(recipe: Recipe) -> Any:
    losses = backend.keras().losses
    if recipe.loss == "focal":
        return losses.CategoricalFocalCrossentropy(
            alpha=1.0, gamma=recipe.focal_gamma, label_smoothing=recipe.label_smoothing
        )
    return losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing)


def ema_momentum(recipe: Recipe, faces: int) -> float:
    """Momentum of the moving average of the weights, 0 to 1, when training on `faces` faces.

    The average starts at the first weights, of which momentum ** n is left after n steps. A small data set has few
    steps, so there the average reaches back two epochs at most; FER2013 has 449 steps an epoch and keeps the recipe's
    0.998.
    """
    return min(recipe.average, 1 - 1 / (2 * steps_per_epoch(recipe, faces)))


def steps_per_epoch(recipe: Recipe, faces: int) -> int:
    """Batches that `faces` faces make; the last may be smaller."""
    return -(-faces // recipe.batch)


@contextmanager
def averaged_weights(model: Any, recipe: Recipe) -> Iterator[None]:
    """Inside the block, `model` has the moving average of its weights, which is steadier than any of them."""
    if not recipe.average:
        yield
        return
    last = model.get_weights()
    model.optimizer.finalize_variable_values(model.trainable_variables)
    # A copy: on JAX model and optimizer would share their arrays, and the first to use them deletes them.
    model.set_weights(model.get_weights())
    yield
    model.set_weights(last)


def copy_with_size(model: Any, size: tuple[int | None, int | None]) -> Any:
    """A model with the same layers and weights that takes faces of `size` (height, width; None: any), not compiled."""
    config = model.get_config()
    for layer in config["layers"]:
        if layer["class_name"] == "InputLayer":
            layer["config"]["batch_shape"] = (None, *size, 1)
    copy = type(model).from_config(config)
    copy.set_weights(model.get_weights())
    return copy


def _for_any_size(model: Any, recipe: Recipe, size: tuple[int, int]) -> Any:
    """`model`, of `size`, for faces of any size. Raises SettingsError if a layer has weights for one size alone."""
    try:
        copy = copy_with_size(model, (None, None))
        copy(np.zeros((1, *small_size(size), 1), np.float32))  # some layers fail only when they are used
        return copy
    except Exception as cause:  # noqa: BLE001 - each layer fails in its own way
        why = first_line(cause)[:120]
        raise SettingsError(
            f"--small {recipe.small}: {model.name} takes faces of one size ({why}); leave it out"
        ) from None
