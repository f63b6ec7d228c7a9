"""A moving picture gets parts that remember, single pictures parts that do not; a model that cannot work is refused."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable

import pytest
from fer_edge.build import make_classifier, make_parts, make_sink
from fer_edge.classifiers import CLASSIFIERS
from fer_edge.classifiers.fake import FakeClassifier
from fer_edge.classifiers.tta import MirrorAveraging, TestTimeAugmentation
from fer_edge.detectors.following import Following
from fer_edge.detectors.search import FullSearch
from fer_edge.errors import ModelError, SettingsError, SinkError
from fer_edge.settings import UNSET, ClassifierSettings, Settings, SmootherSettings
from fer_edge.sinks import SINKS
from fer_edge.sinks.output import output
from fer_edge.tracking.tracker import NoTracking, Tracker
from fer_edge.types import EMOTIONS, UNCERTAIN, Box, Prediction, Sink, Track


def test_a_moving_picture_is_followed_and_read_in_many_views() -> None:
    parts = make_parts(Settings(), FakeClassifier(), still=False)
    assert isinstance(parts.detector, Following)
    assert isinstance(parts.tracker, Tracker)
    assert isinstance(parts.classifier, TestTimeAugmentation)


def test_single_pictures_are_searched_whole_and_mirrored() -> None:
    classifier = FakeClassifier()
    parts = make_parts(Settings(), classifier, still=True)
    assert isinstance(parts.detector, FullSearch)
    assert isinstance(parts.tracker, NoTracking)
    assert isinstance(parts.classifier, MirrorAveraging)
    assert parts.classifier.classifier is classifier


@pytest.mark.parametrize(
    ("still", "certain", "shown"),
    [(False, UNSET, "happy"), (True, UNSET, UNCERTAIN), (True, 0.3, "happy"), (False, 0.5, UNCERTAIN)],
)
def test_single_pictures_are_named_if_surer(
    still: bool, certain: float, shown: str, make_prediction: Callable[..., Prediction]
) -> None:
    """Of a picture there is one view, of a face in a video several, so a lower probability is enough there."""
    settings = Settings(smoother=SmootherSettings(certain=certain))
    smoother = make_parts(settings, FakeClassifier(), still).smoother
    (face,), _ = smoother.update(0.0, [Track(1, Box(0, 0, 9, 9))], [make_prediction("happy", 0.4)], [])
    assert face.emotion == shown


def broken() -> list[Prediction]:
    raise RuntimeError("tensor 3 was not allocated")


def no_numbers() -> list[Prediction]:
    return [Prediction(EMOTIONS, (float("nan"),) * 7)]


@pytest.mark.parametrize(("predict", "why"), [(broken, "cannot read a face"), (no_numbers, "no probabilities")])
def test_a_model_must_read_a_face(
    predict: Callable[[], list[Prediction]], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever classifier it is, so that it does not end the loop at the first face."""

    class Broken(FakeClassifier):
        name = "mine"

        def predict(self, *_: object) -> list[Prediction]:
            return predict()

    monkeypatch.setitem(sys.modules, "mine", types.SimpleNamespace(classifier=lambda _: Broken()))  # type: ignore[arg-type]
    monkeypatch.setitem(CLASSIFIERS, "mine", "mine:classifier")
    with pytest.raises(ModelError, match=f"model mine: .*{why}"):
        make_classifier(ClassifierSettings(name="mine"))


def test_an_unknown_classifier_is_refused() -> None:
    with pytest.raises(SettingsError, match="classifier 'mine': unknown; known are tflite, fake"):
        make_classifier(ClassifierSettings(name="mine"))


def test_an_output_that_cannot_open_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any error of a user's own output is one of ours: the start says it in a line, a reload keeps the old settings."""

    def broken(settings: Settings, pause_switch: object) -> Sink:
        raise RuntimeError("no lamp")

    monkeypatch.setitem(sys.modules, "lamp", types.SimpleNamespace(open_lamp=output()(broken)))
    monkeypatch.setitem(SINKS, "lamp", "lamp:open_lamp")
    with pytest.raises(SinkError, match=r"^lamp: RuntimeError: no lamp; fix it, or leave lamp out of run\.sinks$"):
        make_sink("lamp", Settings())
