"""Labels are steady: noise does not change them, a real change does, in a time that is set in seconds."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fer_edge.settings import SmootherSettings
from fer_edge.tracking.smoother import Smoother
from fer_edge.types import UNCERTAIN, Box, Prediction, Track

TRACK = Track(1, Box(0, 0, 10, 10))


def changes(predictions: list[Prediction], fps: float, settings: SmootherSettings) -> list[float]:
    """The times, in seconds, at which the label of one face changed."""
    smoother, times = Smoother(settings), []
    for number, prediction in enumerate(predictions):
        _, events = smoother.update(number / fps, [TRACK], [prediction], [])
        times += [number / fps for event in events if event.kind == "changed"]
    return times


def test_first_prediction_is_shown(make_prediction: Callable[..., Prediction]) -> None:
    """The first prediction is shown in its own frame."""
    faces, events = Smoother(SmootherSettings()).update(0.0, [TRACK], [make_prediction("sad", 0.9)], [])
    assert (faces[0].emotion, faces[0].confidence) == ("sad", 0.9)
    assert [(event.kind, event.face) for event in events] == [("came", faces[0])]


def test_a_single_odd_frame_changes_nothing(make_prediction: Callable[..., Prediction]) -> None:
    predictions = [make_prediction("happy" if number != 20 else "fear") for number in range(50)]
    assert changes(predictions, 25, SmootherSettings()) == []


def test_wavering_label_settles(make_prediction: Callable[..., Prediction]) -> None:
    """A label that changes in every frame settles."""
    predictions = [make_prediction("happy" if number % 2 else "neutral", 0.5) for number in range(500)]
    assert len(changes(predictions, 25, SmootherSettings())) <= 1


@pytest.mark.parametrize("fps", [5, 25, 100])
def test_change_is_shown_in_time(fps: int, make_prediction: Callable[..., Prediction]) -> None:
    """A real change is shown after about half a second, at any frame rate."""
    predictions = [make_prediction("happy" if number < 2 * fps else "surprise") for number in range(5 * fps)]
    (when,) = changes(predictions, fps, SmootherSettings())
    assert 2.0 < when <= 2.6 + 1 / fps


def test_no_averaging_shows_each_frame(make_prediction: Callable[..., Prediction]) -> None:
    """Without averaging every frame's label is shown."""
    predictions = [make_prediction(emotion) for emotion in ("happy", "sad", "happy")]
    assert changes(predictions, 25, SmootherSettings(seconds=0, margin=0, hold_seconds=0)) == [0.04, 0.08]


