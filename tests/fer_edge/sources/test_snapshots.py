"""Cameras that give one JPEG a request, on a real HTTP server on this machine."""

from __future__ import annotations

import hashlib
import http.server
import itertools
import threading
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress

import cv2
import numpy as np
import pytest
from fer_edge.errors import SourceError, SourceLost
from fer_edge.sources.options import SourceOptions
from fer_edge.sources.snapshots import SnapshotCapture
from fer_edge.sources.stream import NetworkCamera

FAST = SourceOptions(fps=100, timeout=5.0)
DAMAGED, DIES = (3, 4), 8  # requests


def jpeg(number: int, side: int = 48) -> bytes:
    picture = np.full((side, side * 4 // 3, 3), 20 + 10 * number % 200, np.uint8)
    return cv2.imencode(".jpg", picture)[1].tobytes()


class Handler(http.server.BaseHTTPRequestHandler):
    """/basic and /digest want ann:s3cret; /damaged has two bad pictures, /dies gives up after DIES; /page is none.

    The query is the Content-Type.
    """

    server: Server

    def do_GET(self) -> None:
        count = self.server.asked[self.path]
        self.server.asked[self.path] += 1
        if not self._may_see():
            self.send_response(401)
            kind = "Basic" if self.path == "/basic" else 'Digest qop="auth", nonce="abc",'
            self.send_header("WWW-Authenticate", f'{kind} realm="camera"')
            self.end_headers()
            return
        if self.path == "/dies" and count >= DIES:
            self.send_error(503)
            return
        data = b"<html>login" if self.path == "/page" else jpeg(count, 360 if self.path == "/snapshot.jpg" else 48)
        if self.path == "/damaged" and count in DAMAGED:
            data = data[: len(data) // 2]
        self.send_response(200)
        kind = self.path.partition("?type=")[2]
        if kind != "none":
            self.send_header("Content-Type", kind or ("text/html" if self.path == "/page" else "image/jpeg"))
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        with suppress(OSError):  # the client knows enough
            self.wfile.write(data)

    def _may_see(self) -> bool:
        given = self.headers.get("Authorization", "")
        if self.path == "/basic":
            return given == "Basic " + b64encode(b"ann:s3cret").decode()
        if self.path != "/digest":
            return True
        fields = dict(part.strip().split("=", 1) for part in given.removeprefix("Digest ").split(",") if "=" in part)
        fields = {name: value.strip('"') for name, value in fields.items()}
        if fields.get("username") != "ann":
            return False
        first, second = (hashlib.md5(text.encode()).hexdigest() for text in ("ann:camera:s3cret", "GET:/digest"))
        middle = [fields.get(name, "") for name in ("nonce", "nc", "cnonce", "qop")]
        return fields["response"] == hashlib.md5(":".join([first, *middle, second]).encode()).hexdigest()

    def log_message(self, format: str, *values: object) -> None:  # noqa: A002
        pass


class Server(http.server.ThreadingHTTPServer):
    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        super().__init__(("127.0.0.1", 0), Handler)

    def url(self, path: str, user: str = "") -> str:
        return f"http://{user}127.0.0.1:{self.server_port}{path}"


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.mark.parametrize("path", ["/cgi-bin/snapshot.cgi?channel=1", "/snap.jpg", "/"])
def test_asked_again_and_again(server: Server, path: str) -> None:
    """Whatever the address looks like: FFmpeg reads one picture of it, and is at the end."""
    with closing(NetworkCamera(server.url(path), FAST)) as source:
        frames = list(itertools.islice(source, 5))
    greys = [round(frame.grey.mean()) for frame in frames]
    assert len(set(greys[1:])) == 4  # each is another request
    assert frames[-1].grey.shape == (48, 64)
    times = [frame.time for frame in frames]
    assert times == sorted(times)


@pytest.mark.parametrize("kind", ["application/octet-stream", "text/plain", "none"])
def test_content_says_what_it_is(server: Server, kind: str) -> None:
    """Many cameras name another Content-Type, or none."""
    with closing(NetworkCamera(server.url(f"/?type={kind}"), FAST)) as source:
        assert len(list(itertools.islice(source, 5))) == 5


@pytest.mark.parametrize("path", ["/basic", "/digest"])
def test_with_a_password(server: Server, path: str, capfd: pytest.CaptureFixture[str]) -> None:
    with closing(NetworkCamera(server.url(path, "ann:s3cret@"), FAST)) as source:
        frames = list(itertools.islice(source, 4))
    assert len(frames) == 4
    assert "s3cret" not in frames[-1].source + "".join(capfd.readouterr())


def test_at_the_rate_asked_for(server: Server) -> None:
    capture = SnapshotCapture(server.url("/"), SourceOptions(fps=20.0))
    begun = time.monotonic()
    assert all(capture.grab() for _ in range(4))
    assert time.monotonic() - begun >= 3 / 20


def test_slow_ones_are_not_lost(server: Server) -> None:
    """Between two requests a camera is silent for longer than `timeout_seconds`."""
    with closing(NetworkCamera(server.url("/"), SourceOptions(fps=2.0, timeout=0.3))) as source:
        assert len(list(itertools.islice(source, 3))) == 3


def test_address_that_looks_like_a_file(server: Server) -> None:
    """FFmpeg takes one large picture for a video of one frame."""
    with closing(NetworkCamera(server.url("/snapshot.jpg"), FAST)) as source:
        assert [frame.grey.shape for frame in itertools.islice(source, 3)] == [(360, 480)] * 3


def test_damaged_ones_are_left_out(server: Server) -> None:
    damaged = 0
    with closing(NetworkCamera(server.url("/damaged"), FAST)) as source:
        for frame in source:
            damaged += frame.damaged
            if server.asked["/damaged"] > max(DAMAGED) + 3:
                break
    assert damaged == len(DAMAGED)


def test_camera_that_gives_no_more(server: Server) -> None:
    with (
        closing(NetworkCamera(server.url("/dies"), SourceOptions(fps=100, timeout=0.5))) as source,
        pytest.raises(SourceLost, match=r"gave no picture for 0\.51 s after \d+ frames"),
    ):
        list(source)


def test_other_answers_are_no_snapshots(server: Server) -> None:
    """Such as the page on which a browser would log in."""
    assert not SnapshotCapture(server.url("/page"), FAST).is_picture()
    assert not SnapshotCapture(server.url("/basic", "ann:wr0ng@"), FAST).is_picture()
    with pytest.raises(SourceError), closing(NetworkCamera(server.url("/page"), FAST)) as source:
        list(source)


def test_close_ends_a_wait(server: Server) -> None:
    """A camera that is asked once in a minute does not hold the program's end up."""
    source = NetworkCamera(server.url("/snap.jpg"), SourceOptions(fps=1 / 60))
    frames = iter(source)
    next(frames)
    begun = time.monotonic()
    source.close()
    source.close()
    assert time.monotonic() - begun < 1.5
    assert list(frames) == []
