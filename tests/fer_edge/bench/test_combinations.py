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
    every = find_cards(["all"])
    assert tuple(card.variant for card in every) == VARIANTS
    assert find_cards(["mini_xception"]) == every
    (int8,) = find_cards(["int8"])
    path = str(models_folder() / "mini_xception-int8.tflite")
    assert find_cards(["mini_xception-int8", "int8", path]) == [int8]
    assert find_cards(["int8", "all"])[0] == int8


def test_an_unknown_or_damaged_model_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="'resnet': not installed; installed are mini_xception-float32"):
        find_cards(["int8", "resnet"])
    for suffix in (".tflite", ".json"):
        shutil.copy(models_folder() / f"mini_xception-int8{suffix}", tmp_path)
    path = tmp_path / "mini_xception-int8.tflite"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ModelError, match="cut off"):
        find_cards([str(path)])


def test_interpreters_that_are_not_here_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    (int8,) = find_cards(["int8"])
    usable, missing = find_runtimes("all", int8)
    assert sorted([*usable, *missing]) == sorted(combinations.DEVICE_RUNTIMES)
    assert usable
    assert find_runtimes(usable[0], int8) == ([usable[0]], {})
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"no TFLite interpreter works here \(ai-edge-litert: not installed"):
        find_runtimes("all", int8)


def test_one_that_is_here_and_fails_is_said_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(card: object, runtime: str) -> None:
        raise ModelError(f"runtime {runtime}: fails with NumPy 2")

    monkeypatch.setattr(combinations, "TfliteClassifier", fail)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    (int8,) = find_cards(["int8"])
    with pytest.raises(ModelError, match="tflite-runtime: runtime tflite-runtime: fails with NumPy 2"):
        find_runtimes("all", int8)


def test_each_with_each() -> None:
    cards = find_cards(["int8", "float32"])
    found = combine(cards, ["a", "b"], [1, 2])
    assert len(found) == 8
    assert found[0] == Combination(cards[0], "a", 1)
    assert found[-1] == Combination(cards[1], "b", 2)


def test_the_face_that_is_read_is_a_happy_one() -> None:
    (int8,) = find_cards(["int8"])
    runtime = find_runtimes("all", int8).usable[0]
    grey, box = sample_face()
    (prediction,) = TfliteClassifier(int8, runtime).predict(grey, [box])
    assert prediction.emotion == "happy"
    assert face_predictor(Combination(int8, runtime, 1))() == [prediction]


@pytest.mark.process
def test_memory_is_that_of_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (int8,) = find_cards(["int8"])
    combination = Combination(int8, find_runtimes("all", int8).usable[0], 1)
    monkeypatch.chdir(tmp_path)  # it finds the package from anywhere
    assert 20e6 < peak_memory_of(combination) < 400e6
    with pytest.raises(ModelError, match=r"a process of its own could not classify a face with it \(.*'none'"):
        peak_memory_of(combination._replace(runtime="none"))
