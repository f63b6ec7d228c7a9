"""Standard input or a named pipe: one picture, or a video that is read as it comes."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import TypeAlias

from fer_edge.errors import SourceError
from fer_edge.sources.array import array_frame
from fer_edge.sources.content import HEAD_BYTES, STANDARD_INPUT, check_media, is_motion_jpeg, is_mp4, kind_of
from fer_edge.sources.mounting import Mounting
from fer_edge.sources.options import SourceOptions
from fer_edge.sources.picture import begins_tiff, decode_picture
from fer_edge.sources.sequence import Animation, Pages, begins_animation
from fer_edge.sources.video import VideoFile
from fer_edge.types import Frame

NAME = "stdin"  # in messages, in the log, and of annotated copies
CHUNK_BYTES = 1 << 16
BYTES_A_PIXEL = 8  # of an uncompressed picture at most: what is longer has more pixels than it may


Several: TypeAlias = VideoFile | Animation | Pages


class Pipe:
    """The frames of one picture or one video, which may never end."""

    live = local = False

    def __init__(self, target: str, options: SourceOptions) -> None:
        """Read the beginning of `target`, a path or one of STANDARD_INPUT, waiting for it. Raises SourceError."""
        self.name = options.name or (NAME if target in STANDARD_INPUT else target)
        self._frame: Frame | None = None
        with ExitStack() as opened:
            try:
                video = self._begin(_open(target, self.name), options, opened)
            except OSError as cause:
                raise SourceError(f"{self.name}: cannot be read ({cause.strerror}); save it as a file first") from cause
            self._opened = opened.pop_all()
        self._video = video
        self.length, self.still = (video.length, video.still) if video else (1, True)
        self.fps: float = getattr(video, "fps", 1.0)

    def _begin(self, file: BufferedReader, options: SourceOptions, opened: ExitStack) -> Several | None:
        """Read one picture, or open what holds several, which `opened` closes. Raises OSError, SourceError."""
        with ExitStack() as until_passed_on:
            until_passed_on.enter_context(file)
            data = file.read(HEAD_BYTES)
            if not data:
                raise SourceError(f"{self.name}: is empty (0 bytes); send a picture or a video")
            check_media(data, self.name)
            if several := _several(data):
                path = _whole_file(file, data, opened)
                return opened.enter_context(closing(several(path, replace(options, name=self.name))))
            if kind_of(data) == "picture":
                data = _picture(file, data, self.name, options.max_pixels)
                if not is_motion_jpeg(data):
                    pixels = decode_picture(BytesIO(data), f"picture {self.name}", options.max_pixels)
                    pixels = Mounting(options.rotate, options.flip).apply(pixels)
                    self._frame = array_frame(pixels, self.name, options.max_pixels)
                    return None
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode) or is_mp4(data):
                path = _whole_file(file, data, opened)
            else:
                until_passed_on.pop_all()
                path = _passed_on(file, data, opened)
        return opened.enter_context(closing(VideoFile(path, replace(options, name=self.name))))

    def __iter__(self) -> Iterator[Frame]:
        """The frames. Raises SourceError, SourceLost as VideoFile does."""
        if self._frame is not None:
            yield self._frame
        elif self._video is not None:
            yield from self._video

    def close(self) -> None:
        """End the video; who writes to the pipe learns of it. May be called twice."""
        self._frame = None
        self._opened.close()


def _several(head: bytes) -> type[Animation | Pages] | None:
    """The source of a picture that begins with `head` and may hold several."""
    if begins_animation(head):
        return Animation
    return Pages if begins_tiff(head) else None


def _open(target: str, name: str) -> BufferedReader:
    """Raises OSError, SourceError."""
    if target not in STANDARD_INPUT:
        return Path(target).open("rb")
    descriptor = os.dup(0)
    if os.isatty(descriptor):
        os.close(descriptor)
        raise SourceError(f"{name}: is a terminal; send a picture or a video, as in: fer-edge detect - < photo.jpg")
    return open(descriptor, "rb")  # noqa: PTH123 - a descriptor


def _picture(file: BufferedReader, data: bytes, name: str, max_pixels: int) -> bytes:
    """`data` and all that follows; of JPEGs one after the other the first ones. Raises SourceError, OSError."""
    most = max_pixels * BYTES_A_PIXEL
    while not is_motion_jpeg(data) and (more := file.read(len(data))):
        data += more
        if len(data) > most:
            raise SourceError(f"picture {name}: is longer than {most / 1e6:g} MB; shrink it first")
    return data


def _whole_file(file: BufferedReader, data: bytes, opened: ExitStack) -> str:
    """The path of a file with `data` and what follows: an MP4 may have at its end what is needed first."""
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        descriptor = os.dup(file.fileno())
        opened.callback(os.close, descriptor)
    else:
        copy = opened.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - opened closes it
        copy.write(data)
        shutil.copyfileobj(file, copy, CHUNK_BYTES)
        copy.flush()
        descriptor = copy.fileno()
    return f"/proc/self/fd/{descriptor}"


def _passed_on(file: BufferedReader, data: bytes, opened: ExitStack) -> str:
    """The path of a pipe into which a thread writes `data` and what follows, until nobody reads it."""
    reading, writing = os.pipe()
    opened.callback(os.close, reading)

    def pass_on() -> None:
        with suppress(OSError), open(writing, "wb", buffering=0) as out, file:  # noqa: PTH123 - a descriptor
            left = memoryview(data)
            while left:
                left = left[out.write(left) :]
                left = left or memoryview(file.read1(CHUNK_BYTES))

    threading.Thread(target=pass_on, name="pipe", daemon=True).start()
    return f"/proc/self/fd/{reading}"
