"""From a name in a table to the class behind it."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from fer_edge.errors import SettingsError


def lookup(table: Mapping[str, str], name: str, what: str) -> Any:
    """The class or function behind `name` in a table of "module:attribute"; its module is imported now.

    Raises SettingsError naming what is known.
    """
    if name not in table:
        raise SettingsError(f"{what} {name!r}: unknown; known are {', '.join(table)}")
    module, _, attribute = table[name].partition(":")
    return getattr(importlib.import_module(module), attribute)
