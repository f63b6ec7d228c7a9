"""Networks that `fer-convert train --network` knows: name -> "module:function", one line to add one.

The function takes ``(classes, size)`` and returns an untrained Keras model: pixels 0 to 255 in (n, height, width, 1),
one probability a class out (n, classes). It knows nothing of training.
"""

from __future__ import annotations

from typing import Any

from fer_edge.lookup import lookup

Size = tuple[int | None, int | None]  # height and width of the input, pixels; None: any

NETWORKS = {
    "mini_xception": "fer_convert.networks.mini_xception:build",
    "cnn4": "fer_convert.networks.cnn4:build",
    "resnet": "fer_convert.networks.resnet:build",
    "vgg": "fer_convert.networks.vgg:build",
}


def build(name: str, classes: int, size: Size) -> Any:
    """The untrained Keras model called `name`. Raises SettingsError naming the known ones."""
    return lookup(NETWORKS, name, "network")(classes, size)
