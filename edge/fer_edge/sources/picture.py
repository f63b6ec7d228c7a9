"""One picture, read by Pillow, which knows the size before it decodes and reports a truncated file.

OpenCV's own reader fills the missing half of a truncated JPEG with grey and reports nothing.
"""

from __future__ import annotations

import os
import stat
import struct
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from fer_edge.errors import SourceError
from fer_edge.sources import heif
from fer_edge.sources.content import CAMERA_RAW, HEAD_BYTES, read_head, what_else
from fer_edge.sources.depth import to_8_bits
from fer_edge.sources.mounting import Mounting
from fer_edge.sources.options import PICTURE_SUFFIXES, SourceOptions, too_many_pixels
from fer_edge.types import Frame, Pixels

# Pillow reads many more, with decoders that are little tested on damaged files; for PostScript it starts Ghostscript.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")


DEEP_COLOURS = "RGB;16"  # what Pillow calls three colours of sixteen bits
MIN_DEEP_LEVEL = 64  # of eight bits: a picture that is nowhere brighter uses fourteen of sixteen bits at most
WHOLE_PIXELS = 2_500_000  # of a picture that is converted at once
STRIPE_ROWS = 256  # of a larger one
_ORIENTATION = 0x0112  # the EXIF tag
REDUCED_PAGE = 1  # a flag in a TIFF's tag NewSubfileType: a smaller copy of another page
_SUBFILE_TYPE, _BITS, _PHOTOMETRIC, _PLANES, _FORMAT = 254, 258, 262, 284, 339  # a TIFF's tags
_SUB_PAGES, _DNG_VERSION = 330, 50706
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_WHITE_IS_ZERO, _SEPARATE, _UNSIGNED = 0, 2, 1  # values of _PHOTOMETRIC, _PLANES, _FORMAT
_ALL_BITS = cv2.IMREAD_ANYDEPTH | cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION


class Picture:
    """A source of one frame."""

    still, live, local = True, False, False
    length = 1

    def __init__(self, target: str, options: SourceOptions) -> None:
        """Read the picture `target`. Raises SourceError if it is missing, empty, damaged, or too large."""
        self._frame: Frame | None = read_frame(
            Path(target), 0, options.max_pixels, Mounting(options.rotate, options.flip)
        )

    def __iter__(self) -> Iterator[Frame]:
        """The frame."""
        if self._frame is not None:
            yield self._frame

    def close(self) -> None:
        """Release the picture. May be called twice."""
        self._frame = None


def read_frame(path: Path, number: int, max_pixels: int, mounting: Mounting | None = None) -> Frame:
    """The picture at `path`, turned by `mounting`, as frame `number`. Raises SourceError.

    Pictures have no clock: `time` is `number`, as if there were one a second; `taken` is when the file was written.
    """
    colour = read_picture(path, max_pixels)
    colour = colour if mounting is None else mounting.apply(colour)
    grey = np.asarray(cv2.cvtColor(colour, cv2.COLOR_BGR2GRAY), np.uint8)
    return Frame(number, float(number), file_time(path), grey, str(path), colour)


def file_time(path: Path) -> datetime:
    """When the file was written; now, if that is not known."""
    try:
        return datetime.fromtimestamp(path.stat().st_mtime).astimezone()
    except (OSError, ValueError, OverflowError):  # the file is gone, or its date is past the year 9999
        return datetime.now().astimezone()


