from __future__ import annotations

import pytest
from fer_edge.sources.urls import mask
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://host:554/path", "rtsp://host:554/path"),
        ("rtsp://ann:secret@host/path", "rtsp://***@host/path"),
        ("rtsp://ann:se/cr@t@host/path", "rtsp://***@host/path"),
        ("http://host/video?user=ann&password=secret&size=2", "http://host/video?user=***&password=***&size=2"),
        ("http://host/video?Token=secret#top", "http://host/video?Token=***#top"),
        ("camera:0", "camera:0"),
    ],
)
def test_mask(url: str, shown: str) -> None:
    assert mask(url) == shown


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), min_size=1))
def test_no_password_survives(password: str) -> None:
    assert mask(f"rtsp://ann:{password}@host/path") == "rtsp://***@host/path"
