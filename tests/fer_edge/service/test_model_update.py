"""A new model is noticed and taken up without a stop; one that fails, at once or later, costs nobody a reading."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from fer_edge.classifiers import cards
from fer_edge.classifiers.cards import Card, load_card, models_folder
from fer_edge.classifiers.fake import FakeClassifier
from fer_edge.classifiers.tflite import TfliteClassifier
from fer_edge.classifiers.tta import TestTimeAugmentation
from fer_edge.errors import ModelError
from fer_edge.pause import PauseSwitch
from fer_edge.service.model_install import install_model
from fer_edge.service.model_update import EVERY, READINGS, ModelWatcher, WithFallback, start_classifier
from fer_edge.service.outputs import Outputs
from fer_edge.service.reload import describe, reload, start_parts, take_up
from fer_edge.settings import ClassifierSettings, Settings, parse
from fer_edge.types import EMOTIONS, Box, Pixels, Prediction

NAME = "mini_xception-int8"
GREY = np.full((48, 48), 100, np.uint8)
BOX = Box(0, 0, 48, 48)


class Moody:
    """Reads `good` faces, then does what `then` does."""

    labels = EMOTIONS
    usual_entropy = (0.5, 0.1)

    def __init__(self, good: int, then: Callable[[], list[Prediction]]) -> None:
        self._good, self._then = good, then

    def predict(self, grey: Pixels, boxes: Sequence[Box]) -> list[Prediction]:
        self._good -= 1
        return FakeClassifier().predict(grey, boxes) if self._good >= 0 else self._then()


def broken() -> list[Prediction]:
    raise RuntimeError("tensor 3 was not allocated")


def no_numbers() -> list[Prediction]:
    return [Prediction(EMOTIONS, (float("nan"),) * 7)]


@pytest.mark.parametrize(("then", "why"), [(broken, "tensor 3 was not"), (no_numbers, "no probabilities")])
def test_one_that_fails_later_gives_way_within_the_same_frame(
    then: Callable[[], list[Prediction]], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    trial = WithFallback(Moody(3, then), FakeClassifier())
    assert [trial.predict(GREY, [BOX])[0].emotion for _ in range(9)] == ["fear"] * 9
    assert isinstance(trial.classifier, FakeClassifier)
    assert trial.usual_entropy is None
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("fer-edge: error: the new model fails: ")
    assert why in line


def test_one_that_lasts_is_kept_alone() -> None:
    trial = WithFallback(Moody(READINGS, broken), FakeClassifier())
    for _ in range(READINGS):
        trial.predict(GREY, [BOX])
    with pytest.raises(RuntimeError):
        trial.predict(GREY, [BOX])


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where models are installed."""
    folder = tmp_path / "etc" / "models"
    monkeypatch.setattr(cards, "LOCAL", folder)
    return folder


@pytest.fixture
def models(tmp_path: Path) -> Callable[[str], Path]:
    """Another model that is called as a shipped one, made of that of a variant."""

    def make(variant: str) -> Path:
        place = tmp_path / variant
        place.mkdir()
        source = models_folder() / f"mini_xception-{variant}.tflite"
        shutil.copy(source, place / f"{NAME}.tflite")
        card = json.loads(source.with_suffix(".json").read_text()) | {"name": NAME, "file": f"{NAME}.tflite"}
        (place / f"{NAME}.json").write_text(json.dumps(card))
        return place / f"{NAME}.tflite"

    return make


@pytest.fixture
def settings() -> Settings:
    return parse({"classifier": {"model": NAME}, "run": {"sinks": []}})


def used(classifier: object) -> Card:
    """The card of the model in use, on trial or not."""
    while isinstance(classifier, WithFallback | TestTimeAugmentation):
        classifier = classifier.classifier
    assert isinstance(classifier, TfliteClassifier)
    return classifier.card


def proven(classifier: object) -> str:
    """The sha256 of the model that it would go back to."""
    while isinstance(classifier, WithFallback | TestTimeAugmentation):
        classifier = classifier.proven if isinstance(classifier, WithFallback) else classifier.classifier
    return used(classifier).sha256


def trial(classifier: object) -> WithFallback:
    assert isinstance(classifier, TestTimeAugmentation)
    assert isinstance(classifier.classifier, WithFallback)
    return classifier.classifier