def read_picture(path: Path, max_pixels: int) -> Pixels:
    """The picture at `path`, (height, width, 3) BGR, rotated as its EXIF orientation says.

    Raises SourceError if it is missing, empty, not a picture, cut off, or has more than `max_pixels`.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise SourceError(f"picture {path}: is not a file; give the path of a picture")
        if status.st_size == 0:
            raise SourceError(f"picture {path}: is empty (0 bytes); copy it again")
        return decode_picture(path, f"picture {path}", max_pixels)
    except FileNotFoundError as cause:
        raise SourceError(f"picture {path}: no such file; check the path") from cause
    except PermissionError as cause:
        raise SourceError(f"picture {path}: Permission denied; make it readable with: chmod +r") from cause
    except OSError as cause:
        raise SourceError(_damaged(f"picture {path}", cause)) from cause


def decode_picture(data: Path | BinaryIO, name: str, max_pixels: int, formats: tuple[str, ...] = FORMATS) -> Pixels:
    """The picture in `data`, (height, width, 3) BGR, rotated as its EXIF orientation says; `name` is for errors.

    Raises SourceError if it is not a picture of `formats`, cut off, or has more than `max_pixels`; FileNotFoundError,
    PermissionError.
    """
    with pillow_errors(data, name, formats), open_image(data, formats) as image:
        return decode(image, name, max_pixels)


def open_image(data: Path | BinaryIO, formats: tuple[str, ...] = FORMATS) -> Image.Image:
    """Pillow's image of `data`, not decoded yet; with FORMATS also of HEIC and AVIF, if it reads them here.

    Raises what Pillow raises.
    """
    if formats is FORMATS:
        head = read_head(data) if isinstance(data, Path) else data.read(HEAD_BYTES)
        if not isinstance(data, Path):
            data.seek(0)
        formats += heif.formats(head) if heif.is_heif(head) else ()
    return Image.open(data, formats=formats)


@contextmanager
def pillow_errors(
    data: Path | BinaryIO, name: str, formats: tuple[str, ...] = FORMATS, ends: bool = False
) -> Iterator[None]:
    """Turns what Pillow raises while it opens or decodes `data` into SourceError, but for files that cannot be read.

    `ends`: EOFError is no error, but says that there is no further picture.
    """
    try:
        with _without_pillow_limits():
            yield
    except UnidentifiedImageError as cause:
        known = ", ".join(suffix[1:] for suffix in PICTURE_SUFFIXES) if formats is FORMATS else ", ".join(formats)
        head = read_head(data) if isinstance(data, Path) else b""
        if heif.is_heif(head) and not heif.formats(head):
            raise SourceError(f"{name}: {heif.NOT_READ}") from cause
        if heif.is_heif(head):
            raise SourceError(_damaged(name, ValueError("its decoder finds no picture"))) from cause
        if what := what_else(head):
            raise SourceError(f"{name}: is not a picture that can be read, but {what}") from cause
        raise SourceError(f"{name}: is not a picture that can be read; known are {known}") from cause
    except (FileNotFoundError, PermissionError):
        raise
    except EOFError as cause:
        if ends:
            raise
        raise SourceError(_damaged(name, cause)) from cause
    except (
        OSError,
        SyntaxError,
        ValueError,
        MemoryError,
        RuntimeError,
        struct.error,
        LookupError,
        TypeError,
    ) as cause:  # each decoder raises its own errors
        raise SourceError(_damaged(name, cause)) from cause


_PILLOW_GLOBALS = threading.Lock()  # held while these globals, which belong to the whole program, are changed
# A fork waits for the thread that holds it: in the child, which has no such thread, it would never be released.
os.register_at_fork(
    before=_PILLOW_GLOBALS.acquire, after_in_parent=_PILLOW_GLOBALS.release, after_in_child=_PILLOW_GLOBALS.release
)


@contextmanager
def _without_pillow_limits() -> Iterator[None]:
    """Switch off Pillow's warnings and its own limit for large pictures, and restore both at the end.

    Its warnings (odd palettes, damaged EXIF) do not concern the pixels; `max_pixels` is checked first and names the
    file.
    """
    with _PILLOW_GLOBALS, warnings.catch_warnings(action="ignore"):
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _damaged(name: str, cause: Exception) -> str:
    reason = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    return f"{name}: is cut off or damaged ({reason}); copy it again"


def decode(image: Image.Image, name: str, max_pixels: int) -> Pixels:
    """Pillow's open `image`, (height, width, 3) BGR, rotated as its EXIF orientation says. Raises SourceError."""
    width, height = image.size
    if width * height > max_pixels:
        raise SourceError(f"{name}: {too_many_pixels(width, height, max_pixels)}")
    tags = getattr(image, "tag_v2", {})
    if _is_camera_raw(tags):
        raise SourceError(f"{name}: is {CAMERA_RAW}")
    if tags.get(_PLANES) == _SEPARATE and max(tags.get(_BITS, ())[1:], default=8) > 8:  # Pillow mixes their bytes
        raise SourceError(f"{name}: is a TIFF with 16 bits a colour in planes of their own; save it with 8 bits")
    content = _content(image) if DEEP_COLOURS in str(getattr(image, "tile", "")) else b""
    image.load()
    turned = image if image.getexif().get(_ORIENTATION, 1) == 1 else ImageOps.exif_transpose(image)
    if turned.mode.startswith(("I", "F")):
        return np.asarray(cv2.cvtColor(_deep_grey(np.asarray(turned), tags), cv2.COLOR_GRAY2BGR), np.uint8)
    colours = _to_bgr(turned)
    if content and colours.max() < MIN_DEEP_LEVEL and image.getexif().get(_ORIENTATION, 1) == 1:
        # Pillow keeps the upper eight of sixteen bits; of a camera's twelve these would be four.
        whole = cv2.imdecode(np.frombuffer(content, np.uint8), _ALL_BITS)
        if whole is not None and whole.shape == colours.shape:
            return to_8_bits(whole)
    return colours


