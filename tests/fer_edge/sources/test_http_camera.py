"""Cameras on HTTP, good ones, odd ones and bad ones: a real server on this machine that sends what a test says."""

from __future__ import annotations

import gzip
import io
import itertools
import logging
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from fer_edge import sources
from fer_edge.errors import SourceError, SourceLost
from fer_edge.sources.http_camera import MotionJpegCapture, open_http
from fer_edge.sources.http_get import HttpGet
from fer_edge.sources.options import SourceOptions
from fer_edge.sources.snapshots import SnapshotCapture
from fer_edge.sources.stream import NetworkCamera
from PIL import Image

OPTIONS = SourceOptions(timeout=10.0)
SHORT = SourceOptions(timeout=0.5, max_frame_pixels=64 * 48)  # a picture of 0.26 MB
OK = b"HTTP/1.1 200 OK\r\n"
MULTIPART = OK + b"Content-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n"

Send = Callable[[], Iterable[bytes]]


def jpeg(shade: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 48), (shade, shade, shade)).save(file, "JPEG")
    return file.getvalue()


JPEG = jpeg(90)
PART = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b\r\n" % (len(JPEG), JPEG)


class Server:
    """Sends to each client, by its request's number, what `sends` says, the last one again and again."""

    def __init__(self, *sends: Send, context: ssl.SSLContext | None = None) -> None:
        self.requests: list[bytes] = []
        self._sends, self._context = sends, context
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self.port}/"
        self._clients: list[threading.Thread] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._socket.accept()
                self._clients.append(threading.Thread(target=self._answer, args=(client,), daemon=True))
                self._clients[-1].start()

    def _answer(self, plain: socket.socket) -> None:
        with plain, suppress(OSError):
            client = self._context.wrap_socket(plain, server_side=True) if self._context else plain
            with client:
                request = b""
                while b"\r\n\r\n" not in request:
                    if not (more := client.recv(1 << 16)):
                        return
                    request += more
                self.requests.append(request)
                for data in self._sends[min(len(self.requests), len(self._sends)) - 1]():
                    client.sendall(data)

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in (self._thread, *self._clients):
            thread.join(10)
            assert not thread.is_alive()  # the client has hung up


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(*sends: Send, context: ssl.SSLContext | None = None) -> Server:
        servers.append(Server(*sends, context=context))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture(scope="module")
