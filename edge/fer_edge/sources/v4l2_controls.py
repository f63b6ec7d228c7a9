"""A V4L2 camera's own controls (`[source.v4l2]`), by the names that v4l2-ctl shows: exposure, power-line frequency.

From linux/videodev2.h: struct v4l2_queryctrl, v4l2_querymenu, v4l2_control.
"""

from __future__ import annotations

import fcntl
import os
import re
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from fer_edge.errors import SourceError

_QUERYCTRL, _QUERYMENU, _S_CTRL = 0xC0445624, 0xC02C5625, 0xC008561C
_QUERY = struct.Struct("=II32siiiiI8x")
_MENU = struct.Struct("=II32sI")
_CONTROL = struct.Struct("=Ii")
_NEXT = 0x80000000  # asks for the control after an id
_DISABLED, _READ_ONLY = 0x0001, 0x0004
_INTEGER, _BOOLEAN, _MENU_TYPE, _INTEGER_MENU = 1, 2, 3, 9
MAX_CONTROLS = 1000  # a driver that goes on for ever is left


class Control(NamedTuple):
    """One control. `items` are the numbers and texts of a menu."""

    id: int
    name: str  # as v4l2-ctl writes it
    kind: int
    low: int
    high: int
    items: Mapping[int, str]

    def __str__(self) -> str:
        if self.items:
            return f"{self.name} ({', '.join(f'{number}: {text}' for number, text in self.items.items())})"
        return f"{self.name} ({self.low} to {self.high})"


def list_controls(path: Path) -> list[Control]:
    """The controls of the camera at `path` that can be set, by their ids. Raises OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        return _list(descriptor)
    finally:
        os.close(descriptor)


def set_controls(path: Path, wanted: Mapping[str, Any], name: str) -> None:
    """Set `wanted`, name -> number, true, false or the text of a menu. Raises SourceError; `name` is the camera's.

    In the order of their ids: what switches an automatic off comes before what it allows.
    """
    if not wanted:
        return
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    except OSError as cause:
        raise SourceError(f"{name}: {path}: {cause.strerror}; check the camera") from cause
    try:
        controls = {control.name: control for control in _list(descriptor)}
        for unknown in wanted.keys() - controls.keys():
            known = ", ".join(controls) or "none"
            raise SourceError(f"source.v4l2.{unknown}: {name} has no such control; it has {known}")
        for control in sorted(controls.values()):
            if control.name in wanted:
                _set(descriptor, control, wanted[control.name])
    finally:
        os.close(descriptor)


def _set(descriptor: int, control: Control, value: Any) -> None:
    key = f"source.v4l2.{control.name} = {value!r}"
    if isinstance(value, str):
        texts = {text.lower(): number for number, text in control.items.items()}
        if value.lower() not in texts:
            raise SourceError(f"{key}: must be one of {', '.join(control.items.values()) or 'its numbers'}")
        value = texts[value.lower()]
    if (
        not isinstance(value, int)
        or not control.low <= value <= control.high
        or (control.items and value not in control.items)
    ):
        raise SourceError(f"{key}: is not in {control}")
    try:
        fcntl.ioctl(descriptor, _S_CTRL, _CONTROL.pack(control.id, int(value)))
    except OSError as cause:
        raise SourceError(f"{key}: the camera refuses it ({cause.strerror}); is it set by an automatic?") from cause


def _list(descriptor: int) -> list[Control]:
    controls: list[Control] = []
    last = 0
    for _ in range(MAX_CONTROLS):
        try:
            answer = fcntl.ioctl(descriptor, _QUERYCTRL, _QUERY.pack(last | _NEXT, 0, b"", 0, 0, 0, 0, 0))
        except OSError:  # EINVAL: that was the last one; ENOTTY: it has none
            break
        last, kind, text, low, high, _, _, flags = _QUERY.unpack(answer)
        if flags & (_DISABLED | _READ_ONLY) or kind not in (_INTEGER, _BOOLEAN, _MENU_TYPE, _INTEGER_MENU):
            continue
        items = _items(descriptor, last, low, high) if kind == _MENU_TYPE else {}
        controls.append(Control(last, _name(text), kind, low, high, items))
    return controls


def _items(descriptor: int, control: int, low: int, high: int) -> dict[int, str]:
    items = {}
    for number in range(max(low, 0), min(high, 64) + 1):
        try:
            answer = fcntl.ioctl(descriptor, _QUERYMENU, _MENU.pack(control, number, b"", 0))
        except OSError:  # some numbers are left out
            continue
        items[number] = _MENU.unpack(answer)[2].split(b"\0")[0].decode(errors="replace")
    return items


def _name(text: bytes) -> str:
    """As v4l2-ctl makes a name of "Exposure Time, Absolute"."""
    return re.sub(r"[^a-z0-9]+", "_", text.split(b"\0")[0].decode(errors="replace").lower()).strip("_")
