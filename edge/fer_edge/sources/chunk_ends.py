"""Whether a file of chunks, each with its length, is cut off: GXF, RealMedia, SWF.

Each takes the open file, at its start, and its size. A cut between two packets of GXF is not seen.
"""

from __future__ import annotations

from typing import BinaryIO

GXF_START, REAL_START, SWF_START = b"\0\0\0\0\1\xbc", b".RMF", b"FWS"
MAX_CHUNKS = 2_000_000  # that are walked over; more are not worth the time
_GXF_HEAD_BYTES, _GXF_LENGTH_PLACE = 16, 6  # SMPTE ST 360
_REAL_CHUNKS = (b".RMF", b"PROP", b"MDPR", b"CONT", b"DATA", b"INDX")
_REAL_HEAD_BYTES = 8
_REAL_SLACK_BYTES = 18  # the beginning of the pictures, of which FFmpeg counts a part twice
_SWF_UNKNOWN_BYTES = (0, 100 << 20, 0xFFFFFFFF)  # what FFmpeg and others write to a pipe


def gxf_is_cut(file: BinaryIO, size: int) -> bool:
    """GXF: packets; their lengths include their beginnings."""
    place = 0
    for _ in range(MAX_CHUNKS):
        file.seek(place)
        head = file.read(_GXF_HEAD_BYTES)
        if head[:5] != GXF_START[:5]:
            return head != b"" and GXF_START.startswith(head)
        length = int.from_bytes(head[_GXF_LENGTH_PLACE:][:4])
        if len(head) == _GXF_HEAD_BYTES and length < _GXF_HEAD_BYTES:
            return False
        place += max(length, _GXF_HEAD_BYTES)
        if place > size:
            return True
    return False


def real_is_cut(file: BinaryIO, size: int) -> bool:
    """RealMedia: chunks; that of the pictures has no length if it was streamed."""
    place = 0
    for _ in range(MAX_CHUNKS):
        file.seek(place)
        head = file.read(_REAL_HEAD_BYTES)
        length = int.from_bytes(head[4:])
        if head[:4] not in _REAL_CHUNKS or len(head) < _REAL_HEAD_BYTES or length < _REAL_HEAD_BYTES:
            return False
        place += length
        if place > size + _REAL_SLACK_BYTES:
            return head[:4] != b"INDX"
    return False


def swf_is_cut(file: BinaryIO, size: int) -> bool:
    """SWF that is not compressed: its length stands in its beginning."""
    file.seek(4)
    length = int.from_bytes(file.read(4), "little")
    return length > size and length not in _SWF_UNKNOWN_BYTES
