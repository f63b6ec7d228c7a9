"""Identities last while a face is there, survive a short absence, and are never given twice."""

from __future__ import annotations

import math

import pytest
from fer_edge.settings import TrackerSettings
from fer_edge.tracking.tracker import NoTracking, Tracker, distance, iou
from fer_edge.types import Box
from hypothesis import given
from hypothesis import strategies as st

LEFT, RIGHT = Box(0, 0, 100, 100), Box(300, 0, 100, 100)
boxes = st.builds(Box, st.integers(-50, 600), st.integers(-50, 400), st.integers(1, 300), st.integers(1, 300))


def ids(tracks: list[tuple[int, Box]]) -> list[int]:
    return [track[0] for track in tracks]


def test_overlap_is_a_share() -> None:
    assert iou(LEFT, LEFT) == 1
    assert iou(LEFT, RIGHT) == 0
    assert iou(Box(0, 0, 10, 10), Box(5, 0, 10, 10)) == 50 / 150
    assert iou(Box(0, 0, 2, 2), Box(1, 0, 2, 2)) == iou(Box(0, 0, 2, 2), Box(0, 1, 2, 2)) == 2 / 6


@given(boxes, boxes)
def test_iou_is_symmetric(a: Box, b: Box) -> None:
    """Intersection over union is symmetric, and from 0 to 1."""
    assert iou(a, b) == iou(b, a)
    assert 0 <= iou(a, b) <= 1


def test_distance_is_in_sides() -> None:
    assert distance(LEFT, LEFT) == 0
    assert distance(LEFT, RIGHT) == distance(RIGHT, LEFT) == 3
    assert distance(Box(0, 0, 100, 100), Box(30, 40, 80, 80)) == pytest.approx(math.hypot(20, 30) / 100)
    assert distance(LEFT, Box(0, 0, 151, 151)) == math.inf


@pytest.mark.parametrize(("fps", "sides"), [(1, 2.4), (2, 2.4), (5, 1.1), (8, 0.74), (0.1, 2.4)])
def test_walker_keeps_its_identity_in_rare_frames(fps: float, sides: float) -> None:
    """It moved too far to overlap; another person who stands there is not mixed up with it."""
    tracker = Tracker(TrackerSettings(hold_seconds=0.1))
    standing = Box(0, 400, 100, 100)
    for step in range(12):
        walking = Box(round(100 * sides * step), 0, 100, 100)
        tracks, gone = tracker.update(step / fps, [standing, walking])
        assert {track.id: track.box for track in tracks} == {1: standing, 2: walking}
        assert not gone


@pytest.mark.parametrize(
    ("fps", "sides"), [(25, 0.9), (10, 0.9), (8, 0.9), (5, 1.3), (1, 2.6), (0.1, 2.6)], ids=lambda value: str(value)
)
def test_other_place_is_another_face(fps: float, sides: float) -> None:
    """Further than a face moves in that time, or at all between fast frames, it is another."""
    tracker = Tracker(TrackerSettings(hold_seconds=0.01))
    tracker.update(0.0, [LEFT])
    tracks, gone = tracker.update(1 / fps, [Box(round(100 * sides), 0, 100, 100)])
    assert (ids(tracks), gone) == ([2], {1})


def test_nearest_is_matched_first() -> None:
    """In a slow frame two who moved alike keep their ids; one of another size is another."""
    tracker = Tracker(TrackerSettings())
    tracker.update(0.0, [Box(0, 0, 100, 100), Box(300, 0, 100, 100), Box(0, 500, 60, 60)])
    tracks, _ = tracker.update(1.0, [Box(390, 0, 100, 100), Box(90, 0, 100, 100), Box(100, 500, 100, 100)])
    assert ids(tracks) == [2, 1, 4]


def test_hits_must_be_in_a_row() -> None:
    """A face counts from its second frame in a row."""
    tracker = Tracker(TrackerSettings(hits=2))
    assert tracker.update(0.0, [LEFT]) == ([], set())
    tracks, gone = tracker.update(0.04, [LEFT])
    assert (ids(tracks), gone) == ([1], set())


def test_face_counts_after_hits() -> None:
    """A face counts after `hits` frames."""
    tracker = Tracker(TrackerSettings(hits=4))
    assert [ids(tracker.update(number / 25, [LEFT])[0]) for number in range(5)] == [[], [], [], [1], [1]]


def test_a_single_false_alarm_never_counts() -> None:
    tracker = Tracker(TrackerSettings(hits=2))
    for number in range(10):
        tracks, gone = tracker.update(number / 25, [LEFT] if number % 2 else [RIGHT])
        assert not tracks
        assert not gone


def test_moving_faces_keep_their_identities() -> None:
    tracker = Tracker(TrackerSettings(hits=1))
    for step in range(60):
        a, b = Box(5 * step, 0, 100, 100), Box(600 - 5 * step, 150, 100, 100)
        tracks, _ = tracker.update(step / 25, [a, b] if step % 2 else [b, a])
        assert {track.id: track.box for track in tracks} == ({1: b, 2: a})


