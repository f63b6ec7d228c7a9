"""Photos as HEIC or AVIF, as telephones make them.

Pillow reads AVIF from 11.3 on, HEIC with pi-heif. Without these FFmpeg reads them as videos of one frame, but not all
of them right: of a photo that is stored in tiles, as most are, it gives one tile.
"""

from __future__ import annotations

import os
from contextlib import suppress
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

BRANDS = (b"heic", b"heix", b"heim", b"heis", b"mif1", b"avif", b"avis")
NOT_READ = "HEIC or AVIF; install: pip install 'fer-edge[heif]' 'pillow>=11.3', or make it a JPEG"
_MAX_META_BYTES = 1 << 22  # of the box that says how a photo is stored
_FAULTS = (  # (bytes of that box, what FFmpeg does not apply)
    (b"grid", "is stored in tiles"),
    (b"iovl", "is put together from several"),
    (b"imir", "is stored as its mirror image"),
)


def is_heif(head: bytes) -> bool:
    """Whether a file that begins with `head` is a photo as HEIC or AVIF."""
    return head[4:8] == b"ftyp" and head[8:12] in BRANDS


def moves(head: bytes) -> bool:
    """Whether it is an animated AVIF."""
    return is_heif(head) and head[8:12] == b"avis"


def formats(head: bytes) -> tuple[str, ...]:
    """The names of the decoders by which Pillow reads it here; none: it cannot."""
    if _is_avif(head):
        return ("AVIF",) if find_spec("PIL._avif") else ()
    return ("HEIF",) if _register() else ()


def check_ffmpeg(path: Path, head: bytes, name: str) -> str:
    """Why FFmpeg would read another picture than the photo at `path` shows, and the cure; "" if it reads that.

    Raises OSError.
    """
    why = "moves" if moves(head) else next((why for sign, why in _FAULTS if sign in _meta(path)), "")
    if not why:
        return ""
    cure = "'pillow>=11.3'" if _is_avif(head) else "'fer-edge[heif]'"
    return f"picture {name}: {why}, which is read by Pillow alone; install: pip install {cure}, or save it as a JPEG"


def _is_avif(head: bytes) -> bool:
    brands = head[8 : min(int.from_bytes(head[:4]), 512)]
    return b"avif" in brands or b"avis" in brands


@lru_cache(1)
def _register() -> bool:
    """Make Pillow read HEIC, if a package for it is installed."""
    for package in ("pi_heif", "pillow_heif"):
        with suppress(ImportError):  # not installed, or for another Pillow
            import_module(package).register_heif_opener()
            return True
    return False


def _meta(path: Path) -> bytes:
    """The box `meta` of the file at `path`; what follows the first box, if there is none where it should be."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        place = 0
        while place + 8 <= size:
            file.seek(place)
            head = file.read(8)
            length = int.from_bytes(head[:4])
            if head[4:] == b"meta":
                return file.read(min(length, _MAX_META_BYTES))
            if length < 8:
                break
            place += length
    return b""
