"""What can be asked of a source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

# What a folder is searched for, and what is read as a picture, not as a video.
PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """Wishes; each source takes those that mean something to it."""

    size: tuple[int, int] = (640, 480)
    # (width, height) in pixels, asked of a camera; it may give another, the frames tell.
    fps: float = 0.0
    # Frames a second at most, asked of a camera; 0 is the camera's own rate.
    timeout: float = 4.0
    # Seconds, above 0: a live source that gives nothing for so long is lost.
    stopped: Callable[[], bool] = lambda: False
    # Whether somebody wants to end: a live source that waits for a frame looks every now and then.
    max_pixels: int = 50_000_000
    # A picture with more is refused before it is decoded: 50 megapixels are 200 MB of memory.
