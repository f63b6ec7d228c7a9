"""A Raspberry Pi camera through picamera2.

The camera's image processor itself makes a small YUV420 picture beside the main one. Its first plane is the grey
picture that the loop works on, so no processor time is spent on colours. Other formats (see
`edge/fer_edge/sources/pixels.py`) are read too; the packed ones cost a conversion.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fer_edge.errors import SourceError, SourceLost, counted, first_line
from fer_edge.sources.libcamera_controls import resolve
from fer_edge.sources.mounting import Mounting
from fer_edge.sources.options import SourceOptions
from fer_edge.sources.pixels import PIXEL_FORMATS, colour, grey
from fer_edge.types import Frame, Pixels

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


def list_cameras() -> list[tuple[str, str]]:
    """(how to name it, its sensor) of each Raspberry Pi camera. Raises SourceError; USB cameras are left out."""
    try:
        cameras = load().global_camera_info()
    except SourceError:
        raise
    except Exception as cause:  # libcamera's own errors
        raise SourceError(f"picamera: libcamera cannot list cameras ({first_line(cause)})") from cause
    names = [(f"picamera:{place}", camera) for place, camera in enumerate(cameras)]
    return [(name, str(camera.get("Model", camera["Id"]))) for name, camera in names if "/usb" not in camera["Id"]]


def find() -> tuple[str | None, str]:
    """(the model of the first Raspberry Pi camera, ""), or (None, why there is none). Never raises.

    libcamera lists USB cameras too; they are left to the V4L2 source.
    """
    try:
        cameras = list_cameras()
    except SourceError as cause:
        return None, str(cause).removeprefix("picamera: ").partition(";")[0]
    return (cameras[0][1], "") if cameras else (None, "libcamera lists none")


class PiCamera:
    """Frames of a Raspberry Pi camera, always the newest one; `convert` makes their colours, which no loop needs.

    ``picamera`` is the first one, ``picamera:1`` the second, ``picamera:imx708`` the one with that sensor.
    """

    still, live, local = False, True, True

    def __init__(self, target: str, options: SourceOptions) -> None:
        """Open and start the camera. Raises SourceError."""
        self.name = options.name or target
        # The sensor reads its rows and columns backwards at no cost; a quarter turn is done here.
        self._mounting = Mounting(options.rotate, options.flip)
        self._timeout = options.timeout
        self._camera: Any = None
        picamera2 = load()
        try:
            number = _number(picamera2.global_camera_info(), target)
            tuning = {"tuning": _tuning(picamera2, options.tuning_file)} if options.tuning_file else {}
            self._camera = picamera2(number, **tuning)
            self._start(options)
        except SourceError:
            self.close()
            raise
        except Exception as cause:  # picamera2 raises RuntimeError, IndexError and more
            self.close()
            raise SourceError(f"{target}: {_why(cause)}") from cause

    def _start(self, options: SourceOptions) -> None:
        camera = self._camera
        # The sensor reads its rows and columns backwards at no cost; a quarter turn is done here.
        wanted = _Backwards(0, 0)
        if options.rotate in (0, 180):
            wanted = _Backwards(int((options.rotate == 180) != options.flip), int(options.rotate == 180))
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
        controls |= resolve(options.controls, camera.camera_controls)
        # The preview configuration has a full-range colour space; in a video's, black is 16 and white is 235.
        camera.configure(
            camera.create_preview_configuration(
                main={"size": (width, height), "format": "YUV420"},
                lores={"size": (width, height), "format": "YUV420"},
                raw={"size": (sensor_width // 2, sensor_height // 2)},
                controls=controls,
                **({"transform": _transform(wanted)} if any(wanted) else {}),
            )
        )
        if any(wanted):
            self._mounting = _rest(wanted, camera.camera_configuration().get("transform"))
        layout = camera.camera_configuration()["lores"]
        if layout["format"] not in PIXEL_FORMATS:
            raise SourceError(
                f"{self.name}: the camera gives {layout['format']}, not one of {', '.join(PIXEL_FORMATS)}"
            )
        self._layout = (layout["format"], *layout["size"], layout["stride"])
        camera.start()

    def __iter__(self) -> Iterator[Frame]:
        """The newest frames, until `close`. Raises SourceLost, or SourceError if not one frame came."""
        number, last = 0, 0.0
        while self._camera is not None:
            buffer, seconds = self._next(number)
            last = max(last, seconds)
            try:
                picture = self._mounting.apply(grey(buffer, *self._layout))
            except ValueError as cause:
                kind = SourceLost if number else SourceError
                raise kind(f"{self.name}: gave invalid picture data ({cause})") from cause
            # The buffer is in memory anyway; its colours are converted only for who asks for them.
            convert = partial(self._in_colour, buffer)
            yield Frame(number, last, datetime.now().astimezone(), picture, self.name, convert=convert)
            number += 1

    def _in_colour(self, buffer: NDArray[np.uint8]) -> Pixels:
        """Raises ValueError if the camera gave no colours."""
        return self._mounting.apply(colour(buffer, *self._layout))

    def _next(self, number: int) -> tuple[NDArray[np.uint8], float]:
        """The newest buffer, and the time of its exposure in seconds."""
        try:
            job = self._camera.capture_buffers(["lores"], wait=False)
            (buffer,), metadata = job.get_result(timeout=self._timeout)
        except TimeoutError:
            message = (
                f"{self.name}: gave no picture for {self._timeout:g} s, after {counted(number, 'frame')}; "
                "check the ribbon cable and the power supply"
            )
            raise (SourceLost if number else SourceError)(message) from None
        except Exception as cause:  # libcamera raises errors of many types
            raise SourceLost(f"{self.name}: stopped after {counted(number, 'frame')}: {_why(cause)}") from cause
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


class _Backwards(NamedTuple):
    """Whether columns and rows are read from their end, as libcamera's Transform has it."""

    hflip: int
    vflip: int


