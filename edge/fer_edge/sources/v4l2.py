"""A V4L2 camera, mostly on USB: ``camera:N`` is /dev/videoN; a name below /dev/v4l stays when N changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import cv2

from fer_edge.errors import SourceError, SourceLost, counted
from fer_edge.sources import devices
from fer_edge.sources.live import LiveSource
from fer_edge.sources.options import SourceOptions
from fer_edge.sources.quiet import quiet_opencv
from fer_edge.sources.v4l2_controls import set_controls


class V4l2Camera(LiveSource):
    """Frames of /dev/video`target`, always the newest one."""

    local = True

    def __init__(
        self, target: str, options: SourceOptions, capture: Callable[[int, int], Any] = cv2.VideoCapture
    ) -> None:
        """Open the camera; `capture` (number, backend) replaces OpenCV's class in tests. Raises SourceError."""
        name = options.name or (f"camera:{target}" if target.isdecimal() else target)
        self._device = device = devices.probe(devices.number_of(target))
        if device.problem:
            others = [f"camera:{other.number} ({other})" for other in devices.list_devices() if not other.problem]
            fix = f"use one of: {', '.join(others)}" if others else "no other camera is attached; plug one in"
            raise SourceError(f"{name}: {device}: {device.problem}; {fix}")
        set_controls(device.path, options.v4l2, name)
        quiet_opencv()
        camera = capture(device.number, cv2.CAP_V4L2)
        if not camera.isOpened():
            camera.release()
            raise SourceError(f"{name}: {device} does not start: {self._why()}")
        _configure(camera, options, devices.formats(device.path))
        super().__init__(name, camera, options)

    def _why(self) -> str:
        """The likely reason why the camera gives nothing, and the fix."""
        users = devices.processes_using(self._device.path)
        if users:
            return f"it is in use by {', '.join(users)}; stop that program first"
        return "it is in use by another program, or its cable or power is bad; stop the program, or plug it in again"

    def _lost(self, number: int, what: str) -> SourceError:
        after = f"after {counted(number, 'frame')}"
        if not self._device.path.exists():
            return SourceLost(f"{self.name}: {self._device} is gone {after}; plug it in again")
        if number:
            return SourceLost(f"{self.name}: {self._device} {what} {after}; check its cable and power")
        return SourceError(f"{self.name}: {self._device} {what}: {self._why()}")


def _configure(camera: Any, options: SourceOptions, formats: Sequence[str]) -> None:
    """Request format, size and frame rate from `camera`, which ignores what it does not support.

    `formats`: those that it gives; none: it does not say.
    """
    width, height = options.size
    # USB 2 carries 640 x 480 at 30 frames a second only compressed. The format must be set before the size.
    if not formats or "MJPG" in formats:
        camera.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
    camera.set(cv2.CAP_PROP_FRAME_WIDTH, width)
    camera.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
    if options.fps:
        camera.set(cv2.CAP_PROP_FPS, options.fps)
    camera.set(cv2.CAP_PROP_BUFFERSIZE, 1)
