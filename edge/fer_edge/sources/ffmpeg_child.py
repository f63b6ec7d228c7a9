"""Opens and decodes one stream by FFmpeg, in a process of its own with little memory.

`python -m fer_edge.sources.ffmpeg_child MEMORY MESSAGES PIXELS`

FFmpeg allocates whatever size a camera names, before anything of ours sees it. Here it gets no more than is needed to
open a stream, then no more than pictures of its size take, of PIXELS at most, and what it asks for above that fails.
MEMORY is a descriptor of shared memory with room for one picture, MESSAGES one of a pipe for what is said of it, each a
MESSAGE.

Standard input: a line with the address, which may hold a password and therefore is no argument; a line with the
milliseconds that opening and each read may take; then a byte each time the picture in MEMORY was taken. Its end ends
this process, however the parent came to its own. Only the newest picture counts: while the one in MEMORY is not taken,
others are decoded and dropped, and none waits.
"""

from __future__ import annotations

import mmap
import os
import re
import resource
import select
import struct
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from fer_edge.service.child import data_bytes, lower_limits
from fer_edge.sources.mounting import pixel_aspect
from fer_edge.sources.quiet import quiet_opencv
from fer_edge.types import Pixels

MESSAGE = struct.Struct("<cIId")  # one of these, width, height, and a number
STARTED = b"S"
OPENED = b"O"  # the number is a pixel's width / height
NOT_LIVE = b"N"  # a file, of which most would be dropped
TOO_LARGE = b"L"  # it has width x height
GRABBED = b"G"  # a picture has come; it is in MEMORY when PICTURE follows
PICTURE = b"P"
DAMAGED = b"D"  # one that is left out, and what follows each other one once the stream has ended
NO_MEMORY = b"M"  # of so many bytes FFmpeg found too few

COLOURS = 3  # bytes a pixel of the picture in MEMORY: BGR
MEMORY_BYTES = 8 << 20  # beside that of pictures: what FFmpeg collects before it knows a stream, and its own
# H.264 with four reference frames takes 13 bytes a pixel of 3840 x 2160, H.265 with reordered frames 17, OpenCV's
# colours among them; sixteen reference frames, which cameras do not use, take 37.
MEMORY_BYTES_A_PIXEL = 18
# While it opens a stream, of PIXELS. With H.264, H.265, MPEG-4, VP9, JPEG and PNG of nine megapixels it decoded nothing
# by then, and needed none of it.
OPENING_BYTES_A_PIXEL = 3
THREADS = 1  # each further one holds a picture of its own, and delays all by one
MAX_FILES = 64  # connections among them
TAKEN_TIMEOUT_S = 0.1  # for which a picture waits for the one before to be taken: pictures of a network come in bursts
STACK_BYTES = 256 << 10  # of each of two threads: they count as memory, eight megabytes each by default
LOG_LINE_BYTES = 80  # of which the words may stand at the end of what has come
GRACE_S = 0.5  # for saying good-bye to the camera
OUT_OF_MEMORY = re.compile(rb"get_buffer\(\) failed|alloc", re.IGNORECASE)  # in FFmpeg's log; OpenCV says nothing


def main(memory: int, messages: int, max_pixels: int) -> int:
    """Decode until the stream cannot be opened, or standard input ends."""
    quiet_opencv(ffmpeg=False)
    threading.stack_size(STACK_BYTES)
    cv2.setNumThreads(1)
    with suppress(OSError):  # if the device has too little memory, rather this process ends than the service
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")
    begun_bytes, opening = data_bytes(), MEMORY_BYTES + OPENING_BYTES_A_PIXEL * max_pixels
    lower_limits(
        {
            resource.RLIMIT_DATA: (begun_bytes + opening, begun_bytes + memory_limit(max_pixels)),
            resource.RLIMIT_FSIZE: 0,
            resource.RLIMIT_CORE: 0,
            resource.RLIMIT_NOFILE: MAX_FILES,
        }
    )
    with open(0, "rb", buffering=0, closefd=False) as orders, mmap.mmap(memory, 0) as shared:
        parent = Parent(messages)
        parent.allowed = opening
        parent.send(STARTED)
        url, timeout_ms = os.fsdecode(orders.readline().rstrip(b"\n")), int(orders.readline())
        parent.listen()
        capture = _open(url, timeout_ms, max_pixels, parent)
        if capture is None:
            return 0
        width, height = _size(capture)
        parent.allowed = memory_limit(width * height or max_pixels)  # 0: FFmpeg does not know it yet
        lower_limits({resource.RLIMIT_DATA: begun_bytes + parent.allowed})
        _decode(capture, shared, max_pixels, parent)
        capture.release()
    return 0


def memory_limit(pixels: int) -> int:
    """Bytes that pictures of so many pixels may take to decode."""
    return MEMORY_BYTES + MEMORY_BYTES_A_PIXEL * pixels


