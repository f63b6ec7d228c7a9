"""The pictures in a folder, one after the other."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

from fer_edge.errors import SourceError, counted
from fer_edge.sources.options import PICTURE_SUFFIXES, SourceOptions
from fer_edge.sources.picture import read_frame
from fer_edge.types import Frame

_log = logging.getLogger(__name__)


class PictureFolder:
    """The pictures directly in a folder, sorted by name; its subfolders and other files are skipped.

    A picture that cannot be read is logged as a warning, and the next one is read; at the end an error says how many
    there were. Each frame's `source` is its picture's path; its `number` counts the readable ones.
    """

    still, live, local = True, False, False

    def __init__(self, target: str, options: SourceOptions) -> None:
        """List the folder `target`. Raises SourceError if it is missing or holds no picture."""
        self._max_pixels = options.max_pixels
        self.name = target
        try:
            entries = sorted(Path(target).iterdir())
            # A broken link stays in the list; it is reported when it is read.
            self._paths = [path for path in entries if path.suffix.lower() in PICTURE_SUFFIXES and not path.is_dir()]
        except OSError as cause:
            raise SourceError(f"folder {target}: {cause.strerror}; check the path") from cause
        if not self._paths:
            known = ", ".join(suffix[1:] for suffix in PICTURE_SUFFIXES)
            below = next((f", such as {path}" for path in entries if os.path.isdir(path)), "")  # noqa: PTH112 (the other raises)
            found = f"holds no picture ({known})" if entries else "is empty"
            raise SourceError(f"folder {target}: {found}; name another folder{below}")
        self.length = len(self._paths)  # pictures, readable or not

    def __iter__(self) -> Iterator[Frame]:
        """The readable pictures. Raises SourceError after the last one if any was not readable."""
        number = failed = 0
        for path in self._paths:
            try:
                frame = read_frame(path, number, self._max_pixels)
            except SourceError as cause:
                failed += 1
                _log.warning("%s", cause)
                continue
            yield frame
            number += 1
        if failed:
            raise SourceError(
                f"folder {self.name}: {failed} of its {counted(failed + number, 'picture')} could not be read, "
                "as reported above; fix or remove them"
            )

    def close(self) -> None:
        """Give no more pictures. May be called twice."""
        self._paths = []
