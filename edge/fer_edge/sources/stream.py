"""A network camera: RTSP, or video over HTTP, through OpenCV's FFmpeg; or one picture for each HTTP request."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import replace

import cv2

from fer_edge.errors import SourceError, SourceLost, counted
from fer_edge.settings import RTSP_TRANSPORTS
from fer_edge.sources.live import LiveSource
from fer_edge.sources.mounting import pixel_aspect
from fer_edge.sources.options import SourceOptions, too_large
from fer_edge.sources.quiet import quiet_opencv
from fer_edge.sources.snapshots import SnapshotCapture
from fer_edge.types import Frame
from fer_edge.urls import Address, mask, parse

_OPTIONS = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
_DEFAULT_PORTS = {"rtsp": 554, "http": 80, "https": 443}


class NetworkCamera(LiveSource):
    """Frames of a network camera, always the newest one. Its credentials are never shown or logged."""

    local = False

    def __init__(self, target: str, options: SourceOptions) -> None:
        """Open the URL `target`. Raises SourceError."""
        name = options.name or mask(target)
        try:
            address = parse(target)
        except ValueError as cause:
            form = "" if "; write " in str(cause) else "; write it as rtsp://HOST:554/PATH"
            raise SourceError(f"stream {name}: {cause}{form}") from None
        quiet_opencv()
        _set_transport(options.rtsp_transport)
        timeout_ms = max(1, round(options.timeout * 1000))
        parameters = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, timeout_ms, cv2.CAP_PROP_READ_TIMEOUT_MSEC, timeout_ms]
        capture = cv2.VideoCapture(target, cv2.CAP_FFMPEG, parameters)
        if not capture.isOpened():
            capture.release()
            raise SourceError(f"stream {name}: {_why(address, options.timeout)}")
        # Before its first frame is decoded: a damaged or hostile camera may name any size.
        width, height = (int(capture.get(side)) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        if width * height > options.max_frame_pixels:
            capture.release()
            raise SourceError(f"stream {name}: {too_large(width, height, options.max_frame_pixels)}")
        self._url, self._scheme = target, address.scheme
        self._snapshots: SnapshotCapture | None = None
        self._lost_after = 0  # frames
        frames = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        if frames > 0:
            capture.release()
            if frames > 1 or not self._begin_snapshots(name, options):
                # Only the newest frame counts here, so most of a file would be skipped.
                raise SourceError(f"stream {name}: is a file, not a live stream; download it and give its path")
            return
        super().__init__(name, capture, options, pixel_aspect(capture))

    def __iter__(self) -> Iterator[Frame]:
        """The newest frames, until `close` or a stop. Raises SourceLost, or SourceError if not one frame came."""
        try:
            yield from super().__iter__()
        except SourceError:
            # FFmpeg reads one picture of an address that gives one for each request, and is at the end.
            if self._snapshots is not None or self._lost_after > 1:
                raise
            super().close()
            if not self._begin_snapshots(self.name, self._options):
                raise
            yield from super().__iter__()

    def _begin_snapshots(self, name: str, options: SourceOptions) -> bool:
        """Ask for a picture at a time from here on; False if the address gives none."""
        if self._scheme not in ("http", "https"):
            return False
        snapshots = SnapshotCapture(self._url, options)
        if not snapshots.is_picture():
            return False
        self._snapshots = snapshots
        # It is silent between two requests.
        super().__init__(name, snapshots, replace(options, timeout=options.timeout + snapshots.interval))
        return True

    def close(self) -> None:
        """Stop, and end the connection. May be called twice, and from another thread."""
        if self._snapshots is not None:
            self._snapshots.stop()
        super().close()

    def _lost(self, number: int, what: str) -> SourceError:
        self._lost_after = number
        message = f"stream {self.name}: {what} after {counted(number, 'frame')}; check the camera and the network to it"
        return SourceLost(message) if number else SourceError(message)


def _set_transport(transport: str) -> None:
    """Tell FFmpeg how RTSP's pictures are to come, unless the user has set OpenCV's variable for all its options.

    Over UDP one lost packet damages the picture until the next key frame; TCP also passes firewalls.
    """
    before = os.environ.get(_OPTIONS, "")
    if not before or before in {f"rtsp_transport;{other}" for other in RTSP_TRANSPORTS}:
        os.environ[_OPTIONS] = f"rtsp_transport;{transport}"


def _why(address: Address, timeout: float) -> str:
    """Why a stream does not open. FFmpeg does not tell OpenCV, so a connection is tried here."""
    host = address.shown
    port = address.port or _DEFAULT_PORTS.get(address.scheme, 80)
    try:
        socket.create_connection((address.host, port), timeout).close()
    except (socket.gaierror, UnicodeError):  # UnicodeError: no name that could exist
        return f"the host {host!r} is not known; check its name"
    except ConnectionRefusedError:
        return f"{host} refuses connections on port {port}; check the port, and that the camera's server is running"
    except OSError as cause:
        return f"{host}, port {port}, cannot be reached ({cause}); check the network and the camera's power"
    return f"{host} answers, but gives no video within {timeout:g} s; check the path, the user and the password"
