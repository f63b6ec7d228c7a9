"""Decodes one picture that a client sent, in a process of its own.

`python -m fer_edge.sinks.kiosk.decode IN OUT PIXELS`

A small file can become gigabytes, take minutes, or be made to take over its decoder. Here it has little memory and
time, may open no file and no connection, and is ended with its client. IN is a descriptor of the picture; OUT gets
HEADER_BYTES of JSON, {"width", "height", "size": [width, height] of the pixels that follow, "orientation": as EXIF has
it}, {"too_many": [width, height, most pixels]} or {"error": why it is refused}; then the pixels, grey, row by row.
PIXELS is how many there may be.
"""

from __future__ import annotations

import json
import mmap
import os
import re
import resource
import struct
import sys
import warnings
from contextlib import suppress
from typing import Any, BinaryIO

from fer_edge.service.child import data_bytes, lower_limits

FORMATS = ("JPEG", "PNG", "WEBP")
HEADER_BYTES = 512
MAX_SIDE_PIXELS = 16_384
MAX_SCANS = 50  # of a JPEG; a progressive one has about ten, and each goes over the whole picture
MAX_PARTS = 10_000  # chunks of a PNG or WebP, segments of a JPEG
REDUCED_JPEG_TIMES = 4  # a JPEG may have so many times as many pixels: it is decoded at half the size
MEMORY_BYTES_A_PIXEL = 4.5  # of PIXELS, while it is decoded
WEBP_BYTES_A_PIXEL = 16  # two frames of its decoder, a copy, and the picture
MEMORY_BYTES = 12 << 20  # beside that, and what Pillow takes
CPU_SECONDS = 10
STRIP_ROWS = 128  # converted to grey at once

_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_ORIENTATION = 0x0112
_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")  # in a JPEG's scan; between them are pixels
_SCAN, _END, _PROGRESSIVE = 0xDA, 0xD9, (0xC2, 0xC6, 0xCA, 0xCE)


class RefusedError(Exception):
    """A picture that is not decoded, with the header that says why."""

    def __init__(self, **header: object) -> None:
        super().__init__()
        self.header = header


def main(source: int, target: int, max_pixels: int) -> int:
    """Decode the picture; 0 if OUT says all, whether it worked or not."""
    from PIL import Image, TiffImagePlugin  # noqa: F401 (EXIF is read by it)
    from PIL.JpegImagePlugin import JpegImageFile
    from PIL.PngImagePlugin import PngImageFile
    from PIL.WebPImagePlugin import WebPImageFile

    readers: dict[str, Any] = {"JPEG": JpegImageFile, "PNG": PngImageFile, "WEBP": WebPImageFile}
    warnings.simplefilter("ignore")
    Image.MAX_IMAGE_PIXELS = None
    with open(source, "rb") as file, open(target, "wb") as out:
        try:
            with mmap.mmap(source, 0, access=mmap.ACCESS_READ) as data:
                _limit(max_pixels)
                form, buffered = _form(data, max_pixels)
            file.seek(0)
            _decode(readers[form](file), form, buffered, out, max_pixels)
        except RefusedError as refused:
            _write_header(out, refused.header)
        except MemoryError:
            _write_header(out, {"error": "picture: needs more memory than is allowed; shrink it first"})
        except Exception as cause:  # noqa: BLE001 (each decoder raises its own)
            _write_header(out, {"error": _damaged(cause)})
    return 0


def _limit(max_pixels: int) -> None:
    """From here on: little memory and time, no file, no connection, no further process, and the lowest priority."""
    with suppress(OSError):  # a service may not be allowed to
        os.nice(10)
    limits = {
        resource.RLIMIT_DATA: data_bytes() + MEMORY_BYTES + int(MEMORY_BYTES_A_PIXEL * max_pixels),
        resource.RLIMIT_CPU: CPU_SECONDS,
        resource.RLIMIT_FSIZE: HEADER_BYTES + max_pixels,
        resource.RLIMIT_NPROC: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: 0,
    }
    lower_limits(limits)  # without a limit nothing is decoded


