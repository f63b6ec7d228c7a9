"""The stream source against a real HTTP server on this machine."""

from __future__ import annotations

import http.server
import itertools
import socket
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from fer_edge.errors import SourceError, SourceLost
from fer_edge.settings import SourceSettings
from fer_edge.sources import open_source
from fer_edge.sources.options import SourceOptions, source_options
from fer_edge.sources.stream import NetworkCamera

OPTIONS = SourceOptions(timeout=5.0)


def part(number: int) -> bytes:
    """One part of a multipart stream: a JPEG whose brightness tells its number."""
    return part_of(jpeg_of(number))


def jpeg_of(number: int) -> bytes:
    picture = np.full((48, 64, 3), 20 + number % 200, np.uint8)
    return cv2.imencode(".jpg", picture)[1].tobytes()


def part_of(jpeg: bytes) -> bytes:
    return b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b\r\n" % (len(jpeg), jpeg)


class Handler(http.server.BaseHTTPRequestHandler):
    """/endless never ends, nor does /damaged, which has bad pictures; /ends does after 60 pictures.

    /stalls goes on without a word; /private wants ann:s3cret.
    """

    server: Server

    def do_GET(self) -> None:
        if self.path == "/private":
            wanted = "Basic " + b64encode(b"ann:s3cret").decode()
            if self.headers.get("Authorization") != wanted:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="camera"')
                self.end_headers()
                return
        if self.path not in ("/damaged", "/endless", "/ends", "/stalls", "/private"):
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        parts = itertools.count() if self.path in ("/damaged", "/endless", "/private") else range(60)
        with suppress(OSError):  # the client hung up
            for number in parts:
                bad = self.path == "/damaged" and number % 10 in (5, 6)
                self.wfile.write(part_of(bytes(1000)) if bad else part(number))
                if self.server.stopping.is_set():
                    return
            if self.path == "/stalls":
                self.wfile.flush()
                self.server.stopping.wait(30)

    def log_message(self, format: str, *values: object) -> None:  # noqa: A002
        pass


class Server(http.server.ThreadingHTTPServer):
    def __init__(self) -> None:
        self.stopping = threading.Event()
        super().__init__(("127.0.0.1", 0), Handler)

    def url(self, path: str, user: str = "") -> str:
        return f"http://{user}127.0.0.1:{self.server_port}{path}"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.stopping.set()
        running.shutdown()
        thread.join()


def test_frames_come(server: Server) -> None:
    url = server.url("/endless")
    source, why = open_source(url, OPTIONS)
    with closing(source):
        assert not source.still
        frames = list(itertools.islice(source, 5))
    assert why == "http://127.0.0.1, as asked for"
    assert [frame.number for frame in frames] == [0, 1, 2, 3, 4]
    assert [frame.time for frame in frames] == sorted(frame.time for frame in frames)
    assert frames[0].grey.shape == (48, 64)
    assert frames[0].picture.shape == (48, 64, 3)
    assert frames[0].colour is None  # made only for who asks
    assert frames[0].taken.tzinfo is not None
    assert frames[0].source == "http://127.0.0.1"


def test_label_names_the_camera(server: Server) -> None:
    """source.label is what the log and the messages call it."""
    options = replace(OPTIONS, name="hall")
    with closing(NetworkCamera(server.url("/endless"), options)) as source:
        assert next(iter(source)).source == "hall"
    with pytest.raises(SourceError, match=r"^stream hall: "):
        NetworkCamera(server.url("/none"), options)


def test_huge_frames_are_refused(server: Server, tmp_path: Path) -> None:
    """Before the first one is decoded; by `source.max_megapixels`."""
    url = server.url("/endless")
    with pytest.raises(SourceError, match=r"has 64 x 48 pixels .* choose a smaller one there, or raise source.max_meg"):
        NetworkCamera(url, replace(OPTIONS, max_frame_pixels=64 * 48 - 1))
    with closing(NetworkCamera(url, replace(OPTIONS, max_frame_pixels=64 * 48))) as source:
        assert next(iter(source)).grey.shape == (48, 64)
    assert source_options(SourceSettings(max_megapixels=0.5)).max_frame_pixels == 500_000


def test_frames_that_grow_are_a_loss(server: Server) -> None:
    """The driver of a camera that changes its size in the middle is not followed."""
    with closing(NetworkCamera(server.url("/endless"), OPTIONS)) as source:
        source._options = replace(OPTIONS, max_frame_pixels=100)
        with pytest.raises(SourceError, match="64 x 48 pixels"):
            next(iter(source))


def test_damaged_pictures_are_left_out(server: Server) -> None:
    """Two of ten pictures are damaged: they are counted, and the stream is not lost."""
    damaged, number = 0, 0
    with closing(NetworkCamera(server.url("/damaged"), OPTIONS)) as source:
        for frame in source:
            damaged, number = damaged + frame.damaged, frame.number
            if damaged >= 6 and number >= 3:
                break
    assert damaged >= 6


def test_credentials_work_and_appear_nowhere(server: Server, capfd: pytest.CaptureFixture[str]) -> None:
    source, why = open_source(server.url("/private", "ann:s3cret@"), OPTIONS)
    with closing(source):
        frame = next(iter(source))
    shown = "http://127.0.0.1"
    assert frame.source == shown
    with pytest.raises(SourceError) as caught:
        NetworkCamera(server.url("/private", "ann:wr0ng@"), OPTIONS)
    assert str(caught.value) == (
        f"stream {shown}: 127.0.0.1 answers, but gives no video within 5 s; check the path, the user and the password"
    )
    for text in (why, repr(caught.value), *capfd.readouterr()):
        assert "s3cret" not in text
        assert "wr0ng" not in text


def test_ends(server: Server) -> None:
    with (
        closing(NetworkCamera(server.url("/ends"), OPTIONS)) as source,
        pytest.raises(SourceLost, match=r"stopped giving pictures after \d+ frames; check the camera and the network"),
    ):
        list(source)


@pytest.mark.slow
def test_stalls(server: Server) -> None:
    with (
        closing(NetworkCamera(server.url("/stalls"), SourceOptions(timeout=1.0))) as source,
        pytest.raises(SourceLost, match=r"(gave no picture for 1 s|stopped giving pictures) after \d+ frames"),
    ):
        list(source)
    assert source.name not in [thread.name for thread in threading.enumerate()]


def test_wrong_path(server: Server) -> None:
    with pytest.raises(SourceError, match="answers, but gives no video"):
        NetworkCamera(server.url("/nothing"), OPTIONS)


def test_refused() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with pytest.raises(SourceError, match=f"127.0.0.1 refuses connections on port {port}; check the port"):
        NetworkCamera(f"http://127.0.0.1:{port}/", OPTIONS)


def test_host_that_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "create_connection", unknown)
    with pytest.raises(SourceError, match=r"the host 'camera\.invalid' is not known"):
        NetworkCamera("http://camera.invalid/", SourceOptions(timeout=0.5))


def test_a_server_that_never_answers() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(4)
        with pytest.raises(SourceError, match=r"answers, but gives no video within 0\.3 s"):
            NetworkCamera(f"http://127.0.0.1:{deaf.getsockname()[1]}/", SourceOptions(timeout=0.3))


@pytest.mark.parametrize("url", ["rtsp://", "http:///path", "http://[::1/x", "http://host:99999/x"])
def test_no_url(url: str) -> None:
    with pytest.raises(SourceError, match=r"is not a URL with a host and a port; write it as|its port is no number"):
        NetworkCamera(url, OPTIONS)
