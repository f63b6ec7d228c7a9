"""The pictures of a folder, one after the other."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from edge.errors import SourceError
from edge.sources.options import PICTURES, SourceOptions
from edge.sources.picture import read_frame
from edge.types import Frame

_log = logging.getLogger(__name__)


class Folder:
    """The pictures that lie in a folder itself, sorted by name; its subfolders and other files are passed over.

    A picture that cannot be read is reported (logging.warning), noted in `failed`, and the rest go on. Each frame's
    `source` is its picture's path; its `number` counts the readable ones.
    """

    live = False

    def __init__(self, target: str, options: SourceOptions) -> None:
        """List the folder `target`. Raises SourceError where it is missing or holds no picture."""
        self._max_pixels = options.max_pixels
        self.name = target
        self.failed: list[str] = []  # one message each
        try:
            entries = sorted(Path(target).iterdir())
        except OSError as cause:
            raise SourceError(f"folder {target}: {cause.strerror}; check the path") from cause
        self._paths = [path for path in entries if path.suffix.lower() in PICTURES and path.is_file()]
        if not self._paths:
            known = ", ".join(suffix[1:] for suffix in PICTURES)
            found = f"{len(entries)} other entries" if entries else "nothing"
            raise SourceError(f"folder {target}: holds no picture ({known}), but {found}; name another folder")
        self.length = len(self._paths)  # pictures, readable or not

    def __iter__(self) -> Iterator[Frame]:
        """The readable pictures. Raises SourceError after the last one where none was readable."""
        self.failed.clear()
        number = 0
        for path in self._paths:
            try:
                frame = read_frame(path, number, self._max_pixels)
            except SourceError as cause:
                self.failed.append(str(cause))
                _log.warning("%s", cause)
                continue
            yield frame
            number += 1
        if self._paths and number == 0:
            raise SourceError(f"folder {self.name}: none of its {len(self._paths)} pictures can be read")

    def close(self) -> None:
        """Give no more pictures. May be called twice."""
        self._paths = []
