"""The pictures of a folder, one after the other."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from fer_edge.errors import SourceError
from fer_edge.sources.options import PICTURES, SourceOptions
from fer_edge.sources.picture import read_frame
from fer_edge.types import Frame

_log = logging.getLogger(__name__)


class Folder:
    """The pictures that lie in a folder itself, sorted by name; its subfolders and other files are passed over.

    A picture that cannot be read is reported (logging.warning) and the rest go on; then an error says how many there
    were. Each frame's `source` is its picture's path; its `number` counts the readable ones.
    """

    still, live, local = True, False, False

    def __init__(self, target: str, options: SourceOptions) -> None:
        """List the folder `target`. Raises SourceError where it is missing or holds no picture."""
        self._max_pixels = options.max_pixels
        self.name = target
        try:
            entries = sorted(Path(target).iterdir())
            # A link to nothing stays in, and is reported when its turn comes.
            self._paths = [path for path in entries if path.suffix.lower() in PICTURES and not path.is_dir()]
        except OSError as cause:
            raise SourceError(f"folder {target}: {cause.strerror}; check the path") from cause
        if not self._paths:
            known = ", ".join(suffix[1:] for suffix in PICTURES)
            found = f"{len(entries)} other entries" if entries else "nothing"
            raise SourceError(f"folder {target}: holds no picture ({known}), but {found}; name another folder")
        self.length = len(self._paths)  # pictures, readable or not

    def __iter__(self) -> Iterator[Frame]:
        """The readable pictures. Raises SourceError after the last one where one was not readable."""
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
                f"folder {self.name}: {failed} of its {failed + number} pictures could not be read, as said above; "
                "mend or remove them"
            )

    def close(self) -> None:
        """Give no more pictures. May be called twice."""
        self._paths = []
