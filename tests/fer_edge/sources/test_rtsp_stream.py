"""The stream source against a small RTSP server: motion JPEG (RFC 2435) interleaved over TCP (RFC 2326, 10.12)."""

from __future__ import annotations

import itertools
import socketserver
import struct
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing, suppress

import cv2
import h264  # rigs/h264.py
import numpy as np
import pytest
from fer_edge.errors import SourceError, SourceLost
from fer_edge.sources.options import SourceOptions
from fer_edge.sources.stream import NetworkCamera

WIDTH, HEIGHT = 64, 48
SDP = (
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=t\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\nm=video 0 RTP/AVP 26\r\na=control:track\r\n"
)
H264_SDP = SDP.replace("AVP 26\r\n", "AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\n")
SESSION = "Session: 1\r\n"


def rtp_packet(number: int) -> bytes:
    """Picture `number` as one interleaved RTP packet."""
    picture = np.full((HEIGHT, WIDTH, 3), 20 + number % 200, np.uint8)
    jpeg = cv2.imencode(".jpg", picture)[1].tobytes()
    tables, position = b"", 2
    while (marker := jpeg[position + 1]) != 0xDA:
        (length,) = struct.unpack_from(">H", jpeg, position + 2)
        segment = jpeg[position + 4 : position + 2 + length]
        if marker == 0xDB:
            tables += b"".join(segment[start + 1 : start + 65] for start in range(0, len(segment), 65))
        position += 2 + length
    (length,) = struct.unpack_from(">H", jpeg, position + 2)
    scan = jpeg[position + 2 + length : -2]
    body = struct.pack(">IBBBB", 0, 1, 255, WIDTH // 8, HEIGHT // 8) + struct.pack(">BBH", 0, 0, 128) + tables + scan
    return packet(body, 0x80 | 26, number, number)


def packet(body: bytes, kind: int, sequence: int, number: int) -> bytes:
    """Of picture `number`; `kind` is the payload's, 0x80 more in a picture's last packet."""
    header = struct.pack(">BBHII", 0x80, kind, sequence & 0xFFFF, number * 3600, 7)
    return struct.pack(">cBH", b"$", 0, len(header + body)) + header + body


def h264_packets(picture: bytes, number: int) -> bytes:
    """RFC 6184: a NAL unit each."""
    units = picture.split(b"\0\0\0\1")[1:]
    last = len(units) - 1
    return b"".join(
        packet(unit, 96 | 0x80 * (place == last), number * len(units) + place, number)
        for place, unit in enumerate(units)
    )


class Handler(socketserver.StreamRequestHandler):
    """/endless never ends, /ends does after 60 pictures, /stalls falls silent; /private wants ann:s3cret.

    /huge claims to have H.264 of 10240 x 7680 pixels, /small has it of 64 x 48.
    """

    server: Server

    def handle(self) -> None:
        with suppress(OSError):  # the client hung up
            while request := self._request():
                method, url, fields = request
                wanted = "Basic " + b64encode(b"ann:s3cret").decode()
                if "/private" in url and method != "OPTIONS" and fields.get("authorization") != wanted:
                    self._answer(fields, 'WWW-Authenticate: Basic realm="camera"\r\n', status="401 Unauthorized")
                elif "/nothing" in url:
                    self._answer(fields, status="404 Not Found")
                elif method == "DESCRIBE":
                    self._answer(fields, "Content-Type: application/sdp\r\n", SDP if self._jpeg(url) else H264_SDP)
                elif method == "SETUP":
                    assert "TCP" in fields["transport"]  # never UDP
                    self._answer(fields, SESSION + "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n")
                elif method == "PLAY":
                    self._answer(fields, SESSION)
                    self._play(url)
                    return
                else:
                    self._answer(fields, "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n")

    def _jpeg(self, url: str) -> bool:
        return "/huge" not in url and "/small" not in url

    def _request(self) -> tuple[str, str, dict[str, str]] | None:
        first = self.rfile.readline().decode().split()
        if len(first) < 2:
            return None
        fields = {}
        while line := self.rfile.readline().decode().strip():
            name, _, value = line.partition(":")
            fields[name.lower()] = value.strip()
        return first[0], first[1], fields

    def _answer(self, fields: dict[str, str], extra: str = "", body: str = "", status: str = "200 OK") -> None:
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        self.wfile.write(f"RTSP/1.0 {status}\r\nCSeq: {fields['cseq']}\r\n{extra}{length}\r\n{body}".encode())

    def _play(self, url: str) -> None:
        finite = "/ends" in url or "/stalls" in url
        for number in range(60) if finite else itertools.count():
            if self._jpeg(url):
                self.wfile.write(rtp_packet(number))
            else:
                picture = h264.claim(640, 480, number) if "/huge" in url else h264.picture(4, 3, 90, number)
                self.wfile.write(h264_packets(picture, number))
            if self.server.stopping.is_set():
                return
        if "/stalls" in url:
            self.server.stopping.wait(30)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        self.stopping = threading.Event()
        super().__init__(("127.0.0.1", 0), Handler)

    def url(self, path: str, user: str = "") -> str:
        return f"rtsp://{user}127.0.0.1:{self.server_address[1]}{path}"


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
    with closing(NetworkCamera(server.url("/endless"), SourceOptions())) as source:
        frames = list(itertools.islice(source, 5))
    assert [frame.number for frame in frames] == [0, 1, 2, 3, 4]
    assert frames[0].grey.shape == (HEIGHT, WIDTH)
    assert frames[0].source == "rtsp://127.0.0.1"
    assert 15 < frames[0].grey.mean() < 225
    assert frames[0].grey.std() < 3


def test_huge_pictures_are_refused(server: Server) -> None:
    """In time, though FFmpeg tries until its own is over; then it mostly knows their size, and sometimes nothing.

    How much memory that takes: test_ffmpeg.py.
    """
    with closing(NetworkCamera(server.url("/small"), SourceOptions())) as source:
        assert next(iter(source)).grey.shape == (HEIGHT, WIDTH)
    with pytest.raises(
        SourceError, match=r"has 10240 x 7680 pixels \(79 megapixels\)|gives no video within 2 s|needs more"
    ):
        NetworkCamera(server.url("/huge"), SourceOptions(timeout=2.0))


def test_credentials_work_and_appear_nowhere(server: Server, capfd: pytest.CaptureFixture[str]) -> None:
    with closing(NetworkCamera(server.url("/private", "ann:s3cret@"), SourceOptions())) as source:
        assert next(iter(source)).source == "rtsp://127.0.0.1"
    with pytest.raises(SourceError, match="check the path, the user and the password") as caught:
        NetworkCamera(server.url("/private", "ann:wr0ng@"), SourceOptions())
    for text in (repr(caught.value), *capfd.readouterr()):
        assert "s3cret" not in text
        assert "wr0ng" not in text


def test_wrong_path(server: Server) -> None:
    with pytest.raises(SourceError, match="answers, but gives no video"):
        NetworkCamera(server.url("/nothing"), SourceOptions())


def test_ends(server: Server) -> None:
    with (
        closing(NetworkCamera(server.url("/ends"), SourceOptions())) as source,
        pytest.raises(SourceLost, match=r"stopped giving pictures after \d+ frames"),
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
