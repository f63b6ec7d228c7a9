"""A model file that changes is noticed, and a model that fails, at once or later, costs no prediction."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from fer_edge.classifiers import cards
from fer_edge.classifiers.cards import load_card, models_folder
from fer_edge.classifiers.fake import FakeClassifier
from fer_edge.errors import ModelError
from fer_edge.service.model_install import install_model
from fer_edge.service.model_update import (
    FILES_POLL_INTERVAL_S,
    TRIAL_PREDICTIONS,
    ModelWatcher,
    WithFallback,
    load_model,
)
from fer_edge.settings import ClassifierSettings
from fer_edge.types import EMOTIONS, Box, Pixels, Prediction

NAME = "mini_xception-int8"
SETTINGS = ClassifierSettings(model=NAME)
GREY = np.full((48, 48), 100, np.uint8)
BOX = Box(0, 0, 48, 48)


class Moody:
    """Reads `good` faces, then does what `then` does."""

    name = identity = "moody"
    labels = EMOTIONS

    def __init__(self, good: int, then: Callable[[], list[Prediction]]) -> None:
        self._good, self._then = good, then

    def predict(self, grey: Pixels, boxes: Sequence[Box]) -> list[Prediction]:
        self._good -= 1
        return FakeClassifier().predict(grey, boxes) if self._good >= 0 else self._then()


def broken() -> list[Prediction]:
    raise RuntimeError("tensor 3 was not allocated")


def no_numbers() -> list[Prediction]:
    return [Prediction(EMOTIONS, (float("nan"),) * 7)]


def on_trial(new: Moody) -> WithFallback:
    """`new`, beside the fake classifier."""
    model = WithFallback(FakeClassifier())
    model.swap(new)
    return model


@pytest.mark.parametrize(("then", "why"), [(broken, "tensor 3 was not"), (no_numbers, "no probabilities")])
def test_a_later_failure_costs_no_prediction(
    then: Callable[[], list[Prediction]], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    trial = on_trial(Moody(3, then))
    assert trial.name == "moody"
    assert [trial.predict(GREY, [BOX])[0].emotion for _ in range(9)] == ["fear"] * 9
    assert trial.name == "fake"
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("fer-edge: error: the new model fails: ")
    assert why in line


def test_a_proven_model_has_no_fallback() -> None:
    trial = on_trial(Moody(TRIAL_PREDICTIONS, broken))
    for _ in range(TRIAL_PREDICTIONS):
        trial.predict(GREY, [BOX])
    with pytest.raises(RuntimeError):
        trial.predict(GREY, [BOX])


def test_a_proven_model_is_the_next_fallback() -> None:
    """Not the one before it, which nobody uses any more."""
    model = on_trial(Moody(TRIAL_PREDICTIONS + 1, broken))
    for _ in range(TRIAL_PREDICTIONS):
        model.predict(GREY, [BOX])
    second = Moody(0, broken)
    second.identity = "second"
    model.swap(second)
    model.predict(GREY, [BOX])
    assert model.identity == "moody"


def shipped() -> str:
    """The sha256 of the model that comes with fer-edge."""
    return load_card(models_folder() / f"{NAME}.tflite").sha256


def test_start_falls_back_to_older_models(
    local: Path, models: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    install_model(models("float32"), None, local)
    first = load_card(local / f"{NAME}.tflite").sha256
    install_model(models("dynamic"), None, local)
    (local / f"{NAME}.tflite").write_bytes(b"TFL3" * 4)
    assert load_model(SETTINGS).identity == first
    assert "; the model installed before is used" in capsys.readouterr().err
    shutil.rmtree(cards.previous_models(local) or local)
    assert load_model(SETTINGS).identity == shipped()
    assert "; the model that came with fer-edge is used" in capsys.readouterr().err


def test_start_puts_an_installed_model_on_trial(local: Path, models: Callable[[str], Path]) -> None:
    """Else one that failed its trial would, after the next power cut, end the program at its first face, for ever."""
    install_model(models("float32"), None, local)
    model = load_model(SETTINGS)
    assert model.identity == load_card(local / f"{NAME}.tflite").sha256
    assert model._trial_left == TRIAL_PREDICTIONS
    assert model._proven.identity == shipped()


def test_start_needs_equal_labels_for_a_trial(local: Path, models: Callable[[str], Path]) -> None:
    """One with other labels could not take over while the loop runs; the installed one is used alone."""
    model = models("float32")
    card = json.loads(model.with_suffix(".json").read_text())
    card |= {"labels": [*card["labels"][:-1], "bored"], "prior": None}
    model.with_suffix(".json").write_text(json.dumps(card))
    install_model(model, None, local)
    loaded = load_model(SETTINGS)
    assert loaded.labels[-1] == "bored"
    assert loaded._proven is loaded._used


def test_the_shipped_model_needs_no_trial(local: Path) -> None:
    local.mkdir(parents=True)
    model = load_model(SETTINGS)
    assert model._trial_left == 0
    assert model._proven is model._used


def test_a_path_has_no_fallback(local: Path, models: Callable[[str], Path]) -> None:
    install_model(models("float32"), None, local)
    with pytest.raises(ModelError, match="no such file"):
        load_model(ClassifierSettings(model="./none.tflite"))
    with pytest.raises(ModelError, match="not installed"):
        load_model(ClassifierSettings(model="unknown"))


class Clock:
    """Time that the test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def seen(watched: ModelWatcher, clock: Clock) -> bool:
    """Whether it is noticed with the next look."""
    clock.now += FILES_POLL_INTERVAL_S
    return watched.changed()


