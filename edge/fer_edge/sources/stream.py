"""A network camera: RTSP, HLS and other video through OpenCV's FFmpeg; JPEGs over HTTP by our own reader."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import cv2

from fer_edge.errors import SourceError, SourceLost, counted
from fer_edge.sources.http_camera import MotionJpegCapture, open_http
from fer_edge.sources.live import LiveSource
from fer_edge.sources.mounting import pixel_aspect
from fer_edge.sources.options import SourceOptions, TooLargeError, too_large
from fer_edge.sources.quiet import quiet_opencv
from fer_edge.sources.snapshots import SnapshotCapture
from fer_edge.urls import Address, mask, parse

_OPENING = threading.Lock()  # OpenCV reads the variable while it opens
_OPTIONS = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
# A camera that answers another request otherwise must not get its JPEGs read by FFmpeg, see http_camera.py.
_HTTP_OPTIONS = (
    "format_whitelist;hls,dash,mov,matroska,mpegts,mpeg,mpegvideo,flv,live_flv,asf,avi,ogg,nut,mxf,"
    "h264,hevc,m4v,ivf,obu,aac,mp3,ac3,eac3,webvtt"  # the last five beside the pictures, in HLS
)
_HTTP = ("http", "https")
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
            scheme = target.partition("://")[0].lower()
            usual = f"{scheme}://HOST:{_DEFAULT_PORTS.get(scheme, 554)}"
            form = "" if "; write " in str(cause) else f"; write it as {usual}, then the path"
            raise SourceError(f"stream {name}: {cause}{form}") from None
        capture, aspect, silence = self._open(target, name, address, options), 1.0, 0.0
        if isinstance(capture, SnapshotCapture):
            silence = capture.interval  # between two requests
        elif not isinstance(capture, MotionJpegCapture):
            aspect = pixel_aspect(capture)
        self._capture = capture
        super().__init__(name, capture, replace(options, timeout=options.timeout + silence), aspect)

    def _open(self, target: str, name: str, address: Address, options: SourceOptions) -> Any:
        """What gives its pictures. Raises SourceError."""
        if address.scheme in _HTTP:
            try:
                if (capture := open_http(target, options)) is not None:
                    return capture
            except TooLargeError as cause:
                raise SourceError(f"stream {name}: {cause}") from None
            except (OSError, ValueError):
                raise SourceError(f"stream {name}: {_why(address, options.timeout)}") from None
        return _open_ffmpeg(target, name, address, options)

    def close(self) -> None:
        """Stop, and end the connection. May be called twice, and from another thread."""
        if isinstance(self._capture, MotionJpegCapture | SnapshotCapture):
            self._capture.stop()
        super().close()

    def _lost(self, number: int, what: str) -> SourceError:
        message = f"stream {self.name}: {what} after {counted(number, 'frame')}; check the camera and the network to it"
        return SourceLost(message) if number else SourceError(message)


def _open_ffmpeg(target: str, name: str, address: Address, options: SourceOptions) -> cv2.VideoCapture:
    """Raises SourceError."""
    quiet_opencv()
    timeout_ms = max(1, round(options.timeout * 1000))
    parameters = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, timeout_ms, cv2.CAP_PROP_READ_TIMEOUT_MSEC, timeout_ms]
    with _ffmpeg_options(_HTTP_OPTIONS if address.scheme in _HTTP else f"rtsp_transport;{options.rtsp_transport}"):
        capture = cv2.VideoCapture(target, cv2.CAP_FFMPEG, parameters)
    if not capture.isOpened():
        capture.release()
        raise SourceError(f"stream {name}: {_why(address, options.timeout)}")
    # Before its first frame is decoded: a damaged or hostile camera may name any size.
    width, height = (int(capture.get(side)) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
    problem = too_large(width, height, options.max_frame_pixels) if width * height > options.max_frame_pixels else ""
    if capture.get(cv2.CAP_PROP_FRAME_COUNT) > 0:  # only the newest frame counts here: most of a file would be skipped
        problem = problem or "is a file, not a live stream; download it and give its path"
    if problem:
        capture.release()
        raise SourceError(f"stream {name}: {problem}")
    return capture


@contextmanager
def _ffmpeg_options(wanted: str) -> Iterator[None]:
    """Tell FFmpeg how to open a stream, unless the user has set OpenCV's variable for all its options.

    RTSP: over UDP one lost packet damages the picture until the next key frame; TCP also passes firewalls. Afterwards
    the variable is as before: what else the process opens has its own ways. One stream is opened at a time.
    """
    with _OPENING:
        if os.environ.get(_OPTIONS):
            yield
            return
        os.environ[_OPTIONS] = wanted
        try:
            yield
        finally:
            del os.environ[_OPTIONS]


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
