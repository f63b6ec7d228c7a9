"""Pictures and videos with the predictions drawn in. Only `fer-edge detect --annotate DIR` makes them."""

from __future__ import annotations

import os
from pathlib import Path

import cv2

from fer_edge.drawing.annotate import annotate_frame
from fer_edge.drawing.words import Words
from fer_edge.errors import SinkError
from fer_edge.files import is_utf8, path_in_utf8
from fer_edge.sources.content import PNG_START, read_head
from fer_edge.sources.quiet import quiet_opencv
from fer_edge.types import Observation, Sink

UNFINISHED = ".unfinished.mp4"  # the suffix of a video that is being written
MAX_JPEG_SIDE_PX = 65500  # pixels a side (libjpeg's JPEG_MAX_DIMENSION)


def _folder(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as cause:
        raise SinkError(f"folder {path}: cannot be made ({cause.strerror}); choose another with --annotate") from None
    return path


def _path(folder: Path, stem: str, suffix: str) -> Path:
    return folder / f"{stem}-annotated{suffix}"


def _new_file(folder: Path, stem: str, suffix: str) -> Path:
    """An empty file that did not exist, so that nothing is overwritten, least of all an original. Raises OSError."""
    path, number = _path(folder, stem, suffix), 1
    while True:
        try:
            path.open("xb").close()  # not only looked for: another process may write here too
        except FileExistsError:
            number += 1
            path = folder / f"{stem}-annotated-{number}{suffix}"
        else:
            return path


def _is_png(path: Path) -> bool:
    """Whether the picture was a PNG, whose flat colours and sharp edges a JPEG would blur."""
    try:
        return read_head(path, len(PNG_START)) == PNG_START
    except OSError:  # it came by a pipe, or is gone
        return False


class AnnotatedPictures(Sink):
    """Writes a picture for each frame, named after its source: a PNG for a PNG, else a JPEG."""

    def __init__(self, folder: Path, font: str = "", words: Words | None = None) -> None:
        """Pictures go to `folder`, which is made if it is missing; the rest is as for `annotate`. Raises SinkError."""
        self._folder, self._font, self._words = _folder(folder), font, words
        self._last, self._count = folder, 0  # what was written

    @property
    def written(self) -> str:
        """Where the pictures are, in words; "" if none was written."""
        if self._count > 1:
            return f"{self._count} pictures in {self._folder}"
        return str(self._last) if self._count else ""

    def write(self, observation: Observation) -> None:
        """Draw and write. Raises SinkError."""
        source = Path(observation.frame.source)
        suffix = ".png" if _is_png(source) else ".jpg"
        path = _path(self._folder, source.stem, suffix)
        drawn = annotate_frame(observation, self._font, self._words)
        if suffix == ".jpg" and max(drawn.shape) > MAX_JPEG_SIDE_PX:
            raise SinkError(
                f"picture {path}: {drawn.shape[1]} x {drawn.shape[0]} is too large for JPEG; shrink it first"
            )
        _, data = cv2.imencode(suffix, drawn, [cv2.IMWRITE_JPEG_QUALITY, 92] if suffix == ".jpg" else [])
        try:
            path = _new_file(self._folder, source.stem, suffix)
            path.write_bytes(data.tobytes())
            self._last, self._count = path, self._count + 1
        except OSError as cause:
            path.unlink(missing_ok=True)
            raise SinkError(
                f"picture {path}: cannot be written ({cause.strerror}); check the folder's permissions and free space"
            ) from None

    def close(self) -> None:
        """Nothing is kept open."""


class AnnotatedVideo(Sink):
    """Writes one MP4 (MPEG-4 part 2, which OpenCV's wheels can write everywhere).

    It cannot be played before its end is written, so until then its name says UNFINISHED: that is what a kill leaves.
    """

    def __init__(self, folder: Path, stem: str, fps: float, font: str = "", words: Words | None = None) -> None:
        """The video goes to `folder`, which is made if it is missing, with `fps` frames a second. Raises SinkError."""
        self._folder, self._stem = _folder(folder), stem
        self.path = _path(self._folder, stem, ".mp4")  # as it is called in the end, unless that exists
        self._written = self.path  # what OpenCV writes
        self._fps, self._font, self._words = fps, font, words
        self._frames = 0
        quiet_opencv()
        self._writer: cv2.VideoWriter | None = None

    @property
    def written(self) -> str:
        """Where the video is; "" if none was written."""
        return str(self.path) if self._frames else ""

    def write(self, observation: Observation) -> None:
        """Draw and append. Raises SinkError."""
        drawn = annotate_frame(observation, self._font, self._words)
        if self._writer is None:
            height, width = drawn.shape[:2]
            self._writer = self._open((width, height))
        self._writer.write(drawn)
        self._frames += 1

    def _open(self, size: tuple[int, int]) -> cv2.VideoWriter:
        try:
            stem = self._stem if is_utf8(self._stem) else f"fer-edge.{os.getpid()}"
            self._written = _new_file(self._folder, stem, UNFINISHED)
            with path_in_utf8(self._folder) as folder:
                path = f"{folder}/{self._written.name}"
                writer = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*"mp4v"), self._fps, size)
        except OSError as cause:
            raise self._error(f"cannot be written ({cause.strerror}); check the folder's permissions") from None
        if not writer.isOpened():
            self._remove()
            raise self._error("cannot be written; check the folder's permissions and free space")
        return writer

    def close(self) -> None:
        """Finish the file. Raises SinkError if it is not whole."""
        if self._writer is None:
            return
        self._writer.release()
        self._writer = None
        # Neither write nor release reports a full disk, so the file is read back.
        with path_in_utf8(self._written) as path:
            made = cv2.VideoCapture(path, cv2.CAP_FFMPEG)
        whole = made.isOpened() and made.get(cv2.CAP_PROP_FRAME_COUNT) >= self._frames
        made.release()
        if not whole:
            self._remove()
            raise self._error("is incomplete, so it was removed; make room for it")
        try:
            self.path = _new_file(self._folder, self._stem, ".mp4")
            self._written.replace(self.path)
        except OSError as cause:
            raise self._error(f"cannot be named so ({cause.strerror}); it is in {self._written}") from None

    def _remove(self) -> None:
        self._frames = 0
        self._written.unlink(missing_ok=True)

    def _error(self, what: str) -> SinkError:
        return SinkError(f"video {self.path}: {what}")