def test_an_installed_model_is_taken_up_once_and_a_broken_one_never(
    local: Path, models: Callable[[str], Path], settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = start_parts(settings, still=False)
    assert take_up(settings, parts) is parts  # nothing new
    install_model(models("float32"), None, local)
    taken = take_up(settings, parts)
    assert taken.tracker is parts.tracker
    assert taken.classifier is not parts.classifier
    assert "note: a new model is taken up: mini_xception-int8 with " in capsys.readouterr().err
    (local / f"{NAME}.tflite").write_bytes(b"cut off")
    assert take_up(settings, taken) is taken
    assert "not a TFLite file" in (err := capsys.readouterr().err)
    assert err.endswith("; the model in use stays\n")
    assert describe(taken).startswith(NAME)


def test_a_model_with_other_labels_is_not_taken_up(
    local: Path, models: Callable[[str], Path], settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = start_parts(settings, still=False)
    model = models("float32")
    card = json.loads(model.with_suffix(".json").read_text())
    card["labels"] = [*card["labels"][:-1], "bored"]
    model.with_suffix(".json").write_text(json.dumps(card))
    install_model(model, None, local)
    assert take_up(settings, parts) is parts
    assert "other labels than before; try: sudo systemctl restart fer-edge" in capsys.readouterr().err


def test_at_the_start_the_model_before_the_newest_is_better_than_none(
    local: Path, models: Callable[[str], Path], settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    install_model(models("float32"), None, local)
    first = load_card(local / f"{NAME}.tflite").sha256
    install_model(models("dynamic"), None, local)
    (local / f"{NAME}.tflite").write_bytes(b"TFL3" * 4)
    assert used(start_classifier(settings.classifier)).sha256 == first
    assert "; the model installed before is used" in capsys.readouterr().err
    shutil.rmtree(cards.kept_before(local) or local)
    assert used(start_classifier(settings.classifier)).path.parent == models_folder()
    assert "; the model that came with fer-edge is used" in capsys.readouterr().err


def test_at_the_start_an_installed_model_is_on_trial_beside_one_that_worked(
    local: Path, models: Callable[[str], Path], settings: Settings
) -> None:
    """Else one that failed its trial would, after the next power cut, end the program at its first face, for ever."""
    shipped = used(start_classifier(settings.classifier)).sha256
    install_model(models("float32"), None, local)
    start = start_classifier(settings.classifier)
    assert isinstance(start, WithFallback)
    assert used(start).path.parent == local
    assert proven(start) == shipped


def test_on_trial_it_stays_over_a_reload_and_only_a_proven_one_is_gone_back_to(
    local: Path, models: Callable[[str], Path], settings: Settings
) -> None:
    parts = start_parts(settings, still=False)
    shipped = proven(parts.classifier)
    install_model(models("float32"), None, local)
    first = take_up(settings, parts)
    assert trial(first.classifier).proven is not trial(first.classifier).classifier
    outputs = Outputs(PauseSwitch())
    _, again = reload(lambda: settings, settings, first, outputs)
    assert proven(again.classifier) == shipped
    assert trial(again.classifier)
    install_model(models("dynamic"), None, local)
    second = take_up(settings, again)
    assert used(second.classifier).sha256 != used(first.classifier).sha256
    assert proven(second.classifier) == shipped


def test_a_path_has_nothing_to_fall_back_on(local: Path, models: Callable[[str], Path]) -> None:
    install_model(models("float32"), None, local)
    with pytest.raises(ModelError, match="no such file"):
        start_classifier(ClassifierSettings(model="./none.tflite"))
    with pytest.raises(ModelError, match="not installed"):
        start_classifier(ClassifierSettings(model="unknown"))


class Clock:
    """Time that the test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def seen(watched: ModelWatcher, clock: Clock) -> bool:
    """Whether it is noticed with the next look."""
    clock.now += EVERY
    return watched.changed()


def test_an_installation_is_noticed_within_two_looks(local: Path, models: Callable[[str], Path]) -> None:
    clock, settings = Clock(), ClassifierSettings()
    watched = ModelWatcher(settings, clock)
    assert not seen(watched, clock)
    install_model(models("float32"), None, local)
    assert not watched.changed()  # no look before its time
    assert [seen(watched, clock), seen(watched, clock), watched.changed()] == [False, True, True]
    watched.follow(settings)
    assert [watched.changed(), seen(watched, clock), seen(watched, clock)] == [False, False, False]


def test_what_is_installed_while_another_is_taken_up_is_noticed(local: Path, models: Callable[[str], Path]) -> None:
    clock, settings = Clock(), ClassifierSettings()
    watched = ModelWatcher(settings, clock)
    install_model(models("float32"), None, local)
    assert [seen(watched, clock), seen(watched, clock)] == [False, True]
    watched.follow(settings)
    install_model(models("dynamic"), None, local)
    assert [seen(watched, clock), seen(watched, clock)] == [False, True]


def test_a_folder_that_is_closed_to_us_is_as_none(local: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its parent is the service's; root, as whom tests may run, is never refused."""

    def refuse(path: object) -> list[str]:
        raise PermissionError(13, "Permission denied", str(path))

    local.mkdir(parents=True)
    monkeypatch.setattr("os.listdir", refuse)
    monkeypatch.setattr("os.path.isdir", lambda _: False)
    assert not ModelWatcher(ClassifierSettings()).changed()
    assert used(start_classifier(ClassifierSettings())).path.parent == models_folder()


def test_files_that_somebody_puts_into_a_plain_folder_are_noticed(local: Path, models: Callable[[str], Path]) -> None:
    local.mkdir(parents=True)
    shutil.copy(models("float32"), local)
    clock = Clock()
    watched = ModelWatcher(ClassifierSettings(), clock)
    (local / f"{NAME}.tflite").write_bytes(b"something else")
    assert [seen(watched, clock), seen(watched, clock)] == [False, True]


def test_a_card_that_comes_later_than_its_model_is_noticed(models: Callable[[str], Path]) -> None:
    model, clock = models("float32"), Clock()
    watched = ModelWatcher(ClassifierSettings(model=str(model)), clock)
    model.with_suffix(".json").write_text("{}")
    assert [seen(watched, clock), seen(watched, clock)] == [False, True]


def test_a_copy_to_a_path_is_waited_for(models: Callable[[str], Path]) -> None:
    model, clock = models("float32"), Clock()
    watched = ModelWatcher(ClassifierSettings(model=str(model)), clock)
    content = model.read_bytes()
    for size in (100, 200, 300):
        model.write_bytes(content[:size])
        assert not seen(watched, clock)
    assert seen(watched, clock)
