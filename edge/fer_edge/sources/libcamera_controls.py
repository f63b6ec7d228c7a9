"""A Raspberry Pi camera's own controls, by libcamera's names (`[source.controls]`): focus, exposure, white balance.

Their meaning and values are libcamera's: https://libcamera.org/api-html/namespacelibcamera_1_1controls.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fer_edge.errors import SourceError

AF_CONTINUOUS = 2  # libcamera's AfModeContinuous: the lens follows what is in view, as people expect of a camera


def resolve(wanted: Mapping[str, Any], offered: Mapping[str, tuple[Any, Any, Any]]) -> dict[str, Any]:
    """`wanted`, name -> value or libcamera's name of it, as picamera2 takes it, and autofocus if there is one.

    `offered` are the camera's: name -> (lowest, highest, default). Raises SourceError for one that it has not.
    """
    controls: dict[str, Any] = {"AfMode": AF_CONTINUOUS} if "AfMode" in offered else {}
    for name, value in wanted.items():
        if name not in offered:
            known = ", ".join(sorted(offered))
            raise SourceError(f"source.controls.{name} = {value!r}: this camera has no such control; it has {known}")
        controls[name] = _value(name, value, *offered[name][:2])
    return controls


def _value(name: str, value: Any, low: Any, high: Any) -> Any:
    if isinstance(value, str):
        return _by_name(name, value)
    numbers = all(isinstance(number, int | float) for number in (value, low, high))
    if numbers and low < high and not low <= value <= high:
        raise SourceError(f"source.controls.{name} = {value!r}: must be from {low} to {high}")
    return tuple(value) if isinstance(value, list) else value


def _by_name(name: str, value: str) -> int:
    """The number that libcamera has for `value`, such as "Continuous" for AfMode. Raises SourceError."""
    from libcamera import controls

    enum = getattr(controls, f"{name}Enum", None) or getattr(getattr(controls, "draft", None), f"{name}Enum", None)
    known = {} if enum is None else dict(enum.__members__)
    for word, number in known.items():
        if word.lower() == value.lower():
            return int(number)
    allowed = f"must be one of {', '.join(known)}" if known else "must be a number, as rpicam-hello takes it"
    raise SourceError(f"source.controls.{name} = {value!r}: {allowed}")
