"""Ready with the first frame; signs of life once a second, from frames and from those who wait alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from fer_edge.service.watchdog import Watchdog, status
from fer_edge.types import Box, Face, Observation, Prediction

Make = Callable[..., Observation]


class Manager:
    """Notes what it is told, on a clock that only tests move."""

    def __init__(self, watchdog: float = 30.0, longest: float = 5.0) -> None:
        self.now = 0.0
        self.told: list[dict[str, str]] = []
        self.watchdog = Watchdog(self.listen, watchdog, longest, lambda: self.now)

    def listen(self, variables: Mapping[str, str]) -> None:
        self.told.append(dict(variables))


def test_it_is_ready_with_the_first_frame_and_not_before(make_observation: Make) -> None:
    manager = Manager()
    manager.watchdog.state("starting")
    assert manager.told == []
    manager.watchdog.write(make_observation(0))
    manager.watchdog.write(make_observation(1))
    assert manager.told == [{"READY": "1", "STATUS": "running: test", "WATCHDOG": "1"}]


def test_a_thousand_frames_a_second_give_one_message_a_second(make_observation: Make) -> None:
    manager = Manager()
    for number in range(5001):
        manager.now = number / 1000
        manager.watchdog.write(make_observation(number, "happy"))
    assert len(manager.told) == 6
    assert manager.told[-1] == {"STATUS": "1000.0 fps, 1 face, happy 70 %", "WATCHDOG": "1"}


def test_no_frame_no_sign_of_life(make_observation: Make) -> None:
    manager = Manager()
    manager.watchdog.write(make_observation(0))
    manager.now = 100.0
    assert len(manager.told) == 1
    manager.watchdog.waiting()
    manager.watchdog.waiting()
    assert manager.told[1:] == [{"WATCHDOG": "1"}]


def test_a_pause_and_a_loss_are_said(make_observation: Make) -> None:
    manager = Manager()
    manager.watchdog.write(make_observation(0))
    for state in ("paused", "running", "lost"):
        manager.watchdog.state(state)  # type: ignore[arg-type]
    manager.watchdog.close()
    words = [told.get("STATUS", "") for told in manager.told[1:]]
    assert words == [
        "paused: the camera is off until it is resumed",
        "the camera is lost, and being opened again",
        "ending",
    ]
    assert manager.told[-1]["STOPPING"] == "1"


@pytest.mark.parametrize(("watchdog", "longest", "asked"), [(30.0, 5.0, None), (30.0, 65.0, "195000000"), (0, 9, None)])
def test_the_watchdog_outlasts_the_longest_frame_that_settings_allow(
    watchdog: float, longest: float, asked: str | None, make_observation: Make
) -> None:
    manager = Manager(watchdog, longest)
    manager.watchdog.write(make_observation(0))
    assert manager.told[0].get("WATCHDOG_USEC") == asked
    manager.now = 1.0
    manager.watchdog.write(make_observation(1))
    assert "WATCHDOG_USEC" not in manager.told[1]


def test_a_short_watchdog_is_fed_more_often(make_observation: Make) -> None:
    manager = Manager(watchdog=2.0, longest=0.1)
    for number in range(11):
        manager.now = number / 10
        manager.watchdog.write(make_observation(number))
    assert len(manager.told) == 3


def test_without_a_manager_nothing_happens(make_observation: Make) -> None:
    quiet = Watchdog(None)
    quiet.write(make_observation(0))
    quiet.state("paused")
    quiet.waiting()
    quiet.close()


def test_the_status_is_about_the_largest_face(
    make_observation: Make, make_prediction: Callable[..., Prediction]
) -> None:
    assert status(24.96, make_observation(0)) == "25.0 fps, nobody there"
    faces = (
        Face(1, Box(0, 0, 50, 50), "sad", 0.5, make_prediction()),
        Face(2, Box(0, 0, 90, 90), "happy", 0.934, make_prediction()),
    )
    observation = Observation(make_observation(0).frame, faces, ())
    assert status(23.9, observation) == "23.9 fps, 2 faces, happy 93 %"
