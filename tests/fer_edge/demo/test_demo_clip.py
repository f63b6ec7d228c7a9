from __future__ import annotations

import hashlib
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest
from fer_edge.demo import PORTRAIT, clip
from fer_edge.demo.clip import FPS, HEIGHT, LENGTH, WIDTH, Clip
from fer_edge.errors import SourceError
from fer_edge.sources import open_source
from fer_edge.types import Pixels


@pytest.fixture(scope="module")
def drawn() -> Clip:
    return Clip()


def faces(picture: Pixels) -> int:
    """How many faces OpenCV's cascade sees."""
    cascade = cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / "haarcascade_frontalface_alt2.xml"))
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    return len(cascade.detectMultiScale(grey, 1.1, 4, minSize=(28, 28)))


def test_portrait_names_its_source() -> None:
    """The portrait is small, and its source is stated beside it."""
    assert PORTRAIT.stat().st_size < 100_000
    assert "public domain" in PORTRAIT.with_name("README.md").read_text()


def test_length() -> None:
    assert 20 <= LENGTH / FPS < 30


def test_two_runs_see_the_same_pixels(drawn: Clip) -> None:
    def digest(of: Clip) -> str:
        return hashlib.sha256(b"".join(of.draw(number).tobytes() for number in range(0, LENGTH, 25))).hexdigest()

    assert digest(drawn) == digest(Clip())
    first = drawn.draw(0)
    drawn.draw(300)
    assert (drawn.draw(0) == first).all()


@pytest.mark.parametrize(
    ("second", "expected"),
    [(0, 1), (3, 1), (7, 1), (10.8, 0), (13.5, 1), (16.5, 2), (19.5, 1), (22.5, 1), (23.8, 0)],
)
def test_faces_come_and_go(drawn: Clip, second: float, expected: int) -> None:
    assert faces(drawn.draw(round(second * FPS))) == expected


def test_light_dims_and_returns(drawn: Clip) -> None:
    bright, dim, again = (drawn.draw(round(second * FPS)).mean() for second in (4.9, 7, 9.1))
    assert dim < 0.35 * bright
    assert again == pytest.approx(bright, rel=0.05)


@pytest.mark.slow
def test_every_frame_can_be_drawn(drawn: Clip) -> None:
    for number in range(0, LENGTH, 3):
        picture = drawn.draw(number)
        assert picture.shape == (HEIGHT, WIDTH, 3)
        assert picture.dtype == np.uint8


def test_source() -> None:
    source, _ = open_source("demo")
    with closing(source):
        frames = [frame for frame, _ in zip(source, range(3), strict=False)]
        assert not source.still
    assert [frame.number for frame in frames] == [0, 1, 2]
    assert [frame.time for frame in frames] == [0.0, 1 / FPS, 2 / FPS]
    assert (frames[2].taken - frames[0].taken).total_seconds() == pytest.approx(2 / FPS)
    assert frames[0].taken.tzinfo is not None
    assert frames[0].grey.shape == (HEIGHT, WIDTH)
    assert frames[0].colour is not None
    assert frames[0].source == "demo"
    source.close()
    assert list(source) == []


def test_portrait_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip, "PORTRAIT", PORTRAIT.with_name("gone.jpg"))
    with pytest.raises(SourceError, match=r"gone\.jpg is missing or damaged; install fer-edge again"):
        Clip()