def server_context(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """Of a certificate that the server has made itself."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("server") / "both.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(certificate.public_bytes(Encoding.PEM) + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def chunks(parts: Iterable[bytes]) -> Iterator[bytes]:
    return (b"%x\r\n%b\r\n" % (len(part), part) for part in parts)


def zipped(parts: Iterable[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(wbits=31)
    return (packer.compress(part) + packer.flush(zlib.Z_SYNC_FLUSH) for part in parts)


def endless(first: bytes, *then: bytes) -> Send:
    return lambda: itertools.chain([first], itertools.cycle(then))


GOOD: dict[str, Send] = {
    "parts": endless(MULTIPART, PART),
    "a boundary in quotes": endless(MULTIPART.replace(b"=frame", b'="frame"'), PART),
    "no boundary": endless(MULTIPART.replace(b"; boundary=frame", b""), PART),
    "another kind of parts": endless(MULTIPART.replace(b"x-mixed-replace", b"mixed"), PART),
    "no type": endless(OK + b"\r\n\r\n", PART),
    "another type": endless(OK + b"Content-Type: text/plain\r\n\r\n", PART),
    "bare JPEGs": endless(OK + b"\r\n", JPEG),
    "bare JPEGs of a type": endless(OK + b"Content-Type: image/jpeg\r\n\r\n", JPEG),
    "bare JPEGs as parts": endless(MULTIPART, JPEG),
    "chunks": lambda: itertools.chain(
        [MULTIPART.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n")], chunks(itertools.repeat(PART))
    ),
    "chunks of seven bytes": lambda: itertools.chain(
        [MULTIPART.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n")],
        chunks(PART[at : at + 7] for _ in itertools.count() for at in range(0, len(PART), 7)),
    ),
    "gzip": lambda: itertools.chain(
        [MULTIPART.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")], zipped(itertools.repeat(PART))
    ),
}


@pytest.mark.parametrize("name", GOOD)
def test_each_is_read(serve: Callable[..., Server], name: str) -> None:
    with closing(NetworkCamera(serve(GOOD[name]).url, OPTIONS)) as source:
        frames = list(itertools.islice(source, 3))
    assert [frame.grey.shape for frame in frames] == [(48, 64)] * 3
    assert [frame.damaged for frame in frames] == [0] * 3
    assert abs(int(frames[-1].grey.mean()) - 90) < 3
    times = [frame.time for frame in frames]
    assert times == sorted(times)


def test_one_jpeg_without_a_length_is_a_snapshot(serve: Callable[..., Server]) -> None:
    server = serve(lambda: [OK + b"\r\n", JPEG])
    capture = open_http(server.url, OPTIONS)
    assert isinstance(capture, SnapshotCapture)
    assert capture.grab()
    assert len(server.requests) == 2


def test_recording_of_jpegs_is_a_file(serve: Callable[..., Server]) -> None:
    """Its end is known, so it is no camera; the first picture of it would be shown for ever."""
    both = JPEG + jpeg(200)
    server = serve(lambda: [OK + b"Content-Length: %d\r\n\r\n" % len(both), both])
    with pytest.raises(SourceError, match="gives no video"):
        NetworkCamera(server.url, SHORT)


def test_redirect_is_followed(serve: Callable[..., Server]) -> None:
    """To HTTP alone, without its body, which may have no end, and without the password."""
    target = serve(GOOD["parts"])
    first = serve(endless(b"HTTP/1.1 302 Found\r\nLocation: %b\r\n\r\n" % target.url.encode(), bytes(1 << 16)))
    with closing(NetworkCamera(first.url.replace("//", "//ann:s3cret@"), OPTIONS)) as source:
        assert next(iter(source)).grey.shape == (48, 64)
    assert b"Authorization" not in target.requests[0]
    for place in (b"ftp://127.0.0.1/x", b"file:///etc/hostname", b"/"):  # the last one for ever
        again = serve(endless(b"HTTP/1.1 302 Found\r\nLocation: %b\r\n\r\n" % place))
        with pytest.raises(SourceError, match="gives no video"):
            NetworkCamera(again.url, OPTIONS)


NOT_OPENED: dict[str, Send] = {
    "a length of 2 GB": endless(MULTIPART + b"--frame\r\nContent-Length: 2000000000\r\n\r\n", bytes(1 << 16)),
    "a picture without an end": endless(MULTIPART + b"--frame\r\n\r\n" + JPEG[:-2], bytes(1 << 16)),
    "a bare picture without an end": endless(OK + b"\r\n" + JPEG[:-2], bytes(1 << 16)),
    "headers without an end": endless(OK, b"X: y\r\n"),
    "one header without an end": endless(OK + b"X: ", bytes(1 << 16)),
    "answers before the answer": endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "headers of a part without an end": endless(MULTIPART + b"--frame\r\n", b"X-Header: " + b"y" * 990 + b"\r\n"),
    "no pictures": endless(MULTIPART, b"--frame\r\nContent-Type: image/jpeg\r\n\r\n" + bytes(5000)),
    "zeros": endless(OK + b"\r\n", bytes(1 << 16)),
    "zeros that were packed": lambda: itertools.chain(
        [MULTIPART.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")],
        itertools.repeat(gzip.compress(bytes(1 << 24))),
    ),
    "what is not packed": endless(MULTIPART.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n"), PART),
    "a chunk of 2 GB": endless(
        MULTIPART.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n80000000\r\n"), bytes(1 << 16)
    ),
    "a cut off answer": lambda: [MULTIPART + PART[:-100]],
    "nothing": lambda: [],
}


@pytest.mark.parametrize("name", NOT_OPENED)
def test_bad_ones_are_refused_in_time(serve: Callable[..., Server], name: str) -> None:
    """In the same words as any other, and no later."""
    begun = time.monotonic()
    with pytest.raises(SourceError, match=r"^stream http://127\.0\.0\.1: ") as caught:
        NetworkCamera(serve(NOT_OPENED[name]).url, SHORT)
    assert time.monotonic() - begun < 8 * SHORT.timeout
    assert ("the limit is" in str(caught.value)) is (name in list(NOT_OPENED)[:3])


def test_time_is_one_for_the_whole_head(serve: Callable[..., Server]) -> None:
    """A byte now and then starts no clock anew."""
    ticks = threading.Event()

    def drip() -> Iterator[bytes]:
        for byte in MULTIPART:
            yield bytes([byte])
            ticks.wait(0.1)

    begun = time.monotonic()
    with pytest.raises(TimeoutError):
        HttpGet(serve(drip).url, 0.3).open()
    ticks.set()
    assert time.monotonic() - begun < 2


TURNING_BAD = {
    "a length of 2 GB": (b"--frame\r\nContent-Length: 2000000000\r\n\r\n", r"a picture of 2,000\.0 MB"),
    "a picture without an end": (
        b"--frame\r\n\r\n" + JPEG[:-2] + bytes(19 << 20),
        "a picture of .* the limit is 18 MB",
    ),
    "a larger one": (
        b"--frame\r\n\r\n" + JPEG.replace(b"\x00\x30\x00\x40", b"\x17\x70\x1f\x40"),
        "has 8000 x 6000 pixels",
    ),
    "an end": (b"", "stopped giving pictures"),
}


@pytest.mark.parametrize("name", TURNING_BAD)
def test_camera_that_turns_bad_is_lost(serve: Callable[..., Server], name: str) -> None:
    data, words = TURNING_BAD[name]
    with (
        closing(NetworkCamera(serve(lambda: [MULTIPART, PART, PART, data]).url, OPTIONS)) as source,
        pytest.raises(SourceLost, match=words),
    ):
        list(source)


@pytest.mark.parametrize("secure", [False, True])
def test_close_ends_a_read_at_once(serve: Callable[..., Server], secure: bool, server_context: ssl.SSLContext) -> None:
    """A camera that says nothing does not hold the program's end up, nor does its thread stay behind."""
    over = threading.Event()

    def silent() -> Iterator[bytes]:
        yield MULTIPART + PART
        over.wait(30)

    capture = open_http(serve(silent, context=server_context if secure else None).url, OPTIONS)
    assert isinstance(capture, MotionJpegCapture)
    assert capture.grab()
    assert capture.retrieve()[0]
    waiting = threading.Thread(target=capture.grab)
    waiting.start()
    begun = time.monotonic()
    capture.stop()
    waiting.join(5)
    assert time.monotonic() - begun < 1
    assert not capture.grab()
    capture.release()
    over.set()


def test_certificate_of_its_own_is_told(
    serve: Callable[..., Server], server_context: ssl.SSLContext, caplog: pytest.LogCaptureFixture
) -> None:
    """Most cameras have one; FFmpeg takes it and says nothing."""
    url = serve(GOOD["parts"], context=server_context).url
    with caplog.at_level(logging.WARNING), closing(NetworkCamera(url, OPTIONS)) as source:
        assert next(iter(source)).grey.shape == (48, 64)
    told = [record.getMessage().partition(" (")[0] for record in caplog.records]
    assert told == ["https://127.0.0.1: its certificate cannot be checked"]


def test_ffmpeg_reads_the_others(serve: Callable[..., Server], tmp_path: Path) -> None:
    """An MPEG-TS without an end, and HLS."""
    path = tmp_path / "a.ts"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25.0, (64, 48))
    for shade in range(50):
        writer.write(np.full((48, 64, 3), shade, np.uint8))
    writer.release()
    video = path.read_bytes()
    playlist = b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n" + b"#EXTINF:2,\nv.ts\n" * 3
    kind = OK + b"Content-Type: %b\r\n\r\n"
    for server in (
        serve(endless(kind % b"video/mp2t", video)),
        serve(
            *2 * [lambda: [kind % b"application/vnd.apple.mpegurl", playlist]], lambda: [kind % b"video/mp2t", video]
        ),
    ):
        with closing(NetworkCamera(server.url + "live.m3u8", OPTIONS)) as source:
            assert next(iter(source)).grey.shape == (48, 64)


