"""Whether a file of frames, one after the other, is cut off: IVF, Y4M, MXF, DV.

Each takes the open file, at its start, and its size. A cut between two frames is not seen.
"""

from __future__ import annotations

import re
from typing import BinaryIO

MAX_FRAMES = 2_000_000  # that are walked over; more are not worth the time
_IVF_LENGTH_PLACE, _IVF_FRAME_HEAD_BYTES = 6, 12
_Y4M_LINE_BYTES = 512
# Samples of colour for each of brightness, across and down; Y4M's name of them begins with these digits.
_Y4M_COLOURS = {"420": (2, 2), "422": (2, 1), "411": (4, 1), "444": (1, 1)}
_MXF_KEY, _MXF_KEY_BYTES = b"\x06\x0e\x2b\x34", 16  # SMPTE ST 336
_DV_FRAME_BYTES = {False: 120_000, True: 144_000}  # of 525 and 625 lines


def ivf_is_cut(file: BinaryIO, size: int) -> bool:
    """IVF: the length of each frame stands before it."""
    file.seek(_IVF_LENGTH_PLACE)
    place = int.from_bytes(file.read(2), "little")
    for _ in range(MAX_FRAMES):
        if place >= size:
            break
        file.seek(place)
        head = file.read(_IVF_FRAME_HEAD_BYTES)
        place += _IVF_FRAME_HEAD_BYTES + int.from_bytes(head[:4], "little")
    return place > size


def y4m_is_cut(file: BinaryIO, size: int) -> bool:
    """Y4M: all frames are of one size, by the first line."""
    line = file.readline(_Y4M_LINE_BYTES)
    length = _y4m_frame_bytes(line.decode("ascii", "replace"))
    place = len(line)
    for _ in range(MAX_FRAMES if length else 0):
        file.seek(place)
        head = file.readline(_Y4M_LINE_BYTES)
        if not head.startswith(b"FRAME"):
            return head != b"" and b"FRAME".startswith(head)
        place += len(head) + length
        if place > size:
            return True
    return False


def _y4m_frame_bytes(line: str) -> int:
    """By the file's first line; 0: it does not say."""
    given = {word[0]: word[1:] for word in line.split()[1:]}
    try:
        width, height = int(given["W"]), int(given["H"])
    except (KeyError, ValueError):
        return 0
    colours = given.get("C", "420")
    sample = 2 if re.search(r"(?<=[0-9o])p?(9|1[0-6])$", colours) else 1
    if colours.startswith("mono"):
        return width * height * sample
    if colours[:3] not in _Y4M_COLOURS:
        return 0
    across, down = _Y4M_COLOURS[colours[:3]]
    planes = 2 * -(-width // across) * -(-height // down) + width * height * (1 + colours.endswith("alpha"))
    return planes * sample


def mxf_is_cut(file: BinaryIO, size: int) -> bool:
    """MXF: keys, each with the length of what follows."""
    place = 0
    for _ in range(MAX_FRAMES):
        file.seek(place)
        head = file.read(_MXF_KEY_BYTES + 9)
        if head[:4] != _MXF_KEY:
            return head != b"" and _MXF_KEY.startswith(head)
        if len(head) <= _MXF_KEY_BYTES:
            return True
        short = head[_MXF_KEY_BYTES]
        more = short & 0x7F if short & 0x80 else 0
        length = int.from_bytes(head[_MXF_KEY_BYTES + 1 :][:more]) if more else short
        if more > 8:
            return False
        place += _MXF_KEY_BYTES + 1 + more + length
        if place > size:
            return True
    return False


def dv_is_cut(file: BinaryIO, size: int) -> bool:
    """DV: all frames are of one size, by the file's fourth byte."""
    return size % _DV_FRAME_BYTES[bool(file.read(4)[3] & 0x80)] != 0
