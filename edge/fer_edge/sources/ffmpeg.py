"""A stream that FFmpeg decodes in a process of its own, see ffmpeg_child.py: here its frames arrive."""

from __future__ import annotations

import fcntl
import mmap
import os
import re
import select
import signal
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from typing import Any

import numpy as np

from fer_edge.service import child
from fer_edge.sources import ffmpeg_child as its
from fer_edge.sources.options import RefusedError, SourceOptions, TooLargeError, too_large
from fer_edge.sources.quiet import FFMPEG_LEVEL, QUIET

OPTIONS = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
START_TIMEOUT_S = 15.0  # a slow device imports OpenCV meanwhile; with the rest less than the watchdog's patience
OPEN_MARGIN_S = 3.0  # that opening may take longer than FFmpeg is given, which decodes on for a while
END_TIMEOUT_S = its.GRACE_S + 0.5
STOP_CHECK_INTERVAL_MS = 200
# What the program's environment holds beside these, such as passwords for others, is not the decoder's.
_KEPT = re.compile(r"PATH|HOME|TMPDIR|TZ|LANG|(LC|LD|PYTHON|OPENCV|SSL)_?.*|.*_proxy|.*_PROXY")


class FfmpegCapture:
    """What cv2.VideoCapture is, for a stream; its decoder ends with `release`, `stop`, or this process."""

    def __init__(self, url: str, ffmpeg_options: str, options: SourceOptions) -> None:
        """Open `url`. `ffmpeg_options` as OpenCV takes them, unless the user has set its variable for them.

        Raises RefusedError, TooLargeError with the reason, ValueError if no video comes.
        """
        self.trouble = ""  # what happened if no picture comes any more, "; ", and the cure; "": nothing known
        self.aspect = 1.0  # a pixel's width / height
        self._max_pixels = options.max_frame_pixels
        self._ending = threading.Lock()
        self._ended = False  # whether it was told to end
        self._stopped = threading.Event()
        memory = _shared_memory(its.COLOURS * self._max_pixels)
        try:
            self._shared = mmap.mmap(memory, 0, access=mmap.ACCESS_READ)
            self._process, self._messages = _start(memory, self._max_pixels, ffmpeg_options)
        except OSError as cause:
            raise RefusedError(
                f"the decoder does not start ({cause.strerror}); "
                "end other programs, or give the service more (MemoryMax, TasksMax)"
            ) from None
        finally:
            os.close(memory)
        try:
            self._open(url, options)
        except BaseException:
            self.release()
            raise

    def _open(self, url: str, options: SourceOptions) -> None:
        milliseconds = max(1, round(1000 * options.timeout))
        self._send(os.fsencode(url).replace(b"\n", b"") + b"\n%d\n" % milliseconds)
        kind, begun = b"", time.monotonic()
        end = begun + START_TIMEOUT_S
        while kind != its.OPENED:
            if not self._wait(end, options):
                return
            kind, width, height, number = self._receive()
            if kind == its.STARTED:
                end = min(time.monotonic(), begun + START_TIMEOUT_S) + options.timeout + OPEN_MARGIN_S
            elif kind == its.TOO_LARGE:
                raise TooLargeError(too_large(width, height, self._max_pixels))
            elif kind == its.NOT_LIVE:
                raise RefusedError("is a file, not a live stream; download it and give its path")
            elif kind == its.OPENED:
                self.aspect = number
            elif kind != its.NO_MEMORY:
                raise self._no_video()

    def _wait(self, end: float, options: SourceOptions) -> bool:
        """Until the decoder says something; False, and it is ended, if the program is to end.

        `end` is of time.monotonic(). Raises RefusedError, ValueError then.
        """
        poll = select.poll()
        poll.register(self._messages, select.POLLIN)
        while time.monotonic() < end:
            if options.stopped():
                self._end()
                return False
            if poll.poll(STOP_CHECK_INTERVAL_MS):
                return True
        raise self._no_video()

    def _no_video(self) -> ValueError:
        return RefusedError(self.trouble) if self.trouble else ValueError("no video")

    def grab(self) -> bool:
        """Wait for the next picture; False if it is damaged, and at the end. Raises TooLargeError."""
        while True:
            kind, *_ = self._next()
            if kind in (its.GRABBED, its.DAMAGED):
                return kind == its.GRABBED

    def retrieve(self) -> tuple[bool, Any]:
        """(True, the picture that came last: (height, width, 3) BGR); (False, None) if it is damaged.

        Raises TooLargeError.
        """
        kind, width, height, _ = self._next()
        # A decoder that was taken over may say anything.
        if kind != its.PICTURE or not 0 < width * height <= self._max_pixels:
            return False, None
        pixels = np.frombuffer(self._shared, np.uint8, its.COLOURS * width * height)
        picture = pixels.reshape(height, width, its.COLOURS).copy()
        self.trouble = ""
        self._send(b"t")
        return True, picture

    def _next(self) -> tuple[bytes, int, int, float]:
        """The next message about a picture. Raises TooLargeError if that is larger than allowed."""
        while (message := self._receive())[0] == its.NO_MEMORY:
            pass
        kind, width, height, _ = message
        if kind == its.TOO_LARGE:
            raise TooLargeError(too_large(width, height, self._max_pixels))
        return message

    def _receive(self) -> tuple[bytes, int, int, float]:
        """The next message; DAMAGED at the end of the decoder."""
        data = os.read(self._messages, its.MESSAGE.size)
        if len(data) < its.MESSAGE.size:
            self._note_end()
            return its.DAMAGED, 0, 0, 0.0
        kind, width, height, number = its.MESSAGE.unpack(data)
        if kind == its.NO_MEMORY:
            self.trouble = (
                f"needs more than {number / 1e6:.0f} MB of memory to be decoded; "
                "choose a smaller picture there, or one with fewer reference frames"
            )
        return kind, width, height, number

    def _note_end(self) -> None:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(END_TIMEOUT_S)
        if self._ended:
            self._stopped.wait()  # a program that is to end, or to pause, is not told that its camera is lost
            return
        code = self._process.returncode
        if code == -signal.SIGKILL:
            self.trouble = (
                "the decoder was killed, most likely since memory ran out; "
                "choose a smaller picture there, or give the service more (MemoryMax)"
            )
        elif code and not self.trouble:
            ended = f"exit code {code}" if code > 0 else f"signal {-code}"
            self.trouble = f"the decoder failed ({ended}); OPENCV_FFMPEG_LOGLEVEL=32 shows why, another format may help"

    def _send(self, data: bytes) -> None:
        with self._ending, suppress(OSError):  # the decoder has ended: the next message says so
            if not self._ended:
                assert self._process.stdin is not None
                self._process.stdin.write(data)

    def stop(self) -> None:
        """End the decoder, and with it a wait. From any thread; may be called twice."""
        self._stopped.set()
        self._end()

    def _end(self) -> None:
        with self._ending:
            if self._ended:
                return
            self._ended = True
            assert self._process.stdin is not None
            self._process.stdin.close()  # it says good-bye to the camera
        try:
            self._process.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def release(self) -> None:
        """The same, and its memory is free. To be called where `grab` was; may be called twice."""
        self.stop()
        if not self._shared.closed:
            os.close(self._messages)
            self._shared.close()