def test_ffmpeg_reads_no_jpegs(serve: Callable[..., Server]) -> None:
    """Of a camera that says at first that it has something else: FFmpeg collects what a part names."""
    for second in (GOOD["parts"], GOOD["bare JPEGs"]):
        server = serve(lambda: [OK + b"Content-Type: video/mp2t\r\n\r\n", bytes(5000)], second)
        with pytest.raises(SourceError, match="answers, but gives no video"):
            NetworkCamera(server.url, SHORT)
        assert len(server.requests) >= 2


def test_what_is_opened_later_is_free(serve: Callable[..., Server], tmp_path: Path) -> None:
    """What FFmpeg may read of a camera holds for that alone: a file of JPEGs opens afterwards."""
    server = serve(lambda: [OK + b"Content-Type: video/mp2t\r\n\r\n", bytes(5000)], GOOD["parts"])
    with pytest.raises(SourceError, match="answers, but gives no video"):
        NetworkCamera(server.url, SHORT)
    (tmp_path / "a.mjpeg").write_bytes(2 * cv2.imencode(".jpg", np.zeros((48, 64), np.uint8))[1].tobytes())
    with closing(sources.open_files(str(tmp_path / "a.mjpeg"))) as source:
        assert next(iter(source)).grey.shape == (48, 64)
