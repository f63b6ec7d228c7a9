"""Looks for faces in one box of the frame alone (`source.zone`): a door, a chair, the place before a screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fer_edge.types import Area, Box, Detector, Frame


class Zone:
    """A detector that sees only the zone, as large as it would see the whole frame, so smaller faces are found in it.

    Boxes are those of the whole frame; a face at the zone's edge is read whole, once it is found.
    """

    def __init__(self, detector: Detector, zone: Area) -> None:
        """`zone`: x, y, width, height, as shares of the frame."""
        self._detector, self._zone = detector, zone

    def detect(self, frame: Frame) -> list[Box]:
        """The faces in the zone, in pixels of `frame`."""
        height, width = frame.grey.shape
        left, top, right, bottom = _pixels(self._zone, width, height)
        colour = None if frame.colour is None else frame.colour[top:bottom, left:right]
        seen = replace(frame, grey=frame.grey[top:bottom, left:right], colour=colour)
        return [box._replace(x=box.x + left, y=box.y + top) for box in self._detector.detect(seen)]


def in_zone(areas: Sequence[Area], zone: Area) -> tuple[Area, ...]:
    """What of `areas`, shares of the frame, lies in `zone`, as shares of that."""
    left, top, width, height = zone
    inside = []
    for x, y, area_width, area_height in areas:
        x0, y0 = max(x, left), max(y, top)
        x1, y1 = min(x + area_width, left + width), min(y + area_height, top + height)
        if x1 > x0 and y1 > y0:
            inside.append(((x0 - left) / width, (y0 - top) / height, (x1 - x0) / width, (y1 - y0) / height))
    return tuple(inside)


def _pixels(zone: Area, width: int, height: int) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of the zone, at least one pixel."""
    left, top = min(round(zone[0] * width), width - 1), min(round(zone[1] * height), height - 1)
    return (
        left,
        top,
        max(round((zone[0] + zone[2]) * width), left + 1),
        max(round((zone[1] + zone[3]) * height), top + 1),
    )
