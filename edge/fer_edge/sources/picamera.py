"""A Raspberry Pi camera through picamera2.

The camera's image processor itself makes a small YUV420 picture beside the main one. Its first plane is the grey
picture that the loop works on, so no processor time is spent on colours. Other formats (see
`edge/fer_edge/sources/pixels.py`) are read too; the packed ones cost a conversion.
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

from fer_edge.errors import SourceError, SourceLost, counted, first_line
from fer_edge.sources.options import SourceOptions
from fer_edge.sources.pixels import PIXEL_FORMATS, grey
from fer_edge.types import Frame

_INSTALL = (
    "install it with: sudo apt install python3-picamera2, "
    "and create the virtual environment with --system-site-packages"
)
FRAME_DURATION_LIMITS_US = (33_333, 83_333)  # from 30 frames a second in daylight down to 12 in the dark


def load() -> Any:
    """The class Picamera2. Raises SourceError if it cannot be imported."""
    # libcamera and picamera2 report each failure in many lines on stderr; SourceError is one line. To see theirs, set
    # LIBCAMERA_LOG_LEVELS.
    os.environ.setdefault("LIBCAMERA_LOG_LEVELS", "*:FATAL")
    logging.getLogger("picamera2").setLevel(logging.CRITICAL)
    try:
        from picamera2 import Picamera2
    except ModuleNotFoundError as cause:
        if cause.name == "picamera2":
            raise SourceError(f"picamera: picamera2 is not installed; {_INSTALL}") from cause
        raise SourceError(f"picamera: picamera2 lacks the module {cause.name}; {_INSTALL}") from cause
    except Exception as cause:  # an incompatible NumPy raises ValueError, a broken libcamera ImportError and more
        raise SourceError(
            f"picamera: picamera2 cannot be imported ({first_line(cause)}); "
            "a NumPy from pip often is the cause, fix it with: pip uninstall numpy"
        ) from cause
    return Picamera2


def find() -> tuple[str | None, str]:
    """(the model of the first Raspberry Pi camera, ""), or (None, why there is none). Never raises.

    libcamera lists USB cameras too; they are left to the V4L2 source.
    """
    try:
        cameras = load().global_camera_info()
    except SourceError as cause:
        return None, str(cause).removeprefix("picamera: ").partition(";")[0]
    except Exception as cause:  # noqa: BLE001 (libcamera's own errors; auto then tries the next source, and says why)
        return None, f"libcamera cannot list cameras ({first_line(cause)})"
    for camera in cameras:
        if "/usb" not in camera["Id"]:
            return str(camera.get("Model", camera["Id"])), ""
    return None, "libcamera lists none"


class PiCamera:
    """Frames of the first Raspberry Pi camera, always the newest one; `colour` is None, since the loop needs none."""

    still, live, local = False, True, True

    def __init__(self, target: str, options: SourceOptions) -> None:  # noqa: ARG002 (every source has these arguments)
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
        # The sensor at half its resolution has the full field of view and is fast; smaller modes crop the middle.
        sensor_width, sensor_height = camera.sensor_resolution
        controls: dict[str, Any] = {}
        if "FrameDurationLimits" in camera.camera_controls:
            shortest, longest = FRAME_DURATION_LIMITS_US
            if options.fps:
                # The loop limits rates below 12 itself: a longer exposure blurs, and would look like a lost camera.
                shortest = longest = min(round(1_000_000 / options.fps), longest)
            controls["FrameDurationLimits"] = (shortest, longest)
        # The preview configuration has a full-range colour space; in a video's, black is 16 and white is 235.
        camera.configure(
            camera.create_preview_configuration(
                main={"size": (width, height), "format": "YUV420"},
                lores={"size": (width, height), "format": "YUV420"},
                raw={"size": (sensor_width // 2, sensor_height // 2)},
                controls=controls,
            )
        )
        layout = camera.camera_configuration()["lores"]
        if layout["format"] not in PIXEL_FORMATS:
            raise SourceError(f"picamera: the camera gives {layout['format']}, not one of {', '.join(PIXEL_FORMATS)}")
        self._layout = (layout["format"], *layout["size"], layout["stride"])
        camera.start()

    def __iter__(self) -> Iterator[Frame]:
        """The newest frames, until `close`. Raises SourceLost, or SourceError if not one frame came."""
        number, last = 0, 0.0
        while self._camera is not None:
            buffer, seconds = self._next(number)
            last = max(last, seconds)
            try:
                picture = grey(buffer, *self._layout)
            except ValueError as cause:
                kind = SourceLost if number else SourceError
                raise kind(f"picamera: gave invalid picture data ({cause})") from cause
            yield Frame(number, last, datetime.now().astimezone(), picture, self.name)
            number += 1

    def _next(self, number: int) -> tuple[NDArray[np.uint8], float]:
        """The newest buffer, and the time of its exposure in seconds."""
        try:
            job = self._camera.capture_buffers(["lores"], wait=False)
            (buffer,), metadata = job.get_result(timeout=self._timeout)
        except TimeoutError:
            message = (
                f"picamera: gave no picture for {self._timeout:g} s, after {counted(number, 'frame')}; "
                "check the ribbon cable and the power supply"
            )
            raise (SourceLost if number else SourceError)(message) from None
        except Exception as cause:  # libcamera raises errors of many types
            raise SourceLost(f"picamera: stopped after {counted(number, 'frame')}: {_why(cause)}") from cause
        stamp = metadata.get("SensorTimestamp")  # nanoseconds since the boot
        return buffer, stamp / 1e9 if stamp else time.monotonic()

    def close(self) -> None:
        """Stop and release the camera. May be called twice."""
        camera, self._camera = self._camera, None
        if camera is None:
            return
        with suppress(Exception):
            # A capture that timed out would block the camera's own stop; older releases lack this method.
            camera.cancel_all_and_flush()
        with suppress(Exception):
            camera.close()


def _why(cause: BaseException) -> str:
    """The reason in plain words; picamera2 wraps it in other exceptions, so the whole chain is searched."""
    link: BaseException | None = cause
    lines = []
    while link is not None:
        lines.append(first_line(link))
        link = link.__cause__ or link.__context__
    text = " < ".join(lines).lower()
    if any(word in text for word in ("busy", "-16", "in use", "acquire")):
        return "the camera is in use by another program; stop it first (find it with: sudo fuser -v /dev/media*)"
    return f"the camera does not start ({lines[-1]}); check the ribbon cable, then: rpicam-hello --list"
