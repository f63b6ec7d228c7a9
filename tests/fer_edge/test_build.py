"""A moving picture gets parts that remember, single pictures parts that do not."""

from __future__ import annotations

from fer_edge.build import make_parts
from fer_edge.classifiers.fake import FakeClassifier
from fer_edge.classifiers.tta import TestTimeAugmentation
from fer_edge.detectors.following import Following
from fer_edge.detectors.search import FullSearch
from fer_edge.settings import Settings
from fer_edge.tracking.tracker import NoTracking, Tracker


def test_a_moving_picture_is_followed_and_read_in_many_views() -> None:
    parts = make_parts(Settings(), FakeClassifier(), still=False)
    assert isinstance(parts.detector, Following)
    assert isinstance(parts.tracker, Tracker)
    assert isinstance(parts.classifier, TestTimeAugmentation)


def test_single_pictures_are_searched_whole_and_read_as_they_are() -> None:
    classifier = FakeClassifier()
    parts = make_parts(Settings(), classifier, still=True)
    assert isinstance(parts.detector, FullSearch)
    assert isinstance(parts.tracker, NoTracking)
    assert parts.classifier is classifier