def _transform(wanted: _Backwards) -> Any:
    from libcamera import Transform

    return Transform(hflip=wanted.hflip, vflip=wanted.vflip)


def _rest(wanted: _Backwards, done: Any) -> Mounting:
    """What is left to do here of what was `wanted`; `done` is the Transform that the sensor can do."""
    columns = wanted.hflip != bool(getattr(done, "hflip", wanted.hflip))
    rows = wanted.vflip != bool(getattr(done, "vflip", wanted.vflip))
    return Mounting(180 if rows else 0, rows != columns)


def _number(cameras: Sequence[Mapping[str, Any]], target: str) -> int:
    """The place of the camera that `target` names in picamera2's list. Raises SourceError."""
    if not cameras:
        raise SourceError(f"{target}: no camera is attached; check the ribbon cable, then: rpicam-hello --list")
    wish = target.partition(":")[2]
    if not wish:  # USB cameras come last
        return 0
    models = [str(camera.get("Model", "")) for camera in cameras]
    known = ", ".join(f"picamera:{place} ({model})" for place, model in enumerate(models))
    if wish.isdecimal():
        if int(wish) >= len(cameras):
            raise SourceError(f"{target}: there is no such camera; use one of: {known}")
        return int(wish)
    found = [place for place, model in enumerate(models) if model.lower() == wish.lower()]
    found = found or [place for place, model in enumerate(models) if model.lower().startswith(wish.lower())]
    found = found or [place for place, camera in enumerate(cameras) if camera.get("Id") == wish]
    if len(found) != 1:
        what = "several cameras have that sensor" if found else "no camera has that sensor"
        raise SourceError(f"{target}: {what}; use one of: {known}")
    return found[0]


def _tuning(picamera2: Any, name: str) -> Any:
    """The tuning file as picamera2 takes it. Raises SourceError."""
    try:
        if "/" in name:
            Path(name).read_bytes()
            return name
        return picamera2.load_tuning_file(name)
    except (OSError, RuntimeError, ValueError) as cause:
        raise SourceError(
            f"source.tuning_file = {name!r}: {first_line(cause)}; "
            "list the camera's own with: ls /usr/share/libcamera/ipa/rpi/*/"
        ) from cause


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