class Parent:
    """Who reads the pictures: hears MESSAGEs, and says when it has taken one."""

    def __init__(self, messages: int) -> None:
        self._messages = messages
        self._sending = threading.Lock()
        self.taken = threading.Event()  # whether the shared memory is free
        self.taken.set()
        self.gone = False
        self.allowed = 0  # bytes that decoding may take
        self._no_memory = False  # whether that was told since the last picture
        self._standard_error = os.dup(2)
        self._log, writing = os.pipe()
        os.dup2(writing, 2)
        os.close(writing)
        os.set_blocking(self._log, False)
        self._heard, self._hearing = b"", threading.Lock()

    def send(self, kind: bytes, width: int = 0, height: int = 0, number: float = 0.0) -> None:
        """Send a MESSAGE; nothing if nobody reads it any more."""
        with self._sending, suppress(BrokenPipeError):
            os.write(self._messages, MESSAGE.pack(kind, width, height, number))

    def send_picture(self, width: int, height: int) -> None:
        """The picture in the shared memory has this size."""
        self._no_memory = False
        self.send(PICTURE, width, height)

    def send_damaged(self) -> None:
        """A picture is left out, or the stream has ended; after what FFmpeg says of it."""
        self.hear_log()
        self.send(DAMAGED)

    def send_no_memory(self) -> None:
        """FFmpeg got less memory than it asked for; told once until a picture comes."""
        if not self._no_memory:
            self._no_memory = True
            self.send(NO_MEMORY, number=self.allowed)

    def listen(self) -> None:
        """Hear the parent, and FFmpeg's log, in threads."""
        for work in (self._hear_parent, self._wait_for_log):
            threading.Thread(target=work, daemon=True).start()

    def _hear_parent(self) -> None:
        while os.read(0, 1):
            self.taken.set()
        self.gone = True
        self.taken.set()
        time.sleep(GRACE_S)
        os._exit(0)  # FFmpeg waits for a camera that says nothing

    def _wait_for_log(self) -> None:
        poll = select.poll()
        poll.register(self._log, select.POLLIN)
        while True:
            poll.poll()
            self.hear_log()

    def hear_log(self) -> None:
        """What FFmpeg and others have written to standard error by now; it is passed on to where that leads."""
        with self._hearing, suppress(BlockingIOError):
            while data := os.read(self._log, 65536):
                self._heard = self._heard[-LOG_LINE_BYTES:] + data
                if OUT_OF_MEMORY.search(self._heard):
                    self.send_no_memory()
                    self._heard = b""
                with suppress(OSError):
                    os.write(self._standard_error, data)


def _open(url: str, timeout_ms: int, max_pixels: int, parent: Parent) -> Any:
    """The stream; None, and the parent is told why, if that is not to be read."""
    times = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, timeout_ms, cv2.CAP_PROP_READ_TIMEOUT_MSEC, timeout_ms]
    capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG, [*times, cv2.CAP_PROP_N_THREADS, THREADS])
    if not capture.isOpened():
        return None
    width, height = _size(capture)
    if width * height > max_pixels:  # before its first frame is decoded
        parent.send(TOO_LARGE, width, height)
        return None
    if capture.get(cv2.CAP_PROP_FRAME_COUNT) > 0:
        parent.send(NOT_LIVE)
        return None
    parent.send(OPENED, width, height, pixel_aspect(capture))
    return capture


def _size(capture: Any) -> tuple[int, int]:
    width, height = (int(capture.get(side)) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
    return max(width, 0), max(height, 0)


def _decode(capture: Any, shared: mmap.mmap, max_pixels: int, parent: Parent) -> None:
    """Pictures into `shared` until the parent is gone."""
    (width, height), patience = _size(capture), TAKEN_TIMEOUT_S
    while not parent.gone:
        if not capture.grab():
            parent.send_damaged()
            continue
        if not parent.taken.wait(patience):
            patience = 0.0  # the parent is slow, or stopped: no frame waits for it, so that the lag does not grow
            continue
        patience = TAKEN_TIMEOUT_S
        parent.send(GRABBED)
        picture = _retrieve(capture, shared, (height, width), parent)
        if picture is None:
            parent.send_damaged()
            continue
        height, width = picture.shape[:2]
        if width * height > max_pixels:
            parent.send(TOO_LARGE, width, height)
            return
        parent.taken.clear()
        _view(shared, (height, width))[:] = picture  # the same already, unless its size has changed
        parent.send_picture(width, height)


def _retrieve(capture: Any, shared: mmap.mmap, size: tuple[int, int], parent: Parent) -> Pixels | None:
    """The picture that was grabbed, (height, width, 3) BGR, decoded into `shared` if it has `size`; None: damaged."""
    try:
        good, picture = capture.retrieve(_view(shared, size))
    except (cv2.error, MemoryError):
        parent.send_no_memory()
        return None
    if not good or picture is None or picture.ndim != 3 or picture.shape[2] != COLOURS:
        return None
    return np.asarray(picture, np.uint8)


def _view(shared: mmap.mmap, size: tuple[int, int]) -> Pixels:
    height, width = size
    return np.frombuffer(shared, np.uint8, height * width * COLOURS).reshape(height, width, COLOURS)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
