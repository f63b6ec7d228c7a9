"""A network camera: RTSP, HLS and other video through FFmpeg; JPEGs over HTTP by our own reader."""

from __future__ import annotations

import socket
from dataclasses import replace

from fer_edge.errors import SourceError, SourceLost, counted
from fer_edge.sources.ffmpeg import FfmpegCapture
from fer_edge.sources.http_camera import MotionJpegCapture, open_http
from fer_edge.sources.live import LiveSource
from fer_edge.sources.options import RefusedError, SourceOptions
from fer_edge.sources.snapshots import SnapshotCapture
from fer_edge.urls import Address, mask, parse

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
        capture, aspect, silence = _open(target, name, address, options), 1.0, 0.0
        if isinstance(capture, SnapshotCapture):
            silence = capture.interval  # between two requests
        elif isinstance(capture, FfmpegCapture):
            aspect = capture.aspect
        self._capture = capture
        super().__init__(name, capture, replace(options, timeout=options.timeout + silence), aspect)

    def close(self) -> None:
        """Stop, and end the connection. May be called twice, and from another thread."""
        self._grabber.stopped = True  # before it fails
        self._capture.stop()
        super().close()

    def _lost(self, number: int, what: str) -> SourceError:
        known = self._capture.trouble if isinstance(self._capture, FfmpegCapture) else ""
        cure = "check the camera and the network to it"
        if known:
            what, _, cure = known.partition("; ")
        message = f"stream {self.name}: {what} after {counted(number, 'frame')}; {cure}"
        return SourceLost(message) if number else SourceError(message)


def _open(
    target: str, name: str, address: Address, options: SourceOptions
) -> MotionJpegCapture | SnapshotCapture | FfmpegCapture:
    """What gives its pictures. Raises SourceError."""
    http = address.scheme in _HTTP
    try:
        if http and (capture := open_http(target, options)) is not None:
            return capture
        # RTSP over UDP: one lost packet damages the picture until the next key frame; TCP also passes firewalls.
        return FfmpegCapture(target, _HTTP_OPTIONS if http else f"rtsp_transport;{options.rtsp_transport}", options)
    except RefusedError as cause:
        raise SourceError(f"stream {name}: {cause}") from None
    except (OSError, ValueError):
        raise SourceError(f"stream {name}: {_why(address, options.timeout)}") from None


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
