"""Whether a stream that was saved as a file is cut off, by what stands at its end: these do not say how long they are.

Each takes the open file and its size. A cut between two packets of MPEG-TS, packs of MPEG-PS or JPEGs is not seen.
"""

from __future__ import annotations

from typing import BinaryIO

TAIL_BYTES = 1 << 20  # in which the last page, pack or picture begins
TS_PACKETS = ((188, 0), (192, 4), (204, 0))  # bytes of a packet, and before its first, 0x47: broadcasts, cameras, DVB
_TS_START, _TS_SEEN = 0x47, 4  # packets in a row from which it is one
_OGG_HEAD, _OGG_VERSION, _OGG_FLAGS, _OGG_LAST = 27, b"\0", 5, 4  # RFC 3533: bytes; place and bit that say the end
_PACK, _PROGRAM_END = b"\0\0\1\xba", b"\0\0\1\xb9"
_MPEG1_PACK_BYTES, _MPEG2_PACK_BYTES = 12, 14
_JPEG_START, _JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"


def ogg_is_cut(file: BinaryIO, size: int) -> bool:
    """Ogg: the last page is whole, and ends its stream."""
    tail = _tail(file, size)
    place = tail.rfind(b"OggS")
    while place >= 0 and tail[place + 4 : place + 5] not in (_OGG_VERSION, b""):
        place = tail.rfind(b"OggS", 0, place)
    if place < 0:
        return False
    head = tail[place : place + _OGG_HEAD]
    if len(head) < _OGG_HEAD:
        return True
    lengths = tail[place + _OGG_HEAD : place + _OGG_HEAD + head[-1]]
    end = place + _OGG_HEAD + head[-1] + sum(lengths)
    return end > len(tail) or (end == len(tail) and not head[_OGG_FLAGS] & _OGG_LAST)


def mpeg_ts_packet(start: bytes) -> tuple[int, int] | None:
    """The one of TS_PACKETS that a file which begins with `start` consists of; None: it is no MPEG-TS."""
    for packet, before in TS_PACKETS:
        starts = start[before : before + packet * _TS_SEEN : packet]
        if len(starts) == _TS_SEEN and set(starts) == {_TS_START}:
            return packet, before
    return None


def mpeg_ts_is_cut(file: BinaryIO, size: int, packet: int, before: int) -> bool:
    """MPEG-TS: the last packet is whole."""
    file.seek(size - size % packet + before)
    return size % packet > before and file.read(1)[0] == _TS_START


def mpeg_ps_is_cut(file: BinaryIO, size: int) -> bool:
    """MPEG-PS: each packet of the last pack is whole."""
    tail = _tail(file, size)
    place = tail.rfind(_PACK)
    while 0 <= place < len(tail):
        head = tail[place : place + _MPEG2_PACK_BYTES]
        if head[:4] == _PACK:
            mpeg2 = len(head) > 4 and head[4] >> 6 == 1
            place += _MPEG2_PACK_BYTES + (head[-1] & 7) if mpeg2 else _MPEG1_PACK_BYTES
        elif head[:4] == _PROGRAM_END:
            return False
        elif head[:3] == _PACK[:3] and len(head) >= 6:
            place += 6 + int.from_bytes(head[4:6])
        else:
            return len(head) < 6 and _PACK[:3].startswith(head[:3]) and head != bytes(len(head))
    return place > len(tail)


def motion_jpeg_is_cut(file: BinaryIO, size: int) -> bool:
    """JPEGs one after the other: the last one ends."""
    tail = _tail(file, size)
    return tail.rfind(_JPEG_START) > tail.rfind(_JPEG_END)


def _tail(file: BinaryIO, size: int) -> bytes:
    file.seek(max(size - TAIL_BYTES, 0))
    return file.read()
