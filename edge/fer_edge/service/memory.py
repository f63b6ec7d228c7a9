"""Gives the memory of large frames back to the system as soon as they are done with."""

from __future__ import annotations

import ctypes
from contextlib import suppress

_M_MMAP_THRESHOLD = -3  # of mallopt(3)
LARGE_BYTES = 8 << 20  # more than a frame of 1920 x 1080 in colour


def return_large_blocks() -> None:
    """Let glibc map each large block by itself; elsewhere nothing changes.

    It raises that limit to the size of what was freed, up to 32 MB: frames of 9 megapixels then lie among others, and
    several times as much memory stays with the program as is in use.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)
