"""The stream source on a real RTSP server, as cameras have it: H.264 and H.265 (rigs/rtsp.py)."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress

import pytest
import rtsp  # rigs/rtsp.py
from fer_edge.errors import SourceError, SourceLost
from fer_edge.pause import PauseSwitch
from fer_edge.settings import SourceSettings
from fer_edge.sources import choose, reconnect
from fer_edge.sources.options import SourceOptions
from fer_edge.sources.stream import NetworkCamera

pytestmark = [pytest.mark.slow, pytest.mark.process, pytest.mark.rig("rtsp")]


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    try:
        with rtsp.serve() as found:
            yield found
    except rtsp.NotInstalled as reason:
        pytest.skip(f"needs GStreamer's RTSP server, see rigs/rtsp.py: {reason}")


def url(port: int, path: str) -> str:
    return f"rtsp://{rtsp.USER}:{rtsp.PASSWORD}@127.0.0.1:{port}{path}"


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("path", ["/h264", "/h265"])
def test_frames_come(port: int, path: str, transport: str) -> None:
    """Each codec by each transport: the frames are whole, and not the same."""
    options = SourceOptions(timeout=15.0, rtsp_transport=transport)
    with closing(NetworkCamera(url(port, path), options)) as source:
        frames = list(itertools.islice(source, 10))
    assert frames[-1].grey.shape == (240, 320)
    assert frames[-1].grey.max() > 200  # the ball
    assert (frames[2].grey != frames[-1].grey).any()


def test_wide_pixels_become_square(port: int) -> None:
    with closing(NetworkCamera(url(port, "/wide"), SourceOptions(timeout=15.0))) as source:
        assert next(iter(source)).grey.shape == (240, 640)


def test_password(port: int) -> None:
    """By Digest, as cameras ask for it."""
    with closing(NetworkCamera(url(port, "/h264"), SourceOptions(timeout=15.0))) as source:
        assert next(iter(source)).source == "rtsp://127.0.0.1"
    for user in ("", f"{rtsp.USER}:wr0ng@"):
        with pytest.raises(SourceError, match="check the path, the user and the password") as caught:
            NetworkCamera(f"rtsp://{user}127.0.0.1:{port}/h264", SourceOptions(timeout=3.0))
        assert "wr0ng" not in str(caught.value)


@pytest.mark.parametrize(("rotate", "flip", "shape"), [(90, False, (320, 240)), (180, True, (240, 320))])
def test_mounting(port: int, rotate: int, flip: bool, shape: tuple[int, int]) -> None:
    """The edge that is white in /left lies where the camera's mounting has it."""
    options = SourceOptions(timeout=15.0, rotate=rotate, flip=flip)
    with closing(NetworkCamera(url(port, "/left"), options)) as source:
        grey = next(iter(source)).grey
    assert grey.shape == shape
    edges = {"top": grey[:8], "bottom": grey[-8:], "left": grey[:, :8], "right": grey[:, -8:]}
    # Left, turned clockwise, is the top; turned half round it is right, and left again in a mirror.
    assert max(edges, key=lambda edge: edges[edge].mean()) == ("left" if flip else "top")


def test_server_restarts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loss is noticed, the stream is opened again, and frames go on with their numbers and times."""
    monkeypatch.setattr("fer_edge.retry.FIRST_PAUSE_S", 0.1)
    states: list[str] = []
    with ExitStack() as stack:
        try:
            first = stack.enter_context(rtsp.serve())
        except rtsp.NotInstalled as reason:
            pytest.skip(f"needs GStreamer's RTSP server, see rigs/rtsp.py: {reason}")
        choice = choose(url(first, "/h264"))
        settings = SourceSettings(timeout_seconds=15.0)
        ends = time.monotonic() + 45
        source = reconnect.open_reconnecting(
            settings, choice, PauseSwitch(), states.append, lambda: time.monotonic() > ends
        )
        with closing(source):
            frames = iter(source)
            before = list(itertools.islice(frames, 5))
            stack.close()
            with rtsp.serve(first):
                after = list(itertools.islice(frames, 40))
    assert states == ["running", "lost", "running"]
    numbers = [frame.number for frame in before + after]
    assert numbers == list(range(45))
    times = [frame.time for frame in before + after]
    assert times == sorted(times)


class Network:
    """Between a camera and fer-edge: gives each RTP packet of pictures to `damage`, with its number from 0."""

    def __init__(self, port: int, damage: Callable[[int, bytes], bytes]) -> None:
        self._port, self._damage = port, damage
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._socket.accept()
                far = socket.create_connection(("127.0.0.1", self._port))
                threading.Thread(target=self._up, args=(near, far), daemon=True).start()
                threading.Thread(target=self._down, args=(far, near), daemon=True).start()

    def _up(self, near: socket.socket, far: socket.socket) -> None:
        with suppress(OSError), far:
            while data := near.recv(65536):
                far.sendall(data)
            far.shutdown(socket.SHUT_RDWR)

    def _down(self, far: socket.socket, near: socket.socket) -> None:
        number = 0
        with suppress(OSError), near, far.makefile("rb") as answers:
            while first := answers.read(1):
                if first != b"$":  # a line of an answer
                    near.sendall(first + answers.readline())
                    continue
                head = answers.read(3)
                packet = answers.read(int.from_bytes(head[1:]))
                if head[0] == 0:  # pictures; 1: reports
                    packet = self._damage(number, packet)
                    number += 1
                near.sendall(first + head[:1] + len(packet).to_bytes(2) + packet)

    def close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(10)


RTP_HEAD_BYTES = 12


@pytest.mark.parametrize("path", ["/h264", "/h265"])
def test_damaged_packets_are_no_loss(port: int, path: str) -> None:
    """One packet of twenty holds zeros: the stream goes on, and what is left of it is good."""
    damaged: list[int] = []

    def damage(number: int, packet: bytes) -> bytes:
        if number % 20 != 19:
            return packet
        damaged.append(number)
        return packet[:RTP_HEAD_BYTES] + bytes(len(packet) - RTP_HEAD_BYTES)

    with (
        closing(Network(port, damage)) as network,
        closing(NetworkCamera(url(network.port, path), SourceOptions(timeout=15.0))) as source,
    ):
        for frame in source:
            if len(damaged) >= 4 and frame.number >= 20:
                break
    assert frame.grey.shape == (240, 320)


def test_nothing_but_damage_is_a_loss(port: int) -> None:
    """Whatever of it FFmpeg makes no picture of is silence."""

    def damage(number: int, packet: bytes) -> bytes:
        return packet if number < 20 else packet[:RTP_HEAD_BYTES] + bytes(len(packet) - RTP_HEAD_BYTES)

    with (
        closing(Network(port, damage)) as network,
        closing(NetworkCamera(url(network.port, "/h264"), SourceOptions(timeout=3.0))) as source,
        pytest.raises(SourceLost, match="gave no picture for 3 s"),
    ):
        for _ in source:
            pass