def decode_grey(image: Image.Image) -> Pixels:
    """Pillow's open JPEG, (height, width), rotated as its EXIF orientation says: its brightness alone is decoded."""
    image.draft("L", image.size)
    image.load()
    turned = image if image.getexif().get(_ORIENTATION, 1) == 1 else ImageOps.exif_transpose(image)
    return np.array(turned if turned.mode == "L" else turned.convert("L"), np.uint8)


def _to_bgr(image: Image.Image) -> Pixels:
    """Pillow's `image` as OpenCV has them; a large one in stripes, for Pillow would copy the whole of it twice."""
    width, height = image.size
    if width * height <= WHOLE_PIXELS:
        whole = image if image.mode == "RGB" else image.convert("RGB")
        return np.asarray(cv2.cvtColor(np.asarray(whole), cv2.COLOR_RGB2BGR), np.uint8)
    colours = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, STRIPE_ROWS):
        rows = colours[top : top + STRIPE_ROWS]
        stripe = image.crop((0, top, width, top + len(rows)))
        cv2.cvtColor(np.asarray(stripe if stripe.mode == "RGB" else stripe.convert("RGB")), cv2.COLOR_RGB2BGR, dst=rows)
    return colours


def _deep_grey(values: NDArray[Any], tags: Mapping[int, Any]) -> Pixels:
    """`values` (height, width) of more than eight bits as uint8; `tags` of a TIFF say what Pillow does not apply."""
    if values.dtype == np.int32 and tags.get(_BITS) == (32,) and tags.get(_FORMAT, (_UNSIGNED,)) == (_UNSIGNED,):
        values = values.view(np.uint32)
    pixels = to_8_bits(values)
    return ~pixels if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO else pixels


def is_reduced(tags: Mapping[int, Any]) -> bool:
    """Whether the page of a TIFF with these `tags` is a smaller copy of another one."""
    return bool(int(tags.get(_SUBFILE_TYPE, 0)) & REDUCED_PAGE)


def _is_camera_raw(tags: Mapping[int, Any]) -> bool:
    """Whether a page of a TIFF is a preview of what a camera's sensor gave, which is no picture yet."""
    return _DNG_VERSION in tags or (_SUB_PAGES in tags and is_reduced(tags))


def is_camera_raw(path: Path) -> bool:
    """Whether the file at `path` is a TIFF with what a camera's sensor gave. Raises OSError."""
    if not begins_tiff(read_head(path)):
        return False
    try:
        with pillow_errors(path, ""), Image.open(path, formats=("TIFF",)) as image:
            return _is_camera_raw(getattr(image, "tag_v2", {}))
    except SourceError:
        return False  # whatever it is, it says so when it is read


def begins_tiff(head: bytes) -> bool:
    """Whether a file that begins with `head` is a TIFF."""
    return head.startswith(_TIFF)


def _content(image: Any) -> bytes:
    """The open file; b"" of a later page, which OpenCV would not find."""
    if image.tell():
        return b""
    place = image.fp.tell()
    image.fp.seek(0)
    content: bytes = image.fp.read()
    image.fp.seek(place)
    return content
