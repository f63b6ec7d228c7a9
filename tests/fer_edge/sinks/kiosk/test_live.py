"""The camera's picture is shown only if the settings say so, and drawn only while a page shows it."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from fer_edge.sinks.kiosk import live
from fer_edge.types import EMOTIONS, Observation

House = Callable[..., Any]
Make = Callable[..., Observation]


@pytest.mark.parametrize("path", ["/live", "/live.mjpg", "/live.stream"])
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


def test_page_gets_what_is_read_with_each_picture(house: House, make_observation: Make) -> None:
    """The picture without boxes, which the page draws itself, and what it needs for that."""
    built = house(live=True)
    built.sink.state("running")
    built.sink.write(make_observation(1, "happy", "sad", grey=np.full((480, 640), 40, np.uint8)))
    with closing(http.client.HTTPConnection("127.0.0.1", built.port, timeout=10)) as connection:
        connection.request("GET", "/live.stream")
        answer = connection.getresponse()
        sizes = [int.from_bytes(answer.read(4)) for _ in range(2)]
        seen, picture = (answer.read(size) for size in sizes)
        answer.close()
    found = json.loads(seen)
    assert (found["width"], found["height"]) == (640, 480)
    assert [face["emotion"] for face in found["faces"]] == ["happy", "sad"]
    face = found["faces"][0]
    assert [label for label, _, _ in face["scores"]] == list(EMOTIONS)
    assert sum(score for _, score, _ in face["scores"]) == pytest.approx(1, abs=0.05)
    plain = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    assert plain is not None
    assert plain.shape == (480, 640, 3)
    assert plain.max() < 50  # no box is drawn in


def test_colours_are_made_only_for_who_looks(house: House, make_observation: Make) -> None:
    """A source's colours that take time are converted once for all readers, and not without any."""
    built = house(live=True)
    made = []

    def convert() -> Any:
        made.append(1)
        return np.full((480, 640, 3), (0, 0, 200), np.uint8)

    seen = make_observation(1, "happy", grey=np.full((480, 640), 40, np.uint8))
    built.sink.write(replace(seen, frame=replace(seen.frame, convert=convert)))
    built.ask("/api/v1/now")
    assert made == []
    with ExitStack() as stack:
        for _ in range(2):
            connection = stack.enter_context(closing(http.client.HTTPConnection("127.0.0.1", built.port, timeout=10)))
            connection.request("GET", "/live.stream")
            answer = stack.enter_context(closing(connection.getresponse()))
            sizes = [int.from_bytes(answer.read(4)) for _ in range(2)]
            picture = [answer.read(size) for size in sizes][1]
    shown = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None
    assert shown[0, 0].tolist() == pytest.approx([0, 0, 200], abs=6)
    assert made == [1]