def _decode(image: Any, form: str, buffered: bool, out: BinaryIO, max_pixels: int) -> None:
    width, height = image.size
    _check_size(width, height, _most_pixels(form, buffered, getattr(image, "layer", ()), max_pixels))
    if form == "JPEG":
        divisor = 2 if width * height > max_pixels else 1
        image.draft("L", (max(width // divisor, 1), max(height // divisor, 1)))
    image.load()
    orientation = 1
    with suppress(Exception):  # damaged EXIF does not concern the pixels
        orientation = int(image.getexif().get(_ORIENTATION, 1))
    out.seek(HEADER_BYTES)
    for top in range(0, image.height, STRIP_ROWS):
        out.write(_grey(image.crop((0, top, image.width, min(top + STRIP_ROWS, image.height)))))
    _write_header(out, {"width": width, "height": height, "size": image.size, "orientation": orientation})


def _check_size(width: int, height: int, most: float) -> None:
    if max(width, height) > MAX_SIDE_PIXELS:
        words = f"has {width} x {height} pixels, the limit is {MAX_SIDE_PIXELS} on a side; shrink it first"
        raise RefusedError(error=f"picture: {words}")
    if width * height > most:
        raise RefusedError(too_many=(width, height, int(most)))


def _grey(strip: Any) -> bytes:
    if strip.mode.startswith("I"):  # 16 bits a pixel: Pillow would clip values above 255
        strip = strip.point(lambda value: value * (1 / 256))
    grey: bytes = strip.convert("L").tobytes()
    return grey


def _most_pixels(form: str, buffered: bool, layers: Any, max_pixels: int) -> float:
    """How many pixels a picture of this kind may have, so that its decoder stays within the memory."""
    budget = MEMORY_BYTES_A_PIXEL * max_pixels
    if form == "WEBP":
        return min(max_pixels, budget / WEBP_BYTES_A_PIXEL)
    if form == "PNG":
        return max_pixels
    if not buffered:
        return REDUCED_JPEG_TIMES * max_pixels
    # All coefficients of a progressive JPEG, two bytes each, and the grey picture.
    widest = max((h * v for _, h, v, *_ in layers), default=1)
    coefficients = sum(h * v for _, h, v, *_ in layers) / widest or 1
    return min(max_pixels, budget / (2 * coefficients + 1))


def _form(data: mmap.mmap, max_pixels: int) -> tuple[str, bool]:
    """One of FORMATS, and whether it is a JPEG that is decoded in several passes. Raises RefusedError."""
    if data[:3] == b"\xff\xd8\xff":
        return "JPEG", _count_scans(data)
    if data[:8] == _PNG_MAGIC:
        _count_chunks(data, 8, ">I", 12, 0)
        return "PNG", False
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        _count_chunks(data, 12, "<I", 8, 4)
        if size := _webp_size(data):  # before Pillow makes its decoder, which has memory for all of it
            _check_size(*size, max_pixels * MEMORY_BYTES_A_PIXEL / WEBP_BYTES_A_PIXEL)
        return "WEBP", False
    known = ", ".join(FORMATS)
    raise RefusedError(error=f"picture: is not a picture that can be read; known are {known}")


def _count_scans(data: mmap.mmap) -> bool:
    scans = parts = 0
    progressive = False
    place = 2
    while found := _MARKER.search(data, place):
        kind, place = found[1][0], found.end()
        parts += 1
        scans += kind == _SCAN
        progressive |= kind in _PROGRESSIVE
        if kind == _END:
            break
        if scans > MAX_SCANS or parts > MAX_PARTS:
            raise RefusedError(error=f"picture: has more than {MAX_SCANS} scans; save it again as a plain JPEG")
        place += int.from_bytes(data[place : place + 2])
    return progressive or scans > 1


def _count_chunks(data: mmap.mmap, place: int, length: str, around: int, length_at: int) -> None:
    for _ in range(MAX_PARTS):
        head = data[place + length_at : place + length_at + 4]
        if len(head) < 4:
            return
        size = struct.unpack(length, head)[0]
        place += around + size + (size & 1 if length_at else 0)
    raise RefusedError(error=f"picture: has more than {MAX_PARTS} parts; save it again")


def _webp_size(data: mmap.mmap) -> tuple[int, int] | None:
    """(width, height) as its first chunk says; None if that is none (RFC 9649)."""
    kind, head = data[12:16], data[20:30]
    if len(head) < 10:
        return None
    if kind == b"VP8X":
        return 1 + int.from_bytes(head[4:7], "little"), 1 + int.from_bytes(head[7:10], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(head[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        return int.from_bytes(head[6:8], "little") & 0x3FFF, int.from_bytes(head[8:10], "little") & 0x3FFF
    return None


def _damaged(cause: Exception) -> str:
    reason = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    return f"picture: is cut off or damaged ({reason[:200]}); send it again"


def _write_header(out: BinaryIO, header: dict[str, object]) -> None:
    text = json.dumps(header).encode()
    out.seek(0)
    out.write(text[:HEADER_BYTES].ljust(HEADER_BYTES))


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
