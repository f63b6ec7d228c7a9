"""Whether a video file is cut off: its container says how far it reaches, and the file ends before that.

A container's duration says nothing of it: sound may last longer than the picture, a segment may begin late. Of streams
that do not say how far they reach (MPEG-TS, MPEG-PS, Ogg, JPEGs) the end is looked at, of IVF, Y4M, MXF, NUT and DV
each frame, of GXF, RealMedia and SWF each chunk; raw H.264 and H.265 and compressed SWF are never called cut off.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from fer_edge.sources import chunk_ends, frame_ends, nut_ends, stream_ends

SLACK_BYTES = 8  # that a writer may have miscounted its own headers by; no picture fits in
ZEROS_BYTES = 4096  # in a row that no picture has
_START_BYTES = 1024  # by which a container is known
MAX_ELEMENTS = 2_000_000  # that are walked over; more are not worth the time

_EBML, _SEGMENT, _CLUSTER = 0x1A45DFA3, 0x18538067, 0x1F43B675
# What a segment holds, and what a cluster holds (Matroska, RFC 9559): any other id is no element, but other bytes.
_IN_SEGMENT = (0x114D9B74, 0x1549A966, 0x1654AE6B, _CLUSTER, 0x1C53BB6B, 0x1941A469, 0x1043A770, 0x1254C367)
_IN_CLUSTER = (0xE7, 0xA3, 0xA0, 0xA7, 0xAB, 0x5854, 0xAF)
_ANYWHERE = (0xEC, 0xBF)  # filling, check sum
_MP4_PICTURES = (b"moov", b"mdat", b"moof")
_MP4_OTHERS = (b"ftyp", b"styp", b"free", b"skip", b"wide", b"pnot", b"udta", b"uuid", b"meta", b"sidx", b"ssix")
_OF_FRAMES = {  # how the file begins
    b"DKIF": frame_ends.ivf_is_cut,
    b"YUV4MPEG2 ": frame_ends.y4m_is_cut,
    nut_ends.START: nut_ends.nut_is_cut,
    chunk_ends.GXF_START: chunk_ends.gxf_is_cut,
    chunk_ends.REAL_START: chunk_ends.real_is_cut,
    chunk_ends.SWF_START: chunk_ends.swf_is_cut,
    bytes.fromhex("060e2b34020501010d01020101"): frame_ends.mxf_is_cut,
    b"\x1f\x07\x00\xbf": frame_ends.dv_is_cut,
    b"\x1f\x07\x00\x3f": frame_ends.dv_is_cut,
}
_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_DATA = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")


def is_cut_off(path: Path) -> bool:
    """Whether the video file at `path` ends before its end. Raises OSError."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        start = file.read(_START_BYTES)
        file.seek(0)
        if start[:4] == b"RIFF":
            return _riff(file, size)
        if start[:4] == _EBML.to_bytes(4):
            return _matroska(file, size)
        if start[:3] == b"FLV":
            return _flv(file, size)
        if start[:4] == b"GIF8":
            return _gif(file, size)
        if start[:16] == _ASF_HEADER:
            return _asf(file, size)
        if start[4:8] in _MP4_PICTURES + _MP4_OTHERS:
            return _mp4(file, size)
        return _stream_is_cut(file, size, start)


def _stream_is_cut(file: BinaryIO, size: int, start: bytes) -> bool:
    """The same of a stream, which has no length of its own."""
    for beginning, is_cut in _OF_FRAMES.items():
        if start.startswith(beginning):
            return is_cut(file, size)
    if start[:4] == b"OggS":
        return stream_ends.ogg_is_cut(file, size)
    if start[:4] == b"\0\0\1\xba":
        return stream_ends.mpeg_ps_is_cut(file, size)
    if start[:3] == b"\xff\xd8\xff":
        return stream_ends.motion_jpeg_is_cut(file, size)
    packet = stream_ends.mpeg_ts_packet(start)
    return packet is not None and stream_ends.mpeg_ts_is_cut(file, size, *packet)


def ends_in_zeros(path: Path) -> bool:
    """Whether the file's place was made and its end never written, as by a copy that broke. Raises OSError."""
    with path.open("rb") as file:
        file.seek(-min(file.seek(0, os.SEEK_END), ZEROS_BYTES), os.SEEK_END)
        return not any(file.read())


def _riff(file: BinaryIO, size: int) -> bool:
    """AVI: chunks "RIFF", of which files above 1 GB have several."""
    place = 0
    while place + 12 <= size:
        file.seek(place)
        head = file.read(8)
        length = int.from_bytes(head[4:], "little")
        if head[:4] != b"RIFF" or length in (0, 0xFFFFFFFF):  # written to a pipe
            return False
        place += 8 + length + length % 2
    return place > size + SLACK_BYTES


def _mp4(file: BinaryIO, size: int) -> bool:
    """MP4, MOV, 3GP: boxes, one after the other (ISO/IEC 14496-12)."""
    place = 0
    while place + 8 <= size:
        file.seek(place)
        head = file.read(16)
        length, kind = int.from_bytes(head[:4]), head[4:8]
        if length == 1:
            length = int.from_bytes(head[8:])
        if kind not in _MP4_PICTURES + _MP4_OTHERS or length < 8:  # 0: to the end of the file
            return False
        place += length
        if place > size:
            return kind in _MP4_PICTURES
    return False


def _matroska(file: BinaryIO, size: int) -> bool:
    """Matroska, WebM: elements; a recording that was streamed does not know the size of its segment or clusters."""
    known: tuple[int, ...] = (_EBML, _SEGMENT)
    place = 0
    for _ in range(MAX_ELEMENTS):
        file.seek(place)
        head = file.read(12)
        element, length, used = _element(head)
        if element not in known + _ANYWHERE:
            return False
        if length is not None:
            place += used + length
            if place > size:
                return True
            if place == size or element == _SEGMENT:
                return False
            continue
        place += used
        known = _IN_SEGMENT if element == _SEGMENT else _IN_SEGMENT + _IN_CLUSTER
    return False


def _element(head: bytes) -> tuple[int, int | None, int]:
    """(id, bytes of its content or None where unknown, bytes of both) of the element that begins with `head`."""
    if not head or not head[0]:
        return 0, 0, 0
    wide = 9 - head[0].bit_length()
    if wide > 4 or len(head) <= wide or not head[wide]:
        return 0, 0, 0
    bytes_of_size = 9 - head[wide].bit_length()
    field = head[wide : wide + bytes_of_size]
    most = (1 << 7 * bytes_of_size) - 1
    length = int.from_bytes(field) & most
    return int.from_bytes(head[:wide]), None if length == most else length, wide + bytes_of_size


def _flv(file: BinaryIO, size: int) -> bool:
    """FLV: after each tag stands its length."""
    file.seek(max(size - 4, 0))
    length = int.from_bytes(file.read(4))
    if not 11 <= length <= size - 17:
        return True
    file.seek(size - 4 - length)
    return int.from_bytes(file.read(4)[1:]) != length - 11


def _gif(file: BinaryIO, size: int) -> bool:
    """GIF: its last byte says so; some programs add zeros."""
    file.seek(max(size - ZEROS_BYTES, 0))
    return not file.read().rstrip(b"\0").endswith(b";")


def _asf(file: BinaryIO, size: int) -> bool:
    """WMV, ASF: a header, then the data; 0 bytes of data were streamed."""
    file.seek(16)
    place = int.from_bytes(file.read(8), "little")
    if place > size:
        return True
    file.seek(place)
    head = file.read(24)
    return head[:16] == _ASF_DATA and place + int.from_bytes(head[16:], "little") > size
