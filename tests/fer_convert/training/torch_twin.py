"""Run by test_engine.py in a process of its own, because Keras takes one backend for good: prints JSON.

KERAS_BACKEND=torch python torch_twin.py
"""

from __future__ import annotations

import copy
import json
import sys
from typing import Any

import numpy as np
from fer_convert import backend, networks
from fer_convert.training import engine, torch_graph


def apart(pairs: Any) -> float:
    """How far pairs of arrays are apart, together: the length of the difference over that of the second ones."""
    arrays = [(np.asarray(a, np.float64).ravel(), np.asarray(b, np.float64).ravel()) for a, b in pairs]
    if not arrays:
        return 0.0
    ours, theirs = (np.concatenate(part) for part in zip(*arrays, strict=True))
    return float(np.linalg.norm(ours - theirs) / np.linalg.norm(theirs))


def twins(model: Any) -> dict[str, float]:
    """How far our pass over a batch, and its gradients, are from those of Keras."""
    keras, torch = backend.keras(), backend.torch()
    other = keras.models.clone_model(model)
    other.set_weights(model.get_weights())
    rng = np.random.default_rng(1)
    faces = torch.from_numpy(rng.uniform(0, 255, (16, *model.input_shape[1:])).astype(np.float32))
    wanted = torch.from_numpy(np.eye(7, dtype=np.float32)[rng.integers(0, 7, 16)])
    for layer in (*model.layers, *other.layers):
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0  # what is dropped is drawn again in each
    ours = torch_graph.forward(model)
    found = {"reads": apart([(ours(faces, False).detach(), other(faces, training=False).detach())])}
    exact, rough = (engine.TorchEngine(model).predict(faces.numpy(), exact=way) for way in (True, False))
    found["reads roughly"] = float(np.abs(exact - rough).max())
    for probabilities in (ours(faces, True), other(faces, training=True)):
        (-(wanted * probabilities.log()).sum()).backward()
    found["gradients"] = apart(
        (a.value.grad, b.value.grad) for a, b in zip(model.trainable_variables, other.trainable_variables, strict=True)
    )
    found["statistics"] = apart(
        (a.numpy(), b.numpy())
        for a, b in zip(model.non_trainable_variables, other.non_trainable_variables, strict=True)
        if "norm" in a.path  # the others are the seeds of dropout
    )
    return found


def other_layers() -> Any:
    """A network of the layers that are computed otherwise, or left to Keras."""
    keras = backend.keras()
    layers = keras.layers
    image = keras.Input((41, 42, 1))
    x = layers.Conv2D(6, 5, strides=2, padding="same", activation="relu")(image)
    x = layers.MaxPooling2D(3, 2, padding="same")(x)  # 21 x 21: as much padding on either side
    x = layers.DepthwiseConv2D(3, depth_multiplier=2, strides=2, padding="same")(x)
    x = layers.Activation("relu6")(layers.Conv2D(torch_graph.MIN_MATMUL_CHANNELS, 1, activation="relu")(x))
    x = layers.Conv2D(12, 1, use_bias=False)(x)  # a product of matrices, from so many channels
    x = layers.Conv2D(8, 3, dilation_rate=2, padding="same", activation="elu")(x)
    x = layers.Concatenate()([x, layers.Activation("tanh")(x)])
    x = layers.MaxPooling2D(2, strides=1, padding="same")(layers.SeparableConv2D(8, 3)(x))
    x = layers.AveragePooling2D(2)(layers.LayerNormalization()(x))
    x = layers.Flatten()(x)
    return keras.Model(image, layers.Dense(7, activation="softmax")(x))


def means() -> list[list[float]]:
    """Of the numbers from 0 on in 3 x 11 pixels, in cells of 2 x 4."""
    keras, torch = backend.keras(), backend.torch()
    image = keras.Input((3, 11, 1))
    x = keras.layers.AveragePooling2D((2, 4), padding="same")(image)
    model = keras.Model(image, keras.layers.Conv2D(1, 1, kernel_initializer="ones")(x))
    pixels = torch.arange(33, dtype=torch.float32).reshape(1, 3, 11, 1)
    found: list[list[float]] = torch_graph.forward(model)(pixels, False)[0, 0].detach().tolist()
    return found


def steps(model: Any) -> dict[str, list[float]]:
    """The losses of a few steps by each engine, from the same weights on the same batch."""
    keras = backend.keras()
    rng = np.random.default_rng(2)
    batch = (
        rng.uniform(0, 255, (32, *model.input_shape[1:])).astype(np.float32),
        np.eye(7, dtype=np.float32)[rng.integers(0, 7, 32)],
        rng.uniform(0.5, 2, 32).astype(np.float32),
    )
    begin = copy.deepcopy(model.get_weights())
    found = {}
    for kind in (engine.KerasEngine, engine.TorchEngine):
        model.set_weights(begin)
        model.compile(keras.optimizers.AdamW(0.003), "categorical_crossentropy", weighted_metrics=["accuracy"])
        one = kind(model)
        found[kind.__name__] = [one.train(batch)[0] for _ in range(6)]
    return found


def main() -> None:
    """Print everything."""
    # The same first weights each time: by chance of them a resnet's gradients were 0.00 to 1.1 % apart.
    backend.keras().utils.set_random_seed(1)
    # The first of a size whose cells need no padding, which Keras on torch counts among the pixels of a mean.
    sizes = {"mini_xception": (64, 64)}
    found: dict[str, Any] = {
        name: twins(networks.build(name, 7, sizes.get(name, (48, 48)))) for name in networks.NETWORKS
    }
    found["other layers"] = twins(other_layers())
    found["means"] = means()
    found["steps"] = steps(networks.build("mini_xception", 7, (64, 64)))
    keras = backend.keras()
    image = keras.Input((8, 8, 1))
    twice = keras.layers.Conv2D(1, 3, padding="same")
    used_twice = keras.Model(image, keras.layers.Flatten()(twice(twice(image))))
    found["engines"] = [type(engine.make_engine(m)).__name__ for m in (networks.build("cnn4", 7, (48, 48)), used_twice)]
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
