"""Covered, dead and frozen cameras are told from ones that look at a dark or a still room."""

from __future__ import annotations

import numpy as np
import pytest
from fer_edge.sources.camera_health import CameraHealth
from fer_edge.types import Pixels

NUMBERS = np.random.default_rng(5)


def still(low: int, high: int, noise: int) -> list[Pixels]:
    """Twenty seconds at 2 frames a second of a room in which nothing moves."""
    room = NUMBERS.integers(low, high + 1, (480, 640)).astype(np.int16)
    return [np.clip(room + NUMBERS.integers(-noise, noise + 1, room.shape), 0, 255).astype(np.uint8) for _ in range(40)]


def troubles(pictures: list[Pixels], patience: float = 4.0) -> list[tuple[float, str]]:
    camera_health = CameraHealth(patience)
    told = [(number / 2, camera_health.trouble(grey, number / 2)) for number, grey in enumerate(pictures)]
    return [(now, words) for now, words in told if words]


@pytest.mark.parametrize(("low", "high", "noise"), [(40, 200, 1), (0, 6, 2), (128, 128, 3)])
def test_a_still_room_a_dark_one_and_a_bare_wall_are_no_trouble(low: int, high: int, noise: int) -> None:
    assert not troubles(still(low, high, noise))


@pytest.mark.parametrize(
    ("shade", "words"),
    [(0, "was black"), (16, "was black"), (128, "was of one shade (128 of 255)"), (255, "one shade (255")],
)
def test_a_single_shade_is_trouble_after_the_patience(shade: int, words: str) -> None:
    told = troubles([np.full((480, 640), shade, np.uint8)] * 20)
    assert told[0][0] == 4.0
    assert words in told[0][1]


@pytest.mark.parametrize("begin", [-500.0, 90_000.0])
def test_the_clocks_zero_does_not_matter(begin: float) -> None:
    """A clock may count from the computer's start: what counts is how long nothing was seen."""
    camera_health, dark = CameraHealth(4.0), np.zeros((48, 64), np.uint8)
    assert [bool(camera_health.trouble(dark, begin + second)) for second in range(6)] == [False] * 4 + [True] * 2


def test_a_reset_forgets_the_dark() -> None:
    """Else a camera that cannot be opened would be waited for as long as one in a dark night."""
    camera_health = CameraHealth(4.0)
    camera_health.trouble(np.zeros((48, 64), np.uint8), 0.0)
    assert camera_health.flat
    camera_health.reset()
    assert not camera_health.flat


def test_the_same_picture_over_and_over_is_trouble() -> None:
    told = troubles([still(0, 255, 0)[0]] * 20)
    assert told[0] == (4.0, "every picture for 4 s was the same to the last bit")


def test_a_source_that_uses_its_memory_again_is_not_taken_for_frozen() -> None:
    memory, camera_health = np.empty((480, 640), np.uint8), CameraHealth(4.0)
    for number, grey in enumerate(still(0, 255, 3)):
        memory[:] = grey
        assert not camera_health.trouble(memory, number / 2)


def test_after_a_reset_two_pictures_are_needed_to_say_that_it_sees() -> None:
    first, second, *_ = still(0, 255, 3)
    camera_health = CameraHealth(4.0)
    camera_health.trouble(first, 0.0)
    camera_health.trouble(second, 0.5)
    assert camera_health.sees
    camera_health.reset()
    assert not camera_health.sees
    camera_health.trouble(first, 1.0)
    assert not camera_health.sees
    camera_health.trouble(second, 1.5)
    assert camera_health.sees


def test_a_single_shade_with_a_little_noise_is_trouble_too() -> None:
    noisy = [NUMBERS.integers(15, 18, (480, 640), np.uint8) for _ in range(20)]
    assert "was black" in troubles(noisy)[0][1]


def test_at_a_low_rate_one_dark_picture_is_no_trouble() -> None:
    camera_health, dark = CameraHealth(4.0), np.zeros((48, 64), np.uint8)
    assert [bool(camera_health.trouble(dark, now)) for now in (0.0, 10.0, 20.0)] == [False, False, True]


def test_a_blink_at_a_low_rate_is_no_trouble() -> None:
    """After pictures that showed something, too, three dark ones in a row are needed."""
    camera_health, dark = CameraHealth(4.0), np.zeros((480, 640), np.uint8)
    pictures = [*still(0, 255, 3)[:2], dark, dark, dark]
    assert [bool(camera_health.trouble(grey, 10.0 * k)) for k, grey in enumerate(pictures)] == [False] * 4 + [True]


def test_a_picture_smaller_than_the_grid_is_looked_at_too() -> None:
    camera_health, dot = CameraHealth(0.0), np.zeros((1, 1), np.uint8)
    assert [camera_health.trouble(dot, 0.0) for _ in range(4)][-1].startswith("every picture for 0 s was black")
