"""The camera's picture is shown only if the settings say so, and drawn only while a page shows it."""

from __future__ import annotations

import http.client
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from fer_edge.sinks.kiosk import live
from fer_edge.types import Observation

House = Callable[..., Any]
Make = Callable[..., Observation]


@pytest.mark.parametrize("path", ["/live", "/live.mjpg"])
def test_it_is_off_unless_asked_for(path: str, house: House) -> None:
    built = house()
    assert built.ask(path).status == 404
    assert 'href="/live" hidden' in built.ask("/").text


def test_link_is_shown_if_live(house: House) -> None:
    """The link is there when it is on."""
    built = house(live=True)
    assert built.ask("/live").status == 200
    assert 'href="/live" >' in built.ask("/").text


def test_pictures_come_with_boxes(house: House, make_observation: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "SAME_FRAME_INTERVAL_S", 0.01)
    built = house(live=True)
    built.sink.state("running")
    built.sink.write(make_observation(1, "happy", grey=np.full((480, 640), 40, np.uint8)))
    connection = http.client.HTTPConnection("127.0.0.1", built.port, timeout=10)
    connection.request("GET", "/live.mjpg")
    answer = connection.getresponse()
    assert answer.getheader("content-type") == "multipart/x-mixed-replace; boundary=fer-edge-frame"
    assert answer.readline() == b"--fer-edge-frame\r\n"
    headers = dict(line.decode().strip().split(": ") for line in iter(answer.readline, b"\r\n"))
    data = answer.read(int(headers["Content-Length"]))
    shown = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None
    assert shown.shape == (480, 640, 3)
    assert shown.max() > 100  # the label is drawn in
    answer.close()
    connection.close()
