"""Networks that `fer-convert train --network` knows: name -> "module:function", one line to add one.

The function takes ``(classes, size)`` and returns a Keras model: pixels 0 to 255 in (n, height, width, 1), one
probability a class out. It knows nothing of training.
"""

from __future__ import annotations

import importlib
from typing import Any

from fer_edge.errors import SettingsError

Size = tuple[int | None, int | None]  # height and width of the input, pixels; None: any

NETWORKS = {
    "mini_xception": "fer_convert.networks.mini_xception:build",
    "cnn4": "fer_convert.networks.cnn4:build",
    "resnet": "fer_convert.networks.resnet:build",
    "vgg": "fer_convert.networks.vgg:build",
}


def build(name: str, classes: int, size: Size) -> Any:
    """The untrained Keras model called `name`. Raises SettingsError naming the known ones."""
    if name not in NETWORKS:
        raise SettingsError(f"network {name!r}: unknown; known are {', '.join(NETWORKS)}")
    module, _, function = NETWORKS[name].partition(":")
    return getattr(importlib.import_module(module), function)(classes, size)