def _shared_memory(size: int) -> int:
    """A descriptor of that many bytes, which take memory where they are written.

    No decoder can change the size of a memfd.
    """
    if not hasattr(os, "memfd_create"):  # Pythons that were built for older systems
        with tempfile.TemporaryFile(dir="/dev/shm") as file:
            file.truncate(size)
            return os.dup(file.fileno())
    memory = os.memfd_create("fer-edge-stream", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(memory, size)
    fcntl.fcntl(memory, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
    return memory


def _start(memory: int, max_pixels: int, ffmpeg_options: str) -> tuple[subprocess.Popen[bytes], int]:
    """The decoder, and a descriptor of its messages. Raises OSError.

    It is a new program: a copy of this one would hold its memory, and the locks of its threads.
    """
    environment = {name: value for name, value in os.environ.items() if _KEPT.fullmatch(name)}
    environment |= child.environment() | {"MALLOC_ARENA_MAX": "1", "OPENBLAS_NUM_THREADS": "1"}
    environment[OPTIONS] = environment.get(OPTIONS) or ffmpeg_options
    quiet = environment.get(FFMPEG_LEVEL, QUIET) == QUIET
    if quiet:  # then FFmpeg writes its errors to standard error, where the child alone reads them
        environment.pop(FFMPEG_LEVEL, None)
    messages, writing = os.pipe()
    arguments = map(str, (memory, writing, max_pixels))
    try:
        with child.signals_held_back():
            process = subprocess.Popen(
                child.command("fer_edge.sources.ffmpeg_child", *arguments),
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL if quiet else None,
                stderr=subprocess.DEVNULL if quiet else None,
                env=environment,
                pass_fds=(memory, writing),
            )
    except OSError:
        os.close(messages)
        raise
    finally:
        os.close(writing)
    return process, messages
