"""A network camera: RTSP, or video over HTTP, through OpenCV's FFmpeg."""

from __future__ import annotations

import os
import socket

import cv2

from fer_edge.errors import SourceError, SourceLost, counted
from fer_edge.sources.live import LiveSource
from fer_edge.sources.mounting import pixel_aspect
from fer_edge.sources.options import SourceOptions
from fer_edge.sources.quiet import quiet_opencv
from fer_edge.urls import Address, mask, parse

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
            raise SourceError(f"stream {name}: {cause}; write it as rtsp://USER:PASSWORD@HOST:554/PATH") from None
        quiet_opencv()
        # Over UDP one lost packet damages the picture until the next key frame; TCP also passes firewalls.
        os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", "rtsp_transport;tcp")
        timeout_ms = max(1, round(options.timeout * 1000))
        parameters = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, timeout_ms, cv2.CAP_PROP_READ_TIMEOUT_MSEC, timeout_ms]
        capture = cv2.VideoCapture(target, cv2.CAP_FFMPEG, parameters)
        if not capture.isOpened():
            capture.release()
            raise SourceError(f"stream {name}: {_why(address, options.timeout)}")
        if capture.get(cv2.CAP_PROP_FRAME_COUNT) > 0:
            # Only the newest frame counts here, so most of a file would be skipped.
            capture.release()
            raise SourceError(f"stream {name}: is a file, not a live stream; download it and give its path")
        super().__init__(name, capture, options, pixel_aspect(capture))

    def _lost(self, number: int, what: str) -> SourceError:
        message = f"stream {self.name}: {what} after {counted(number, 'frame')}; check the camera and the network to it"
        return SourceLost(message) if number else SourceError(message)


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
