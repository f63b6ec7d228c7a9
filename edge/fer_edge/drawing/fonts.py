"""The font that labels are written in: the user's, Pillow's own, or one of the system's that has the letters.

Pillow's own has English letters alone, and draws a box for each other one.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import ImageFont

from fer_edge.errors import SettingsError

if TYPE_CHECKING:
    from fer_edge.settings import Settings

_log = logging.getLogger(__name__)

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

FOLDERS = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"))
PREFERRED = ("DejaVuSans", "NotoSans-Regular", "NotoSansCJK-Regular", "DroidSansFallback")  # plain, with many letters
MAX_FILES = 500  # that are looked at, a millisecond each
_NO_LETTER = "\uffff"  # no font has it, so it is drawn as what is missing
_TRIED_PX = 20


def font_for(text: str, size: int, path: str = "", labels: Iterable[str] = ()) -> Font:
    """A font with the letters of `text`, `size` pixels high: of those, one with the letters of all `labels` too.

    `path`: this TrueType file, whatever it has. Raises OSError.
    """
    return _load(path or _path_for(_letters(text, *labels)) or _path_for(_letters(text), warn=True), size)


def writable(text: str, font: Font) -> str:
    """`text` with "?" for what `font` cannot be asked for: Pillow's bitmaps have Latin-1 alone."""
    return text if isinstance(font, ImageFont.FreeTypeFont) else text.encode("latin-1", "replace").decode("latin-1")


def font_of(settings: Settings) -> str:
    """The path of the TrueType file that the settings name; "": none. Raises SettingsError if it cannot be read."""
    key, path = ("drawing.font", settings.drawing.font) if settings.drawing.font else ("oled.font", settings.oled.font)
    try:
        font_for("", _TRIED_PX, path)
    except (OSError, ValueError) as cause:
        raise SettingsError(f"{key} = {path!r}: cannot be read ({cause}); give the path of a TrueType file") from None
    return path


def _letters(*texts: str) -> str:
    return "".join(sorted(set("".join(texts))))


@lru_cache(64)
def _load(path: str, size: int) -> Font:
    if path:
        return ImageFont.truetype(path, size)
    try:
        return ImageFont.load_default(size)
    except TypeError:  # Pillow before 10.1 has small letters alone
        return ImageFont.load_default()


@lru_cache(256)
def _path_for(letters: str, warn: bool = False) -> str:
    """The file of a font of the system that has `letters`; "": Pillow's own has them, or none has."""
    if _has(_load("", _TRIED_PX), letters):
        return ""
    for path in _installed():
        try:
            if _has(ImageFont.truetype(str(path), _TRIED_PX), letters):
                return str(path)
        except (OSError, ValueError, UnicodeError):  # no font, or a damaged one
            continue
    if warn:
        _log.warning(
            f"labels: no font here has all letters of {letters.strip()!r}; name one as drawing.font, or install some: "
            "sudo apt install fonts-dejavu-core fonts-noto-cjk"
        )
    return ""


@lru_cache(1)
def _installed() -> list[Path]:
    found = (path for folder in FOLDERS for suffix in ("ttf", "otf", "ttc") for path in folder.rglob(f"*.{suffix}"))
    return sorted(found, key=lambda path: (path.stem not in PREFERRED, len(path.stem), str(path)))[:MAX_FILES]


def _has(font: Font, letters: str) -> bool:
    if not isinstance(font, ImageFont.FreeTypeFont):  # bitmaps of one size: any other font is better
        return False
    missing = bytes(font.getmask(_NO_LETTER))
    return all(bytes(font.getmask(letter)) != missing for letter in letters if not letter.isspace())
