"""What is compared: the models by any of their names, the interpreters that work here, and memory on its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from fer_edge.bench import combinations
from fer_edge.bench.combinations import (
    Combination,
    combine,
    face_predictor,
    find_cards,
    find_runtimes,
    peak_memory_of,
    sample_face,
)
from fer_edge.classifiers.cards import VARIANTS, models_folder
from fer_edge.classifiers.tflite import TfliteClassifier
from fer_edge.errors import ModelError


def test_models_by_any_of_their_names() -> None:
    network = find_cards(["mini_xception"])
    assert tuple(card.variant for card in network) == VARIANTS
    every = find_cards(["all"])
    assert [card.name for card in every if card not in network] == [
        "mini_xception_fer2013-float32",
        "mini_xception_fer2013-int8",
    ]
    (int8,) = find_cards(["mini_xception-int8"])
    path = str(models_folder() / "mini_xception-int8.tflite")
    assert find_cards(["mini_xception-int8", path]) == [int8]
    assert [card.variant for card in find_cards(["int8"])] == ["int8", "int8"]
    assert find_cards(["int8", "all"])[0] == int8


def test_bad_model_is_refused_first(tmp_path: Path) -> None:
    """An unknown or damaged model is refused before anything is measured."""
    with pytest.raises(ModelError, match="'resnet': not installed; installed are mini_xception-float32"):
        find_cards(["int8", "resnet"])
    for suffix in (".tflite", ".json"):
        shutil.copy(models_folder() / f"mini_xception-int8{suffix}", tmp_path)
    path = tmp_path / "mini_xception-int8.tflite"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ModelError, match="cut off"):
        find_cards([str(path)])


def test_missing_interpreters_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Interpreters that are not installed are named."""
    (int8,) = find_cards(["mini_xception-int8"])
    usable, missing = find_runtimes("all", int8)
    assert sorted([*usable, *missing]) == sorted(combinations.DEVICE_RUNTIMES)
    assert usable
    assert find_runtimes(usable[0], int8) == ([usable[0]], {})
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"no TFLite interpreter works here \(ai-edge-litert: not installed"):
        find_runtimes("all", int8)


def test_failing_interpreter_has_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed interpreter that fails is named with the reason."""

    def fail(card: object, runtime: str) -> None:
        raise ModelError(f"runtime {runtime}: fails with NumPy 2")

    monkeypatch.setattr(combinations, "TfliteClassifier", fail)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    (int8,) = find_cards(["mini_xception-int8"])
    with pytest.raises(ModelError, match="tflite-runtime: runtime tflite-runtime: fails with NumPy 2"):
        find_runtimes("all", int8)


def test_each_with_each() -> None:
    cards = find_cards(["mini_xception-int8", "mini_xception-float32"])
    found = combine(cards, ["a", "b"], [1, 2])
    assert len(found) == 8
    assert found[0] == Combination(cards[0], "a", 1)
    assert found[-1] == Combination(cards[1], "b", 2)
    assert combine(cards, ["opencv"], [1, 2]) == [Combination(cards[1], "opencv", 1)]  # float alone, and its threads


def test_opencv_is_measured_where_nothing_else_works(monkeypatch: pytest.MonkeyPatch) -> None:
    (float32,) = find_cards(["mini_xception-float32"])
    assert "opencv" not in find_runtimes("all", float32).usable
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name if name == "fer_edge" else None)
    assert find_runtimes("all", float32).usable == ["opencv"]


def test_sample_face_is_happy() -> None:
    """The face that is timed is predicted as happy."""
    (int8,) = find_cards(["mini_xception-int8"])
    runtime = find_runtimes("all", int8).usable[0]
    grey, box = sample_face()
    (prediction,) = TfliteClassifier(int8, runtime).predict(grey, [box])
    assert prediction.emotion == "happy"
    assert face_predictor(Combination(int8, runtime, 1))() == [prediction]


@pytest.mark.process
def test_memory_is_of_a_child_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Memory is measured in a process of its own, started from any folder."""
    (int8,) = find_cards(["mini_xception-int8"])
    combination = Combination(int8, find_runtimes("all", int8).usable[0], 1)
    monkeypatch.chdir(tmp_path)  # it finds the package from anywhere
    assert 20e6 < peak_memory_of(combination) < 400e6
    with pytest.raises(ModelError, match=r"a process of its own could not classify a face with it \(.*'none'"):
        peak_memory_of(combination._replace(runtime="none"))