def test_close_faces_keep_their_ids() -> None:
    """Each box goes to the face that it overlaps most, also where it overlaps another's enough."""
    tracker = Tracker(TrackerSettings(hits=1))
    tracker.update(0.0, [Box(0, 0, 100, 100), Box(50, 0, 100, 100)])
    tracks, gone = tracker.update(0.04, [Box(2, 0, 100, 100), Box(52, 0, 100, 100)])
    assert (ids(tracks), gone) == ([1, 2], set())


def test_a_box_is_the_nearest_face() -> None:
    """Where one of two faces is gone, the box that is left belongs to the one that it overlaps most."""
    tracker = Tracker(TrackerSettings(hits=1))
    tracker.update(0.0, [Box(0, 0, 100, 100), Box(50, 0, 100, 100)])
    assert ids(tracker.update(0.04, [Box(2, 0, 100, 100)])[0]) == [1]
    assert ids(tracker.update(0.08, [Box(48, 0, 100, 100)])[0]) == [2]


def test_the_hold_begins_when_last_seen() -> None:
    """However long a face was there, it may hide for as long as the settings say."""
    tracker = Tracker(TrackerSettings(hits=1, hold_seconds=0.5))
    for number in range(5):
        tracker.update(number / 4, [LEFT])
    assert tracker.update(1.25, []) == ([], set())
    assert tracker.update(1.5, []) == ([], {1})


def test_two_boxes_are_two_faces() -> None:
    """Also where both overlap the one face that was known: the nearer box is that face, the other a new one."""
    tracker = Tracker(TrackerSettings(hits=1))
    tracker.update(0.0, [LEFT])
    assert ids(tracker.update(0.04, [Box(30, 0, 100, 100), Box(-10, 0, 100, 100)])[0]) == [2, 1]


def test_face_may_move_half_its_width() -> None:
    """And a little more: at 60 % a quarter of what both boxes cover is shared; what jumps farther is another face."""
    for step, wanted in ((60, [1]), (61, [2])):
        tracker = Tracker(TrackerSettings(hits=1))
        tracker.update(0.0, [LEFT])
        assert ids(tracker.update(0.04, [Box(step, 0, 100, 100)])[0]) == wanted


def test_the_hold_ends_on_time() -> None:
    """A face that was not found for as long as the settings say is gone, not a frame later."""
    tracker = Tracker(TrackerSettings(hits=1, hold_seconds=0.5))
    tracker.update(1.0, [LEFT])
    assert tracker.update(1.25, []) == ([], set())
    assert tracker.update(1.5, []) == ([], {1})


def test_hidden_face_keeps_its_id() -> None:
    """A face that is hidden for a moment keeps its id."""
    tracker = Tracker(TrackerSettings(hits=1, hold_seconds=0.5))
    tracker.update(0.0, [LEFT])
    assert tracker.update(0.4, []) == ([], set())
    assert ids(tracker.update(0.45, [LEFT])[0]) == [1]


def test_ids_are_not_reused() -> None:
    """A face that stays away is gone once, and its id is not used again."""
    tracker = Tracker(TrackerSettings(hits=1, hold_seconds=0.5))
    tracker.update(0.0, [LEFT])
    assert tracker.update(0.6, []) == ([], {1})
    assert tracker.update(0.7, []) == ([], set())
    assert ids(tracker.update(0.8, [LEFT])[0]) == [2]


def test_new_settings_keep_the_ids() -> None:
    tracker = Tracker(TrackerSettings(hits=1, hold_seconds=0.5))
    tracker.update(0.0, [LEFT])
    tracker.reconfigure(TrackerSettings(hits=2, hold_seconds=2))
    assert tracker.update(1.0, [RIGHT]) == ([], set())
    assert ids(tracker.update(1.04, [LEFT, RIGHT])[0]) == [1, 2]


def test_single_pictures_have_new_ids() -> None:
    """In single pictures every face is new."""
    tracker = NoTracking()
    assert tracker.update(0.0, [LEFT, RIGHT]) == ([(1, LEFT), (2, RIGHT)], set())
    assert tracker.update(1.0, []) == ([], {1, 2})
    assert tracker.update(2.0, [LEFT]) == ([(3, LEFT)], set())
    assert tracker.update(3.0, [LEFT]) == ([(4, LEFT)], {3})


@given(st.lists(st.lists(boxes, max_size=4), max_size=12))
def test_ids_are_unique_and_final(frames: list[list[Box]]) -> None:
    """Each box has at most one id, and an id that is gone never comes back."""
    tracker = Tracker(TrackerSettings(hits=1, hold_seconds=0.1))
    dead: set[int] = set()
    for number, found in enumerate(frames):
        tracks, gone = tracker.update(number / 25, found)
        assert len(set(ids(tracks))) == len(tracks) == len(found)
        assert not dead & set(ids(tracks))
        assert not dead & gone
        dead |= gone
