"""Streams that FFmpeg decodes in a process of its own: its memory, its end, and what the loop's process gets of it."""

from __future__ import annotations

import mmap
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from itertools import chain, cycle, islice
from pathlib import Path
from typing import Any

import cv2
import h264  # rigs/h264.py
import numpy as np
import pytest
from fer_edge.errors import SourceError, SourceLost
from fer_edge.service import child
from fer_edge.sources import ffmpeg, stream
from fer_edge.sources import ffmpeg_child as its
from fer_edge.sources.options import SourceOptions, TooLargeError
from fer_edge.sources.stream import NetworkCamera

MAX_MEMORY_MB = 200
MAX_PIXELS = 2_100_000  # of 1920 x 1080
OPTIONS = SourceOptions(timeout=10.0, max_frame_pixels=MAX_PIXELS)
SMALL = [h264.picture(4, 3, 40 + number, number) for number in range(60)]
HUGE = [h264.claim(640, 480, number) for number in range(2)]  # 10240 x 7680: 118 MB each as FFmpeg keeps it
SEVERAL = [h264.claim(90, 90, number, references=16) for number in range(2)]  # 1440 x 1440, allowed

Serve = Callable[[Callable[[], Iterable[bytes]]], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serves what is made for each client, over HTTP; gives the address."""
    servers = []

    def start(make: Callable[[], Iterable[bytes]]) -> str:
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)
        threading.Thread(target=_serve, args=(server, make), daemon=True).start()
        return f"http://ann:s3cret@127.0.0.1:{server.getsockname()[1]}/"

    yield start
    for server in servers:
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
        server.close()


def _serve(server: socket.socket, make: Callable[[], Iterable[bytes]]) -> None:
    with suppress(OSError):
        while True:
            client, _ = server.accept()
            with suppress(OSError), client:
                client.recv(65536)
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: video/h264\r\n\r\n")
                for part in make():
                    client.sendall(part)


READ = """
import resource, sys
from contextlib import closing
from fer_edge.errors import SourceError
from fer_edge.sources.options import SourceOptions
from fer_edge.sources.stream import NetworkCamera

try:
    with closing(NetworkCamera(sys.argv[1], SourceOptions(timeout=10.0, max_frame_pixels=int(sys.argv[2])))) as source:
        for frame in source:
            if frame.number == 200:
                break
except SourceError as error:
    print(error)
with open("/proc/self/status") as file:
    own = next(int(line.split()[1]) for line in file if line.startswith("VmHWM:"))
print(own * 1024 / 1e6, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e6)
"""


@pytest.mark.process
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: cycle(HUGE), r"has 10240 x 7680 pixels \(79 megapixels\), the limit is 2.1"),
        (lambda: chain(SMALL, cycle(HUGE)), "needs more than 8 MB of memory to be decoded.* choose a smaller picture"),
        (lambda: chain(SMALL, cycle(SEVERAL)), "after [0-9]+ frames"),  # FFmpeg does not always say why
    ],
    ids=["huge", "huge after good ones", "many after good ones"],
)
def test_hostile_pictures_take_little_memory(serve: Serve, make: Callable[[], Iterable[bytes]], words: str) -> None:
    """Of the program and its decoder together, at their peaks, whatever they share counted twice."""
    program = [sys.executable, "-c", READ, serve(make), str(MAX_PIXELS)]
    done = subprocess.run(program, env=os.environ | child.environment(), capture_output=True, text=True, check=True)
    *said, used = done.stdout.splitlines()
    assert sum(map(float, used.split())) < MAX_MEMORY_MB
    assert re.search(words, " ".join(said))


SAYS = """
import sys
from fer_edge.sources.ffmpeg import FfmpegCapture
from fer_edge.sources.options import SourceOptions

capture = FfmpegCapture(sys.argv[1], "", SourceOptions(timeout=10.0))
print(capture._process.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.process
def test_decoder_ends_with_its_parent(serve: Serve) -> None:
    """Also with one that is killed; the camera goes on all the while."""
    url = serve(lambda: cycle(SMALL))
    program = [sys.executable, "-c", SAYS, url]
    pipe = subprocess.PIPE
    with subprocess.Popen(program, env=os.environ | child.environment(), stdin=pipe, stdout=pipe) as parent:
        assert parent.stdout is not None
        decoder = int(parent.stdout.readline())
        shown = [Path(f"/proc/{decoder}/{name}").read_bytes() for name in ("cmdline", "environ")]
        watched = os.pidfd_open(decoder)
        parent.kill()
    assert select.select([watched], [], [], 10.0)[0]
    os.close(watched)
    assert b"ffmpeg_child" in shown[0]
    assert b"s3cret" not in b"".join(shown)


@pytest.fixture
def camera(serve: Serve) -> Iterator[NetworkCamera]:
    with closing(NetworkCamera(serve(lambda: cycle(SMALL)), OPTIONS)) as source:
        yield source


def decoder_of(camera: NetworkCamera) -> subprocess.Popen[bytes]:
    capture = camera._capture
    assert isinstance(capture, ffmpeg.FfmpegCapture)
    return capture._process


def test_killed_decoder_is_a_lost_camera(camera: NetworkCamera) -> None:
    """As the kernel does it if memory runs out; a stop of the service, which systemd sends to both, ends no decoder."""
    frames = iter(camera)
    assert next(frames).picture.shape == (48, 64, 3)
    for kind in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
        decoder_of(camera).send_signal(kind)
    for frame in islice(frames, 5):
        assert frame.grey.shape == (48, 64)
    decoder_of(camera).kill()
    with pytest.raises(
        SourceLost, match=r"decoder was killed, most likely since memory ran out,? after [0-9]+ frames?; choose"
    ):
        list(frames)


def test_crashed_decoder_is_a_lost_camera(camera: NetworkCamera) -> None:
    frames = iter(camera)
    next(frames)
    decoder_of(camera).send_signal(signal.SIGSEGV)
    with pytest.raises(SourceLost, match=r"the decoder failed \(signal 11\) after [0-9]+ frame"):
        list(frames)


def test_decoder_ends_with_its_source(camera: NetworkCamera) -> None:
    next(iter(camera))
    camera.close()
    assert decoder_of(camera).returncode == 0


def test_hanging_decoder_is_ended(camera: NetworkCamera) -> None:
    next(iter(camera))
    decoder_of(camera).send_signal(signal.SIGSTOP)
    begun = time.monotonic()
    camera.close()
    assert decoder_of(camera).returncode == -signal.SIGKILL
    assert time.monotonic() - begun < 2


def test_stop_ends_the_opening() -> None:
    """A camera that does not answer holds up no end of the service."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        options = replace(OPTIONS, timeout=60.0, stopped=lambda: True)
        with closing(NetworkCamera(f"rtsp://127.0.0.1:{deaf.getsockname()[1]}/", options)) as source:
            assert list(source) == []


@pytest.mark.parametrize("scheme", ["rtsp", "rtsps", "rtmp", "udp", "http"])
def test_decoder_is_told_what_it_needs(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What FFmpeg may not read over HTTP, such as RTSP's own format, it may over the others; RTSP comes over TCP.

    Nothing else that the program's environment holds, nor an argument, is a secret.
    """
    given: list[Any] = []

    def start(command: list[str], env: dict[str, str], **_: Any) -> None:
        given.extend([command, env])
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setenv("BROKER_PASSWORD", "s3cret")
    monkeypatch.delenv(ffmpeg.OPTIONS, raising=False)
    monkeypatch.setattr(ffmpeg.subprocess, "Popen", start)
    monkeypatch.setattr(stream, "open_http", lambda *_: None)
    with pytest.raises(
        SourceError, match=r"the decoder does not start \(Resource temporarily unavailable\); end other"
    ):
        NetworkCamera(f"{scheme}://ann:s3cret@127.0.0.1:1/live", OPTIONS)
    command, environment = given
    assert "s3cret" not in f"{command} {environment}"
    expected = "format_whitelist;hls," if scheme == "http" else "rtsp_transport;tcp"
    assert environment[ffmpeg.OPTIONS].startswith(expected)
    assert ffmpeg.OPTIONS not in os.environ


def pretend(monkeypatch: pytest.MonkeyPatch, *messages: bytes) -> ffmpeg.FfmpegCapture:
    """A decoder that was taken over, and says this."""
    program = "import os, sys; os.write(int(sys.argv[3]), bytes.fromhex(sys.argv[1])); sys.stdin.read()"
    data = its.MESSAGE.pack(its.STARTED, 0, 0, 0) + its.MESSAGE.pack(its.OPENED, 64, 48, 1.0) + b"".join(messages)
    monkeypatch.setattr(child, "command", lambda _, *rest: [sys.executable, "-c", program, data.hex(), *rest])
    return ffmpeg.FfmpegCapture("rtsp://127.0.0.1/", "", OPTIONS)


@pytest.mark.parametrize(("width", "height"), [(0, 48), (1 << 31, 1 << 31), (MAX_PIXELS + 1, 1)])
def test_decoder_is_not_believed(monkeypatch: pytest.MonkeyPatch, width: int, height: int) -> None:
    grabbed, picture = its.MESSAGE.pack(its.GRABBED, 0, 0, 0), its.MESSAGE.pack(its.PICTURE, width, height, 0)
    capture = pretend(monkeypatch, grabbed, picture)
    assert capture.grab()
    assert capture.retrieve() == (False, None)
    capture.release()


@pytest.mark.parametrize("grabbed_first", [False, True])
def test_stream_that_grows_too_large_says_so(monkeypatch: pytest.MonkeyPatch, grabbed_first: bool) -> None:
    """Not that it has stopped: the decoder tells it after it has told that a picture came."""
    grabbed, large = its.MESSAGE.pack(its.GRABBED, 0, 0, 0), its.MESSAGE.pack(its.TOO_LARGE, 4000, 3000, 0)
    capture = pretend(monkeypatch, *([grabbed] if grabbed_first else []), large)
    assert not grabbed_first or capture.grab()
    with pytest.raises(TooLargeError, match="has 4000 x 3000 pixels"):
        (capture.retrieve if grabbed_first else capture.grab)()
    capture.release()


def test_python_without_memfd_reads_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that uv and conda install may have been built for older systems."""
    monkeypatch.delattr(os, "memfd_create")
    memory = ffmpeg._shared_memory(4096)
    assert os.fstat(memory).st_size == 4096
    os.close(memory)


def test_decoder_cannot_take_the_memory_away() -> None:
    """A page that is gone would end the program that reads it."""
    memory = ffmpeg._shared_memory(4096)
    for size in (0, 8192):
        with pytest.raises(PermissionError):
            os.ftruncate(memory, size)
    os.close(memory)


class Camera:
    """What cv2.VideoCapture is: pictures of the given sizes, each of another shade; then `parent` is gone."""

    def __init__(self, parent: Heard, *sizes: tuple[int, int]) -> None:
        self._parent, self._sizes, self.grabbed = parent, sizes, 0

    def get(self, side: int) -> float:
        return self._sizes[0][1] if side == cv2.CAP_PROP_FRAME_WIDTH else self._sizes[0][0]

    def grab(self) -> bool:
        self.grabbed += 1
        self._parent.gone = self.grabbed == len(self._sizes)
        return True

    def retrieve(self, _: Any) -> tuple[bool, Any]:
        height, width = self._sizes[self.grabbed - 1]
        return True, np.full((height, width, 3), self.grabbed, np.uint8)


class Heard(its.Parent):
    """What the decoder says; it takes as many pictures as `takes`."""

    def __init__(self, takes: int) -> None:
        self.said: list[tuple[bytes, int, int]] = []
        self.taken, self.gone, self._takes = threading.Event(), False, takes
        self.taken.set()

    def send(self, kind: bytes, width: int = 0, height: int = 0, number: float = 0.0) -> None:
        self.said.append((kind, width, height))
        if kind == its.PICTURE and self._takes > 0:
            self._takes -= 1
            self.taken.set()

    @property
    def sizes(self) -> list[tuple[int, int]]:
        return [(width, height) for kind, width, height in self.said if kind == its.PICTURE]


def test_slow_parent_has_no_queue() -> None:
    """Pictures that come while one is not taken are dropped, and the camera is read on."""
    parent = Heard(takes=1)
    camera = Camera(parent, *6 * [(3, 4)])
    with mmap.mmap(-1, 4096) as shared:
        its._decode(camera, shared, 12, parent)
        assert shared[:37] == 36 * b"\2" + b"\0"
    assert camera.grabbed == 6
    assert parent.sizes == [(4, 3), (4, 3)]


def test_size_may_change_within_the_limit() -> None:
    parent = Heard(takes=9)
    with mmap.mmap(-1, 4096) as shared:
        its._decode(Camera(parent, (3, 4), (2, 6), (4, 4), (3, 4)), shared, 12, parent)
        assert shared[:36] == 36 * b"\2"
    assert parent.sizes == [(4, 3), (6, 2)]
    assert parent.said[-1] == (its.TOO_LARGE, 4, 4)
