"""Whether a value may be that of a setting, by its field's type and metadata; and what a message may show of it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any, get_args

from fer_edge.classifiers.labels import name_fault
from fer_edge.errors import SettingsError
from fer_edge.suggest import did_you_mean
from fer_edge.types import Area

MAX_WHOLE_NUMBER = 2**63  # as TOML has it; a larger one may not be a float
_PRIVATE_TABLES = ("source", "hook", "webhook", "mqtt", "kiosk")  # their values may be secrets
_KINDS = {int: "a whole number", float: "a number", str: "text in quotes", bool: "true or false"}


def checked(key: str, value: Any, kind: Any, allowed: Mapping[str, Any]) -> Any:
    """`value` for the setting `key` of the type `kind`, if `allowed`, the field's metadata, has it.

    Raises SettingsError.
    """
    value = _plain(value)
    if "each" in allowed:
        if type(value) not in (list, tuple) or not all(entry in allowed["each"] for entry in value):
            words = f"{told(key, value, kind)}: must be a list with some of {', '.join(allowed['each'])}"
            wrong = (
                [entry for entry in value if entry not in allowed["each"]] if type(value) in (list, tuple) else [value]
            )
            raise SettingsError(words + did_you_mean(str(wrong[0]), allowed["each"]))
        return tuple(dict.fromkeys(value))
    if "free" in allowed:
        return _checked_free(key, value)
    if "area" in allowed:
        return _checked_area(key, value, "as in [0.25, 0.1, 0.5, 0.9]") if value not in ([], ()) else ()
    if "areas" in allowed:
        return _checked_areas(key, value, allowed["areas"])
    if "items" in allowed:
        if type(value) not in (list, tuple):
            raise SettingsError(f'{told(key, value, kind)}: must be a list, as in ["one", "two"]')
        part = get_args(kind)[0]
        return tuple(checked(f"{key}[{place}]", entry, part, allowed["items"]) for place, entry in enumerate(value))
    if "values" in allowed:
        if not isinstance(value, Mapping):
            raise SettingsError(f"{told(key, value, kind)}: must be a table, as in {{happy = ...}}")
        part = get_args(kind)[1]
        return {name: checked(f"{key}.{name}", entry, part, allowed["values"]) for name, entry in value.items()}
    if kind is float and type(value) is int and abs(value) < MAX_WHOLE_NUMBER:
        value = float(value)
    if type(value) is not kind:  # not isinstance: True is an int
        raise SettingsError(f"{told(key, value, kind)}: must be {_KINDS[kind]}, not {type(value).__name__}")
    if kind is str and "\0" in value:
        raise SettingsError(f"{told(key, value, kind)}: must be text without a zero character")
    if "values_of" in allowed and value not in allowed["values_of"]:
        raise SettingsError(f"{told(key, value, kind)}: must be one of {', '.join(map(str, allowed['values_of']))}")
    if "name" in allowed and value and (trouble := name_fault(value)):
        raise SettingsError(f"{key}: {trouble}")
    if "choices" in allowed and value not in allowed["choices"]:
        words = f"{told(key, value, kind)}: must be one of {', '.join(allowed['choices'])}"
        raise SettingsError(words + did_you_mean(value, allowed["choices"]))
    if "pattern" in allowed and not re.fullmatch(allowed["pattern"], value):
        raise SettingsError(f"{told(key, value, kind)}: must look like {allowed['example']}")
    # NaN is in no range
    if "low" in allowed and not allowed["low"] <= value <= allowed["high"] and value != allowed.get("unset"):
        unset = "" if allowed.get("unset") is None else f", or {allowed['unset']:g} for no value"
        raise SettingsError(f"{told(key, value, kind)}: must be from {allowed['low']} to {allowed['high']}{unset}")
    return value


def _plain(value: Any) -> Any:
    """`value` as a TOML file would have it: a program may give NumPy's numbers and arrays, and paths."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value.tolist() if hasattr(value, "dtype") and hasattr(value, "tolist") else value


def told(key: str, value: Any, kind: Any = None) -> str:
    """ "key = value" for a message. The key alone if the value may be a secret, as addresses, names and headers are.

    Of the tables that have some only a number is shown, and only of a setting that is one.
    """
    private = key.partition(".")[0] in _PRIVATE_TABLES
    parts = value if isinstance(value, list | tuple) else (value,)
    number = all(isinstance(part, bool | int | float) or (isinstance(part, str) and part.isdecimal()) for part in parts)
    shown = not private or (kind in (int, float, bool) and number)
    return f"{named(key)} = {value!r}" if shown else named(key)


def named(key: str) -> str:
    """`key` for a message; what is no name may be a value in the wrong place, and is not shown."""
    return key if re.fullmatch(r"[\w.\[\]-]{1,60}", key) else "a key that is no name"


def _checked_free(key: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise SettingsError(f"{told(key, value, float)}: must be a table, as in {{ExposureValue = 0.5}}")
    for name, entry in value.items():
        numbers = entry if type(entry) is list else [entry]
        if type(entry) is not str and any(type(number) not in (int, float, bool) for number in numbers):
            raise SettingsError(
                f"{told(f'{key}.{name}', entry)}: must be a number, true, false, a text or a list of numbers"
            )
    return dict(value)


def _checked_areas(key: str, value: Any, most: int) -> tuple[Area, ...]:
    example = "as in [[0.7, 0.1, 0.2, 0.3]]"
    if type(value) not in (list, tuple):
        raise SettingsError(f"{told(key, value, float)}: must be a list of [x, y, width, height], {example}")
    if len(value) > most:
        raise SettingsError(f"{key}: {len(value)} areas, but {most} at most; cover neighbours with one larger area")
    return tuple(_checked_area(f"{key}[{place}]", area, example) for place, area in enumerate(value))


def _checked_area(key: str, area: Any, example: str) -> Area:
    shown = told(key, area, float)
    if type(area) not in (list, tuple) or [type(share) for share in area if type(share) not in (int, float)]:
        raise SettingsError(f"{shown}: must be [x, y, width, height] in numbers, {example}")
    if len(area) != 4:
        raise SettingsError(f"{shown}: has {len(area)} numbers; write [x, y, width, height]")
    if not all(0 <= share <= 1 for share in area):  # NaN is in no range
        raise SettingsError(f"{shown}: must be from 0 to 1, as shares of the frame; divide pixels by its size")
    x, y, width, height = map(float, area)
    if not width or not height:
        raise SettingsError(f"{shown}: covers nothing; width and height must be above 0")
    if max(x + width, y + height) > 1 + 1e-6:  # 0.7 + 0.3 may be a little more than 1
        raise SettingsError(f"{shown}: reaches out of the frame; x + width and y + height must be 1 at most")
    return x, y, width, height
