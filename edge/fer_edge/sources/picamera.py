"""A Raspberry Pi camera through picamera2.

The image processor itself makes a small YUV420 picture beside the main one, and its first plane is the grey picture
that everything here works on: no processor time goes into colours. A camera that gives another format instead is read
too (`edge/fer_edge/sources/pixels.py` knows which), and costs a conversion where that is a packed one.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_edge.errors import SourceError, SourceLost, first_line
from fer_edge.sources.options import SourceOptions
from fer_edge.sources.pixels import FORMATS, grey
from fer_edge.types import Frame

_INSTALL = (
    "install it with: sudo apt install python3-picamera2, and make the virtual environment with --system-site-packages"
)


def load() -> Any:
    """The class Picamera2. Raises SourceError where it cannot be imported."""
    # libcamera and picamera2 tell each failure on stderr, in many lines; ours is one. Setting LIBCAMERA_LOG_LEVELS
    # brings theirs back.
    os.environ.setdefault("LIBCAMERA_LOG_LEVELS", "*:FATAL")
    logging.getLogger("picamera2").setLevel(logging.CRITICAL)
    try:
        from picamera2 import Picamera2
    except ModuleNotFoundError as cause:
        if cause.name == "picamera2":
            raise SourceError(f"picamera: picamera2 is not installed; {_INSTALL}") from cause
        raise SourceError(f"picamera: picamera2 lacks the module {cause.name}; {_INSTALL}") from cause
    except Exception as cause:  # a NumPy that does not fit raises ValueError, a broken libcamera ImportError and more
        raise SourceError(
            f"picamera: picamera2 cannot be imported ({first_line(cause)}); "
            "a NumPy from pip often is the cause, mend it with: pip uninstall numpy"
        ) from cause
    return Picamera2


def find() -> tuple[str | None, str]:
    """(the model of the first Raspberry Pi camera, ""), or (None, why there is none). Never raises.

    libcamera lists USB cameras too; those are V4L2's.
    """
    try:
        cameras = load().global_camera_info()
    except SourceError as cause:
        return None, str(cause).removeprefix("picamera: ").partition(";")[0]
    except Exception as cause:  # noqa: BLE001 (libcamera's own errors; auto goes on to the next source, and says why)
        return None, f"libcamera cannot list cameras ({first_line(cause)})"
    for camera in cameras:
        if "/usb" not in camera["Id"]:
            return str(camera.get("Model", camera["Id"])), ""
    return None, "libcamera lists none"


class PiCamera:
    """Frames of the first Raspberry Pi camera, always the newest one; `colour` is None, since nothing asks for it."""

    still, live, local = False, True, True

    def __init__(self, target: str, options: SourceOptions) -> None:  # noqa: ARG002 (every source is opened alike)
        """Open and start the camera. Raises SourceError."""
        self.name = "picamera"
        self._timeout = options.timeout
        self._camera: Any = None
        picamera2 = load()
        try:
            if not picamera2.global_camera_info():
                raise SourceError("picamera: no camera is attached; check the ribbon cable, then: rpicam-hello --list")
            self._camera = picamera2()
            self._start(options)
        except SourceError:
            self.close()
            raise
        except Exception as cause:  # picamera2 raises RuntimeError, IndexError and more
            self.close()
            raise SourceError(f"picamera: {_why(cause)}") from cause

    def _start(self, options: SourceOptions) -> None:
        camera = self._camera
        width, height = options.size
        # The sensor at half its resolution sees the whole view and is fast; small modes see only the middle.
        sensor_width, sensor_height = camera.sensor_resolution
        wishes: dict[str, Any] = {}
        if "FrameDurationLimits" in camera.camera_controls:
            # Microseconds. Without a wish: 30 frames a second in daylight, down to 12 where it is dark.
            # A wish below 12 is left to the loop: a longer exposure blurs, and the timeout would take it for a loss.
            shortest, longest = (33_333, 83_333)
            if options.fps:
                shortest = longest = min(round(1_000_000 / options.fps), longest)
            wishes["FrameDurationLimits"] = (shortest, longest)
        # The preview configuration, since its colour space has the full range: a video's black is 16, its white 235.
        camera.configure(
            camera.create_preview_configuration(
                main={"size": (width, height), "format": "YUV420"},
                lores={"size": (width, height), "format": "YUV420"},
                raw={"size": (sensor_width // 2, sensor_height // 2)},
                controls=wishes,
            )
        )
        layout = camera.camera_configuration()["lores"]
        if layout["format"] not in FORMATS:
            raise SourceError(f"picamera: the camera gives {layout['format']}, not one of {', '.join(FORMATS)}")
        self._layout = (layout["format"], *layout["size"], layout["stride"])
        camera.start()

    def __iter__(self) -> Iterator[Frame]:
        """The newest frames, until `close`. Raises SourceLost, or SourceError where not one frame comes."""
        number, last = 0, 0.0
        while self._camera is not None:
            buffer, seconds = self._next(number)
            last = max(last, seconds)
            try:
                picture = grey(buffer, *self._layout)
            except ValueError as cause:
                broken = SourceLost if number else SourceError
                raise broken(f"picamera: gave something that is no picture ({cause})") from cause
            yield Frame(number, last, datetime.now().astimezone(), picture, self.name)
            number += 1

    def _next(self, number: int) -> tuple[NDArray[np.uint8], float]:
        """The newest buffer and the seconds at which it was exposed."""
        try:
            job = self._camera.capture_buffers(["lores"], wait=False)
            (buffer,), metadata = job.get_result(timeout=self._timeout)
        except TimeoutError:
            message = (
                f"picamera: gave no picture for {self._timeout:g} s, after {number} frames; "
                "check the ribbon cable and the power supply"
            )
            raise (SourceLost if number else SourceError)(message) from None
        except Exception as cause:  # whatever libcamera has to say
            raise SourceLost(f"picamera: stopped after {number} frames: {_why(cause)}") from cause
        stamp = metadata.get("SensorTimestamp")  # nanoseconds since the start of the machine
        return buffer, stamp / 1e9 if stamp else time.monotonic()

    def close(self) -> None:
        """Stop the camera and give it back. May be called twice."""
        camera, self._camera = self._camera, None
        if camera is None:
            return
        with suppress(Exception):
            # A capture that timed out would block the camera's own stop; older releases have no such call.
            camera.cancel_all_and_flush()
        with suppress(Exception):
            camera.close()


def _why(cause: BaseException) -> str:
    """picamera2 wraps what happened; the words are in the chain."""
    link: BaseException | None = cause
    lines = []
    while link is not None:
        lines.append(first_line(link))
        link = link.__cause__ or link.__context__
    story = " < ".join(lines)
    if any(word in story.lower() for word in ("busy", "-16", "in use", "acquire")):
        return "the camera is in use by another program; end that first (which one: sudo fuser -v /dev/media*)"
    return f"the camera does not start ({lines[-1]}); check the ribbon cable, then: rpicam-hello --list"