def test_an_installation_is_noticed_within_two_checks(local: Path, models: Callable[[str], Path]) -> None:
    clock = Clock()
    watched = ModelWatcher(ClassifierSettings(), clock)
    assert not seen(watched, clock)
    install_model(models("float32"), None, local)
    assert not watched.changed()  # no look before its time
    assert [seen(watched, clock), seen(watched, clock), watched.changed()] == [False, True, True]
    assert [watched.take_change(), watched.take_change()] == [True, False]
    assert [watched.changed(), seen(watched, clock), seen(watched, clock)] == [False, False, False]


def test_a_second_installation_is_noticed(local: Path, models: Callable[[str], Path]) -> None:
    clock = Clock()
    watched = ModelWatcher(ClassifierSettings(), clock)
    install_model(models("float32"), None, local)
    assert [seen(watched, clock), seen(watched, clock)] == [False, True]
    assert watched.take_change()
    install_model(models("dynamic"), None, local)
    assert [seen(watched, clock), seen(watched, clock)] == [False, True]


def test_a_closed_folder_is_as_none(local: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its parent is the service's; root, as whom tests may run, is never refused."""

    def refuse(path: object) -> list[str]:
        raise PermissionError(13, "Permission denied", str(path))

    local.mkdir(parents=True)
    monkeypatch.setattr("os.listdir", refuse)
    monkeypatch.setattr("os.path.isdir", lambda _: False)
    assert not ModelWatcher(ClassifierSettings()).changed()
    assert load_model(SETTINGS).identity == shipped()


def test_files_copied_by_hand_are_noticed(local: Path, models: Callable[[str], Path]) -> None:
    local.mkdir(parents=True)
    shutil.copy(models("float32"), local)
    clock = Clock()
    watched = ModelWatcher(ClassifierSettings(), clock)
    (local / f"{NAME}.tflite").write_bytes(b"something else")
    assert [seen(watched, clock), seen(watched, clock)] == [False, True]


def test_a_later_card_is_noticed(models: Callable[[str], Path]) -> None:
    model, clock = models("float32"), Clock()
    watched = ModelWatcher(ClassifierSettings(model=str(model)), clock)
    model.with_suffix(".json").write_text("{}")
    assert [seen(watched, clock), seen(watched, clock)] == [False, True]


def test_an_unfinished_copy_is_waited_for(models: Callable[[str], Path]) -> None:
    model, clock = models("float32"), Clock()
    watched = ModelWatcher(ClassifierSettings(model=str(model)), clock)
    content = model.read_bytes()
    for size in (100, 200, 300):
        model.write_bytes(content[:size])
        assert not seen(watched, clock)
    assert seen(watched, clock)
