"""The options of all sources."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fer_edge.settings import SourceSettings

# Files with these suffixes are pictures: those that a folder gives, and those that are not read as a video.
PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """Options; each source uses those that apply to it."""

    size: tuple[int, int] = (640, 480)
    # (width, height) in pixels, requested from a camera; it may choose another, see the frames' shape.
    fps: float = 0.0
    # Maximum frames a second, requested from a camera; 0 is the camera's own rate.
    timeout: float = 4.0
    # Seconds, above 0: a live source that gives no frame for so long is lost.
    stopped: Callable[[], bool] = lambda: False
    # Whether the program is to end; a live source that waits for a frame checks it regularly.
    shown: bool = False
    # Whether somebody watches: the demo then plays in real time, again and again.
    pause: Callable[[float], None] = lambda _: None
    # Pauses the loop for so many seconds, as the tour does.
    name: str = ""
    # What it is called in messages and in the log, unless it is pictures; empty: its path, or its scheme and host.
    max_pixels: int = 50_000_000
    # A picture with more pixels is refused before it is decoded: 50 megapixels need 200 MB of memory.
    max_frame_pixels: int = 9_000_000
    # A camera or a stream with more pixels is refused before its first frame is decoded.
    rotate: int = 0
    # Degrees clockwise by which each picture is turned: 0, 90, 180 or 270.
    flip: bool = False
    # Whether each picture is mirrored, left to right, after that.
    controls: Mapping[str, Any] = field(default_factory=dict)
    # Of a Raspberry Pi camera, by libcamera's names.
    tuning_file: str = ""
    # Of a Raspberry Pi camera, such as imx708_noir.json; empty: the sensor's own.
    rtsp_transport: str = "tcp"
    # How the pictures of an RTSP stream come, one of fer_edge.settings.RTSP_TRANSPORTS.
    v4l2: Mapping[str, Any] = field(default_factory=dict)
    # Controls of a V4L2 camera, by the names that v4l2-ctl shows.
    file_times: bool = False
    # Whether a video's times count from when its file was written, as a picture's do, and not from its opening.


def source_options(
    settings: SourceSettings, stopped: Callable[[], bool] = lambda: False, file_times: bool = False
) -> SourceOptions:
    """The options that the table [source] of the settings asks for."""
    return SourceOptions(
        size=(settings.width, settings.height),
        fps=settings.fps,
        timeout=settings.timeout_seconds,
        stopped=stopped,
        name=settings.label,
        max_frame_pixels=round(1e6 * settings.max_megapixels),
        rotate=settings.rotate,
        flip=settings.flip,
        controls=settings.controls,
        tuning_file=settings.tuning_file,
        rtsp_transport=settings.rtsp_transport,
        v4l2=settings.v4l2,
        file_times=file_times,
    )


class RefusedError(ValueError):
    """What a camera gives is not read; says why, and what to do."""


class TooLargeError(RefusedError):
    """Its picture is larger than it may be."""


def too_large(width: int, height: int, most: int) -> str:
    """Says that a camera's frames have more than `most` pixels."""
    words = too_many_pixels(width, height, most).partition("; ")[0]
    return f"{words}; choose a smaller one there, or raise source.max_megapixels"


def too_many_pixels(width: int, height: int, most: int) -> str:
    """Says that a picture has more than `most` pixels, with as many digits as it takes to see it."""
    digits = 0
    while f"{width * height / 1e6:.{digits}f}" == f"{most / 1e6:.{digits}f}":
        digits += 1
    return (
        f"has {width} x {height} pixels ({width * height / 1e6:.{digits}f} megapixels), "
        f"the limit is {most / 1e6:g} megapixels; shrink it first"
    )
