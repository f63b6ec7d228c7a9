"""The files of an archive: every picture and video below its folders, each by itself."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from fer_edge.errors import SourceError, counted
from fer_edge.sources.content import file_kind, read_head
from fer_edge.sources.heif import is_heif

_log = logging.getLogger(__name__)

# Of files that are tried whatever they hold: one that is damaged is to be reported.
VIDEO_SUFFIXES = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ogv", ".ts", ".webm", ".wmv")


def files_below(paths: Sequence[str]) -> list[str]:
    """`paths` with each folder's pictures and videos in its place, in the order of their names, and each once.

    Folders below it are searched too, links to folders are not followed; what is neither is counted in one warning.
    Raises SourceError for a folder with neither.
    """
    found: dict[str, str] = {}  # the whole path -> as it was given: each file once
    for path in paths:
        files = _below(path) if os.path.isdir(path) else [path]  # noqa: PTH112 - Path.is_dir raises in a closed folder
        for file in files:
            found.setdefault(str(Path(file).absolute()), file)
    return list(found.values())


def _below(top: str) -> list[str]:
    kinds = {path: _is_read(Path(path)) for path in _walk(top)}
    read = [path for path, is_read in kinds.items() if is_read]
    left_out = len(kinds) - len(read)
    if not read:
        raise SourceError(f"folder {top}: holds no picture and no video; name another folder")
    if left_out:
        _log.warning("folder %s: %s left out, neither picture nor video", top, counted(left_out, "file"))
    return read


def _walk(top: str) -> Iterator[str]:
    """The files below `top`. Raises SourceError if a folder cannot be listed, so that none is left out unnoticed."""

    def fail(cause: OSError) -> None:
        raise SourceError(f"folder {cause.filename}: {cause.strerror}; check its permissions") from cause

    for folder, folders, names in os.walk(top, onerror=fail):
        folders.sort()
        yield from (os.path.join(folder, name) for name in sorted(names))  # noqa: PTH118 - as it was given, ./ and all


def _is_read(path: Path) -> bool:
    """Whether it is a picture or a video, or may be one that cannot be read, which is then reported."""
    try:
        named = path.suffix.lower() in VIDEO_SUFFIXES
        return path.is_file() and (named or file_kind(path) != "other" or is_heif(read_head(path)))
    except OSError:
        return True
