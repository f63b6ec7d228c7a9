"""A moving picture gets parts that remember, single pictures parts that do not."""

from __future__ import annotations

from edge.build import make_parts
from edge.classifiers.fake import FakeClassifier
from edge.detectors.following import Following
from edge.detectors.search import Thorough
from edge.glances import Glances
from edge.settings import Settings
from edge.tracker import Strangers, Tracker


def test_a_moving_picture_is_followed_and_read_in_many_views() -> None:
    parts = make_parts(Settings(), FakeClassifier(), still=False)
    assert isinstance(parts.detector, Following)
    assert isinstance(parts.tracker, Tracker)
    assert isinstance(parts.classifier, Glances)


def test_single_pictures_are_searched_whole_and_read_as_they_are() -> None:
    classifier = FakeClassifier()
    parts = make_parts(Settings(), classifier, still=True)
    assert isinstance(parts.detector, Thorough)
    assert isinstance(parts.tracker, Strangers)
    assert parts.classifier is classifier
