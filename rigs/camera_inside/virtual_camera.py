"""Import this first: then picamera2, as it is published, runs on libcamera's virtual camera.

picamera2 knows Raspberry Pi cameras and USB cameras; the virtual one is neither. What differs is adapted here, from
outside and as little as possible: what picamera2 does with requests, streams, jobs and threads is its own. Tried with
picamera2 0.3.38 and libcamera 0.4.
"""

from __future__ import annotations

import math
import mmap
import sys
from typing import Any
from unittest.mock import MagicMock

# Imported by picamera2 in any case, and used by nothing here: previews on a screen (pykms, which only Raspberry Pi OS
# has), raw pictures (pidng), recorded films (av, 130 MB).
sys.modules.update({name: MagicMock() for name in ("pykms", "pidng", "pidng.camdefs", "pidng.core", "av")})

import libcamera  # noqa: E402 (after what picamera2 imports)
from picamera2 import Picamera2, picamera2  # noqa: E402
from picamera2.allocators import LibcameraAllocator  # noqa: E402


def _raw_modes(self: Any) -> list[dict[str, Any]]:
    """What the sensor can do. picamera2 asks for raw pictures, and the virtual camera refuses to speak of them."""
    stream = self.camera.generate_configuration([libcamera.StreamRole.Viewfinder]).at(0)
    return [{"format": str(stream.pixel_format), "size": (stream.size.width, stream.size.height)}]


class _Mapped:
    """A buffer's bytes. picamera2 asks each picture for its length, which the virtual camera leaves at 0."""

    def __init__(self, _: Any, buffer: Any, write: bool) -> None:
        self._planes = buffer.planes

    def __enter__(self) -> mmap.mmap:
        self._memory = mmap.mmap(self._planes[0].fd, sum(plane.length for plane in self._planes))
        return self._memory

    def __exit__(self, *_: object) -> None:
        self._memory.close()


class _Buffers(LibcameraAllocator):  # type: ignore[misc]
    """Memory for pictures, by libcamera. picamera2's own takes it from a Raspberry Pi's kernel, all planes in one."""

    def __init__(self) -> None:
        super().__init__(None)
        self.sync = _Mapped

    def allocate(self, configuration: Any, use_case: Any) -> None:
        """Make the buffers that `configuration` asks for."""
        (self.camera,) = libcamera.CameraManager.singleton().cameras
        super().allocate(configuration, use_case)


class Cable:
    """Between the camera and us. The virtual camera fills what it is given at once; pulled, it is given nothing.

    That is what a program sees of a loose ribbon: requests go out, none comes back, and the camera can be stopped.
    """

    def __init__(self) -> None:
        self.left = math.inf  # requests that still get through
        self._queue = libcamera.Camera.queue_request

    def queue_request(self, camera: Any, request: Any) -> None:
        """Pass `request` on, unless the cable is pulled."""
        if self.left > 0:
            self.left -= 1
            self._queue(camera, request)


cable = Cable()
# The virtual camera leaves this as it finds it in memory, and picamera2 drops pictures that are not a success.
libcamera.FrameMetadata.status = libcamera.FrameMetadata.Status.Success
libcamera.Camera.queue_request = lambda camera, request: cable.queue_request(camera, request)
Picamera2._get_raw_modes = _raw_modes
picamera2.DmaAllocator = _Buffers
