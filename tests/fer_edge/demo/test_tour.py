"""The tour shows everything that outputs can show, in a minute, and says that it is invented."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
from fer_edge.build import for_source, make_classifier, make_detector, make_parts
from fer_edge.demo import tour
from fer_edge.settings import Settings
from fer_edge.types import EMOTIONS, INVENTED_SOURCE, UNCERTAIN, Box, Frame

ROUND = [number / tour.FPS for number in range(round(tour.LENGTH_S * tour.FPS))]


def frame(second: float, source: str = INVENTED_SOURCE) -> Frame:
    return Frame(
        round(second * tour.FPS), second, datetime.now(UTC), np.zeros((tour.HEIGHT, tour.WIDTH), np.uint8), source
    )


def test_nobody_to_eight_people() -> None:
    counts = {len(tour.boxes(second)) for second in ROUND}
    assert counts == set(range(9))


def test_all_emotions_and_uncertain_are_shown() -> None:
    """Through the loop's own parts, as outputs get them, with the usual settings."""
    settings = for_source(Settings(), "tour")
    parts = make_parts(settings, make_classifier(settings.classifier), still=False)
    shown, most, ids = set(), 0, set()
    for second in ROUND:
        boxes = parts.detector.detect(frame(second))
        tracks, gone = parts.tracker.update(second, boxes)
        predictions = parts.classifier.predict(np.zeros((9, 9), np.uint8), [track.box for track in tracks])
        faces, _ = parts.smoother.update(second, tracks, predictions, gone)
        shown |= {face.emotion for face in faces}
        ids |= {face.id for face in faces}
        most = max(most, len(faces))
    assert shown == {*EMOTIONS, UNCERTAIN}
    assert (most, len(ids)) == (8, len(tour.PEOPLE))  # who crosses keeps their number


def test_somebody_crosses() -> None:
    """Two people's boxes overlap for a while, and stand the other way round afterwards."""
    before, after = ([box.x for box in tour.boxes(second)] for second in (14.0, 20.0))
    assert len(before) == len(after) == 2
    overlaps = [boxes for boxes in map(tour.boxes, ROUND[375:475]) if abs(boxes[0].x - boxes[1].x) < boxes[1].width / 2]
    assert overlaps


def test_pictures_say_what_they_are() -> None:
    """Each picture has the label, also with eight people in it."""
    empty, full = tour.draw(0.0), tour.draw(36.0)
    where = (slice(10, 44), slice(10, 560))
    assert (empty[where].min(axis=2) < 100).sum() > 500
    assert ((full[where].min(axis=2) < 100) >= (empty[where].min(axis=2) < 100)).all()


def test_other_pictures_have_no_faces() -> None:
    """What is sent to a kiosk meanwhile is not the tour's, and of a plain box nothing is said."""
    settings = for_source(Settings(), "tour")
    assert make_detector(settings.detector, still=True).detect(frame(36.0, "picture")) == []
    (prediction,) = make_classifier(settings.classifier).predict(np.zeros((9, 9), np.uint8), [Box(0, 0, 9, 9)])
    assert set(prediction.scores) == {1 / 7}


def test_other_sources_are_read() -> None:
    settings = Settings()
    assert for_source(settings, "demo") is settings
    assert for_source(replace(settings), "tour") != settings
