"""Pictures and videos with the predictions drawn in. Only `fer-edge detect --annotate DIR` makes them."""

from __future__ import annotations

from pathlib import Path

import cv2

from fer_edge.drawing.annotate import annotate_frame
from fer_edge.errors import SinkError
from fer_edge.sources.quiet import quiet_opencv
from fer_edge.types import Observation, Sink

MAX_JPEG_SIDE_PX = 65500  # pixels a side (libjpeg's JPEG_MAX_DIMENSION)


def _folder(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as cause:
        raise SinkError(f"folder {path}: cannot be made ({cause.strerror}); choose another with --annotate") from None
    return path


def _unused_path(folder: Path, stem: str, suffix: str) -> Path:
    """A path that does not exist yet, so that nothing is overwritten, least of all an original."""
    path = folder / f"{stem}-annotated{suffix}"
    number = 1
    while path.exists():
        number += 1
        path = folder / f"{stem}-annotated-{number}{suffix}"
    return path


class AnnotatedPictures(Sink):
    """Writes a JPEG for each frame, named after its source."""

    def __init__(self, folder: Path) -> None:
        """Pictures go to `folder`, which is made if it is missing. Raises SinkError."""
        self._folder = _folder(folder)

    def write(self, observation: Observation) -> None:
        """Draw and write. Raises SinkError."""
        path = _unused_path(self._folder, Path(observation.frame.source).stem, ".jpg")
        drawn = annotate_frame(observation)
        if max(drawn.shape) > MAX_JPEG_SIDE_PX:
            raise SinkError(
                f"picture {path}: {drawn.shape[1]} x {drawn.shape[0]} is too large for JPEG; shrink it first"
            )
        _, data = cv2.imencode(".jpg", drawn, [cv2.IMWRITE_JPEG_QUALITY, 92])
        try:
            path.write_bytes(data.tobytes())
        except OSError as cause:
            path.unlink(missing_ok=True)
            raise SinkError(
                f"picture {path}: cannot be written ({cause.strerror}); check the folder's permissions and free space"
            ) from None

    def close(self) -> None:
        """Nothing is kept open."""


class AnnotatedVideo(Sink):
    """Writes one MP4 (MPEG-4 part 2, which OpenCV's wheels can write everywhere)."""

    def __init__(self, folder: Path, stem: str, fps: float) -> None:
        """The video goes to `folder`, which is made if it is missing, with `fps` frames a second. Raises SinkError."""
        self.path = _unused_path(_folder(folder), stem, ".mp4")
        self._fps = fps
        self._frames = 0
        quiet_opencv()
        self._writer: cv2.VideoWriter | None = None

    def write(self, observation: Observation) -> None:
        """Draw and append. Raises SinkError."""
        drawn = annotate_frame(observation)
        if self._writer is None:
            height, width = drawn.shape[:2]
            # An absolute path, since FFmpeg takes the text before a colon for a protocol.
            path = str(self.path.absolute())
            self._writer = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*"mp4v"), self._fps, (width, height))
        if not self._writer.isOpened():
            self._writer = None
            raise SinkError(f"video {self.path}: cannot be written; check the folder's permissions and free space")
        self._writer.write(drawn)
        self._frames += 1

    def close(self) -> None:
        """Finish the file. Raises SinkError if it is not whole."""
        if self._writer is None:
            return
        self._writer.release()
        self._writer = None
        # Neither write nor release reports a full disk, so the file is read back.
        made = cv2.VideoCapture(str(self.path.absolute()), cv2.CAP_FFMPEG)
        whole = made.isOpened() and made.get(cv2.CAP_PROP_FRAME_COUNT) >= self._frames
        made.release()
        if not whole:
            self.path.unlink(missing_ok=True)
            raise SinkError(f"video {self.path}: is incomplete, so it was removed; make room for it")
