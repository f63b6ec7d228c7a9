"""The stream source on a real RTSP server, as cameras have it: H.264 and H.265 (rigs/rtsp.py)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import closing

import pytest
import rtsp  # rigs/rtsp.py
from fer_edge.errors import SourceError
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
