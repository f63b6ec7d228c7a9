"""A V4L2 camera, mostly on USB: ``camera:N`` is /dev/videoN."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2

from fer_edge.errors import SourceError, SourceLost
from fer_edge.sources import devices
from fer_edge.sources.live import LiveSource
from fer_edge.sources.options import SourceOptions
from fer_edge.sources.quiet import quiet_opencv


class V4l2Camera(LiveSource):
    """Frames of /dev/video`target`, always the newest one."""

    local = True

    def __init__(
        self, target: str, options: SourceOptions, capture: Callable[[int, int], Any] = cv2.VideoCapture
    ) -> None:
        """Open the camera; `capture` (number, backend) stands in for OpenCV's class in tests. Raises SourceError."""
        name = f"camera:{target}"
        self._device = device = devices.look_at(int(target))
        if device.problem:
            others = [f"camera:{other.number} ({other})" for other in devices.list_devices() if not other.problem]
            cure = f"usable here: {', '.join(others)}" if others else "no other camera is attached; plug one in"
            raise SourceError(f"{name}: {device}: {device.problem}; {cure}")
        quiet_opencv()
        camera = capture(device.number, cv2.CAP_V4L2)
        if not camera.isOpened():
            camera.release()
            raise SourceError(f"{name}: {device} does not start: {self._who()}")
        _ask(camera, options)
        super().__init__(name, camera, options)

    def _who(self) -> str:
        holders = devices.holders(self._device.path)
        if holders:
            return f"it is in use by {', '.join(holders)}; end that first"
        return "it is in use by another program, or its cable or power is bad; end the program, or plug it in again"

    def _lost(self, number: int, what: str) -> SourceError:
        if not self._device.path.exists():
            return SourceLost(f"{self.name}: {self._device} is gone after {number} frames; plug it in again")
        if number:
            return SourceLost(f"{self.name}: {self._device} {what} after {number} frames; check its cable and power")
        return SourceError(f"{self.name}: {self._device} {what}: {self._who()}")


def _ask(camera: Any, options: SourceOptions) -> None:
    """Put our wishes to `camera`; what it does not know, it ignores."""
    width, height = options.size
    # USB 2 carries 640 x 480 at 30 frames a second only compressed; the format must come before the size.
    camera.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
    camera.set(cv2.CAP_PROP_FRAME_WIDTH, width)
    camera.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
    if options.fps:
        camera.set(cv2.CAP_PROP_FPS, options.fps)
    camera.set(cv2.CAP_PROP_BUFFERSIZE, 1)
