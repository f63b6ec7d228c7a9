"""The pictures in a folder, one after the other."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from fer_edge.errors import SourceError, counted
from fer_edge.sources import heif
from fer_edge.sources.content import CAMERA_RAW, file_kind, known_other, read_head
from fer_edge.sources.mounting import Mounting
from fer_edge.sources.options import PICTURE_SUFFIXES, SourceOptions
from fer_edge.sources.picture import is_camera_raw, read_frame
from fer_edge.sources.sequence import Pages, has_pages, is_animated
from fer_edge.types import Frame

_log = logging.getLogger(__name__)

MAX_NAMED = 8  # of the entries that are left out


class PictureFolder:
    """The pictures directly in a folder, sorted by name; what is left out, such as its subfolders, is logged once.

    A picture that cannot be read is logged as a warning, and the next one is read; at the end an error says how many
    there were. Each frame's `source` is its picture's path; its `number` counts the readable ones.
    """

    still, live, local = True, False, False

    def __init__(self, target: str, options: SourceOptions) -> None:
        """List the folder `target`. Raises SourceError if it is missing or holds no picture."""
        self._options = options
        self.name = target
        try:
            entries = sorted(Path(target).iterdir())
        except OSError as cause:
            raise SourceError(f"folder {target}: {cause.strerror}; check the path") from cause
        reasons = {path: why_left_out(path) for path in entries}
        self._paths = [path for path, reason in reasons.items() if not reason]
        left_out = [f"{path.name} ({reason})" for path, reason in reasons.items() if reason]
        if not self._paths:
            below = next((f", such as {path}" for path in entries if os.path.isdir(path)), "")  # noqa: PTH112 (the other raises)
            found = f"holds no picture, but {listed(left_out)}" if entries else "is empty"
            raise SourceError(f"folder {target}: {found}; name another folder{below}")
        if left_out:
            share = f"{len(left_out)} of {counted(len(entries), 'file')}"
            _log.warning("folder %s: %s left out: %s", target, share, listed(left_out))
        self.length = len(self._paths)  # pictures, readable or not

    def __iter__(self) -> Iterator[Frame]:
        """The readable pictures. Raises SourceError after the last one if any was not readable."""
        number = failed = 0
        for path in self._paths:
            try:
                for frame in self._pictures(path):
                    yield replace(frame, number=number, time=float(number))
                    number += 1
            except SourceError as cause:
                failed += 1
                _log.warning("%s", cause)
        if failed:
            raise SourceError(
                f"folder {self.name}: {failed} of its {counted(failed + number, 'picture')} could not be read, "
                "as reported above; fix or remove them"
            )

    def _pictures(self, path: Path) -> Iterator[Frame]:
        """The picture at `path`, or the pages of a TIFF. Raises SourceError."""
        try:
            if is_animated(path):
                _log.warning("picture %s: moves; its first frame alone is read, so give its own path", path)
            several = has_pages(path)
        except OSError:
            several = False  # read_frame says why
        if several:
            with closing(Pages(str(path), self._options)) as pages:
                yield from pages
        else:
            mounting = Mounting(self._options.rotate, self._options.flip)
            yield read_frame(path, 0, self._options.max_pixels, mounting)

    def close(self) -> None:
        """Give no more pictures. May be called twice."""
        self._paths = []


def why_left_out(path: Path) -> str:
    """Why an entry of a folder is not read; "" if it is read, or at least tried: it may be damaged."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            return "a folder"
        if not stat.S_ISREG(mode):
            return "no file"
        kind, head = file_kind(path), read_head(path)
        if kind == "picture":
            return CAMERA_RAW if is_camera_raw(path) else ""
        if heif.is_heif(head):
            return heif.NOT_READ
        return "a video; give its own path" if kind == "video" else known_other(head) or "no picture"
    except OSError as cause:  # such as a broken link
        return "" if path.suffix.lower() in PICTURE_SUFFIXES else cause.strerror or "cannot be read"


def listed(names: list[str]) -> str:
    """The first of `names`, and how many there are beside them."""
    shown = ", ".join(names[:MAX_NAMED])
    return f"{shown} and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else shown
