"""Every emotion has a colour of its own, also for people who see fewer colours."""

from __future__ import annotations

from itertools import combinations

import cv2
import numpy as np
import pytest
from fer_edge.drawing import palette
from fer_edge.types import EMOTIONS, UNCERTAIN

# Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of Color Vision Deficiency", 2009,
# table 1, severity 1.0; on linear light.
SEEN = {
    "all colours": np.eye(3),
    "protanopia": [[0.1523, 1.0526, -0.2049], [0.1145, 0.7863, 0.0992], [-0.0039, -0.0481, 1.0520]],
    "deuteranopia": [[0.3673, 0.8606, -0.2280], [0.2801, 0.6725, 0.0474], [-0.0118, 0.0429, 0.9689]],
    "tritanopia": [[1.2555, -0.0767, -0.1788], [-0.0784, 0.9308, 0.1476], [0.0047, 0.6914, 0.3039]],
}


@pytest.mark.parametrize("eyes", SEEN)
def test_colours_differ_for_all_eyes(eyes: str) -> None:
    lights = [palette.light(colour) for colour in (*palette.PALETTE, palette.GREY)]
    seen = np.clip(np.array(lights) @ np.array(SEEN[eyes]).T, 0, 1).astype(np.float32)
    lab = cv2.cvtColor(seen[None], cv2.COLOR_LRGB2Lab)[0]
    # A just noticeable difference is 2.3 (CIE 1976).
    assert min(np.linalg.norm(a - b) for a, b in combinations(lab, 2)) > 10


def test_labels_get_colours_in_order() -> None:
    """Labels get colours in their order and anything else grey."""
    assert [palette.colour_of(emotion) for emotion in EMOTIONS] == list(palette.PALETTE)
    assert palette.colour_of(UNCERTAIN) == palette.GREY
    assert palette.colour_of("yes", ("no", "yes")) == palette.PALETTE[1]
    many = tuple(map(str, range(20)))
    assert palette.colour_of("8", many) == palette.PALETTE[1]


def test_light_is_linear_hex_is_parsed() -> None:
    """Light is linear and text is read."""
    assert palette.from_hex("#D55e00") == palette.PALETTE[0]
    assert palette.to_hex(palette.PALETTE[0]) == "#d55e00"
    assert palette.to_hex((0, 9, 16)) == "#000910"
    assert palette.light((0, 255, 10)) == pytest.approx((0, 1, 0.003), abs=1e-3)
    assert palette.light((188, 188, 188)) == pytest.approx((0.5, 0.5, 0.5), abs=0.01)


def test_colour_is_that_of_the_emotion() -> None:
    """Whatever it is called, and in whatever order the model has its labels."""
    own = ["Anger", "Disgust", "Fear", "Happiness", "Neutral", "Sadness", "Surprised"]
    names = ["angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"]
    assert [palette.colour_of(label, own) for label in own] == [palette.colour_of(name) for name in names]
    assert palette.colour_of("happy", ["smile", "happy"]) == palette.PALETTE[1]  # beside others it is the place
    assert palette.colour_of("Happiness") == palette.GREY


def test_lamps_differ_by_more_than_brightness() -> None:
    """A lamp that follows the confidence may be dim: what is left, the shares of red, green and blue, differs."""

    def shares(colour: palette.Colour) -> np.ndarray:
        lights = np.array(palette.light(colour))
        return lights / lights.sum()

    names = (*EMOTIONS, UNCERTAIN)
    apart = {
        (one, other): np.linalg.norm(shares(palette.lamp_colour_of(one)) - shares(palette.lamp_colour_of(other)))
        for one, other in combinations(names, 2)
    }
    assert apart["sad", "neutral"] > 0.45  # 0.16 on a screen
    assert min(apart.values()) > 0.2
