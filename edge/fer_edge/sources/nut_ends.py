"""Whether a NUT file is cut off: by the index that ends it, or by its last frame if it was written without one.

The format is that of https://ffmpeg.org/~michael/nut.txt: packets, each with its length, and frames, each of which
begins with a byte whose meaning stands in a table of the first packet.
"""

from __future__ import annotations

from typing import BinaryIO, NamedTuple

START = b"nut/multimedia container\0"
TAIL_BYTES = 1 << 20  # in which the index begins
MAX_PARTS = 2_000_000  # that are walked over; more are not worth the time
MAX_VALUE_BYTES = 10  # of a number: 7 bits in each
_MAIN, _INDEX = bytes.fromhex("4e4d7a561f5f04ad"), bytes.fromhex("4e58dd672f23e64e")  # how these packets begin
_START_BYTES = 8  # of a packet: the first is _PACKET, which is no frame's
_PACKET = ord("N")
_SHORT_BYTES, _SUM_BYTES = 4096, 4  # a longer packet has a check sum after its length
# What a frame's byte says of it: what stands before its data.
_CODED_PTS, _STREAM, _SIZE, _SUM, _RESERVED, _HEADER, _MATCH, _CODED = 8, 16, 32, 64, 128, 1024, 2048, 4096
_INVALID = 8192
_CODES = 256  # rows of the table, one a byte


class _Code(NamedTuple):
    """A row of the table."""

    flags: int
    times: int  # by which the rest of the size is multiplied
    size: int
    reserved: int  # numbers of no meaning
    header: int  # which of the beginnings that many frames share is left out


class _Table(NamedTuple):
    codes: list[_Code]
    headers: list[int]  # bytes of each beginning that is left out; the first is none


def nut_is_cut(file: BinaryIO, size: int) -> bool:
    """Whether the open `file` of `size` bytes is; a cut between two frames is not seen if there is no index."""
    file.seek(max(size - TAIL_BYTES, 0))
    tail = file.read()
    place = tail.rfind(_INDEX)
    try:
        if place >= 0:
            place += size - len(tail)
            return _packet_end(file, place) > size
        return _walk(file, size)
    except EOFError:  # within a number
        return True
    except ValueError:  # no NUT as it is known
        return False


def _walk(file: BinaryIO, size: int) -> bool:
    """Go from one part to the next. Raises EOFError, ValueError."""
    place, table = len(START), None
    for _ in range(MAX_PARTS):
        if place >= size:
            return place > size
        file.seek(place)
        if _byte(file) == _PACKET:
            end = _packet_end(file, place)
            file.seek(place)
            if table is None and file.read(_START_BYTES) == _MAIN and end <= size:
                table = _read_table(file, end)
            place = end
        elif table is None:
            raise ValueError("a frame before the first packet")
        else:
            file.seek(place)
            place = _frame_end(file, table)
    return False


def _packet_end(file: BinaryIO, place: int) -> int:
    file.seek(place + _START_BYTES)
    length = _value(file)
    return file.tell() + length + (_SUM_BYTES if length > _SHORT_BYTES else 0)


def _frame_end(file: BinaryIO, table: _Table) -> int:
    code = table.codes[_byte(file)]
    flags, size, header, reserved = code.flags, code.size, code.header, code.reserved
    if flags & _INVALID:
        raise ValueError("no frame begins so")
    if flags & _CODED:
        flags ^= _value(file)
    for _ in range(bool(flags & _STREAM) + bool(flags & _CODED_PTS)):
        _value(file)
    if flags & _SIZE:
        size += code.times * _value(file)
    if flags & _MATCH:
        _value(file)
    if flags & _HEADER:
        header = _value(file)
    if flags & _RESERVED:
        reserved = _value(file)
    for _ in range(reserved):
        _value(file)
    if header >= len(table.headers):
        raise ValueError("an unknown beginning")
    left_out = table.headers[header] if size <= _SHORT_BYTES else 0
    return file.tell() + max(size - left_out, 0) + (_SUM_BYTES if flags & _SUM else 0)


def _read_table(file: BinaryIO, end: int) -> _Table:
    """Of the packet that begins with _MAIN, after that, and ends at `end`."""
    if _value(file) > _SHORT_BYTES:
        file.read(_SUM_BYTES)
    if _value(file) > 3:  # the version; the smaller one follows
        _value(file)
    for _ in range(2):  # streams; bytes between two packets
        _value(file)
    for _ in range(2 * _value(file)):  # units of time
        _value(file)
    codes: list[_Code] = []
    times, header = 1, 0
    while len(codes) < _CODES:
        flags, count = _value(file), _value(file)
        given = [_value(file) for _ in range(count)]
        times = given[1] if count > 1 else times
        size = given[3] if count > 3 else 0
        reserved = given[4] if count > 4 else 0
        rows = given[5] if count > 5 else times - size
        header = given[7] if count > 7 else header
        if not 0 < rows <= _CODES:
            raise ValueError("no table")
        for number in range(rows):
            if len(codes) == _PACKET:
                codes.append(_Code(_INVALID, 0, 0, 0, 0))
            codes.append(_Code(flags, times, size + number, reserved, header))
    headers = [0]
    if end > file.tell() + _SUM_BYTES:
        for _ in range(_value(file)):
            headers.append(_value(file))
            if headers[-1] > _SHORT_BYTES:
                raise ValueError("a beginning that is longer than what it begins")
            file.read(headers[-1])
    return _Table(codes, headers)


def _byte(file: BinaryIO) -> int:
    read = file.read(1)
    if not read:
        raise EOFError
    return read[0]


def _value(file: BinaryIO) -> int:
    """A number: 7 bits a byte, the highest first; of those with a sign only the length counts here."""
    value = 0
    for _ in range(MAX_VALUE_BYTES):
        byte = _byte(file)
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            return value
    raise ValueError("a number without an end")