def test_each_change_restarts_the_hold(make_prediction: Callable[..., Prediction]) -> None:
    """However fast the predictions flip, every label is shown for as long as the settings say."""
    predictions = [make_prediction("sad" if number // 3 % 2 else "happy") for number in range(50)]
    settings = SmootherSettings(seconds=0, margin=0, hold_seconds=0.5)
    assert changes(predictions, 25, settings) == [0.6, 1.2, 1.8]


@pytest.mark.parametrize(
    ("levels", "shown"),
    [
        ((0.9, 0.1, 0.9, 0.9, 0.9), ("happy", UNCERTAIN, UNCERTAIN, "happy", "happy")),
        ((0.1, 0.9, 0.1, 0.1, 0.1), (UNCERTAIN, "happy", "happy", UNCERTAIN, UNCERTAIN)),
    ],
)
def test_uncertain_is_held_too(
    levels: tuple[float, ...], shown: tuple[str, ...], make_prediction: Callable[..., Prediction]
) -> None:
    """What becomes certain, and what no longer is, is shown for as long as a label, and not a frame longer."""
    smoother = Smoother(SmootherSettings(seconds=0, hold_seconds=0.5, certain=0.5, margin=0.1))
    for number, (level, wanted) in enumerate(zip(levels, shown, strict=True)):
        time = 0.25 * number + (0.25 if number else 0)  # 0, 0.5, 0.75, 1 and 1.25 seconds
        (face,), _ = smoother.update(time, [TRACK], [Prediction(("happy", "sad"), (level, 0.0))], [])
        assert face.emotion == wanted


def test_first_predictions_weigh_the_same(make_prediction: Callable[..., Prediction]) -> None:
    """The first predictions are averaged with equal weight."""
    smoother = Smoother(SmootherSettings())
    for number, share in enumerate((0.4, 0.6, 0.8)):
        (face,), _ = smoother.update(number / 100, [TRACK], [make_prediction("happy", share)], [])
    assert face.confidence == pytest.approx(0.6)


def test_frame_prediction_is_kept(make_prediction: Callable[..., Prediction]) -> None:
    """A face has the frame's own prediction beside the smoothed label."""
    smoother = Smoother(SmootherSettings())
    for number in range(25):
        smoother.update(number / 25, [TRACK], [make_prediction("happy", 0.9)], [])
    (face,), _ = smoother.update(1.0, [TRACK], [make_prediction("fear", 0.8)], [])
    assert (face.emotion, face.prediction.emotion, face.prediction.score("fear")) == ("happy", "fear", 0.8)
    assert 0.8 < face.confidence < 0.9


def test_gone_face_is_forgotten(make_prediction: Callable[..., Prediction]) -> None:
    """A face that is gone leaves no state behind."""
    smoother = Smoother(SmootherSettings())
    smoother.update(0.0, [TRACK], [make_prediction("happy")], [])
    faces, events = smoother.update(1.0, [], [], {1})
    assert faces == ()
    assert [(event.kind, event.face.id) for event in events] == [("gone", 1)]
    assert smoother.update(1.1, [TRACK], [make_prediction("sad")], [])[1][0].kind == "came"


def test_stopped_clock_is_harmless(make_prediction: Callable[..., Prediction]) -> None:
    """Frames with the same time are averaged without an error."""
    smoother = Smoother(SmootherSettings())
    for _ in range(3):
        faces, _ = smoother.update(5.0, [TRACK], [make_prediction("happy")], [])
    assert faces[0].emotion == "happy"


def test_improbable_labels_are_uncertain(
    make_prediction: Callable[..., Prediction],
) -> None:
    """A face is uncertain while no label is probable, and until one is by the margin."""
    settings = SmootherSettings(certain=0.5, margin=0.1, seconds=0, hold_seconds=0.2)
    levels = [0.8] * 10 + [0.45] * 10 + [0.55] * 10 + [0.65] * 10
    smoother, shown = Smoother(settings), list[str]()
    for number, level in enumerate(levels):
        (face,), events = smoother.update(number / 25, [TRACK], [make_prediction("happy", level)], [])
        shown.append(face.emotion)
        assert face.confidence == pytest.approx(level)
        assert [event.face.emotion for event in events if event.kind == "changed"] == (
            [face.emotion] if number and shown[-2] != face.emotion else []
        )
    assert shown == ["happy"] * 10 + [UNCERTAIN] * 20 + ["happy"] * 10


def test_uncertain_may_become_another_label(
    make_prediction: Callable[..., Prediction],
) -> None:
    """The first prediction may be uncertain, and another emotion may become certain after it."""
    smoother = Smoother(SmootherSettings(seconds=0, hold_seconds=0))
    (face,), _ = smoother.update(0.0, [TRACK], [make_prediction("sad", 0.2)], [])
    assert face.emotion == UNCERTAIN
    (face,), _ = smoother.update(0.1, [TRACK], [make_prediction("fear", 0.7)], [])
    assert face.emotion == "fear"


def test_an_uncertain_face_needs_no_margin() -> None:
    """What leads is shown as soon as it is certain: there is no label that it would have to beat."""
    smoother = Smoother(SmootherSettings(seconds=0, margin=0.12, hold_seconds=0, certain=0.25))
    labels = ("happy", "sad", "fear", "neutral")
    (face,), _ = smoother.update(0.0, [TRACK], [Prediction(labels, (0.24, 0.22, 0.22, 0.22))], [])
    assert face.emotion == UNCERTAIN
    (face,), _ = smoother.update(0.04, [TRACK], [Prediction(labels, (0.27, 0.38, 0.2, 0.15))], [])
    assert (face.emotion, face.confidence) == ("sad", 0.38)


def test_an_uncertain_lead_starts_no_hold(make_prediction: Callable[..., Prediction]) -> None:
    """Another label that leads without being shown does not keep the next one from being shown."""
    smoother = Smoother(SmootherSettings(seconds=0, hold_seconds=0.5, certain=0.5))
    for time, emotion, level in ((0.0, "happy", 0.4), (0.6, "sad", 0.4), (0.7, "fear", 0.9)):
        (face,), _ = smoother.update(time, [TRACK], [make_prediction(emotion, level)], [])
    assert face.emotion == "fear"


def test_full_certainty_is_enough(make_prediction: Callable[..., Prediction]) -> None:
    """With 1 as the least that is certain, what the network is all sure of is shown."""
    smoother = Smoother(SmootherSettings(seconds=0, margin=0, hold_seconds=0, certain=1))
    for number, emotion in enumerate(("sad", "sad", "fear")):
        (face,), _ = smoother.update(number / 25, [TRACK], [make_prediction(emotion, 1.0)], [])
        assert face.emotion == emotion


def test_new_settings_keep_the_faces(make_prediction: Callable[..., Prediction]) -> None:
    smoother = Smoother(SmootherSettings(seconds=0, hold_seconds=60))
    smoother.update(0.0, [TRACK], [make_prediction("happy")], [])
    smoother.reconfigure(SmootherSettings(seconds=0, hold_seconds=0))
    (face,), events = smoother.update(0.04, [TRACK], [make_prediction("sad")], [])
    assert (face.emotion, [event.kind for event in events]) == ("sad", ["changed"])


def test_threshold_zero_is_never_uncertain(make_prediction: Callable[..., Prediction]) -> None:
    """With a threshold of zero every face has a label."""
    smoother = Smoother(SmootherSettings(certain=0))
    (face,), _ = smoother.update(0.0, [TRACK], [make_prediction("sad", 0.15)], [])
    assert face.emotion == "sad"
