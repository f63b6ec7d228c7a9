"""What the benchmark compares: every combination of model, interpreter and number of threads."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from fer_edge.classifiers.cards import VARIANTS, Card, installed, is_path, load_card, read_model
from fer_edge.classifiers.runtimes import FALLBACK, RUNTIMES, runs
from fer_edge.classifiers.tflite import TfliteClassifier
from fer_edge.demo import clip
from fer_edge.errors import ModelError
from fer_edge.stopwatch import peak_memory
from fer_edge.types import Box, Pixels

# TensorFlow can run the files too, but is too large for a device; it is measured only if --runtime names it. So is
# OpenCV, unless nothing else works.
DEVICE_RUNTIMES = tuple(name for name in RUNTIMES if name not in ("tensorflow", FALLBACK))
MEMORY_PREDICTIONS = 3  # that the child process makes; the first one allocates all that is needed


class Combination(NamedTuple):
    """One model, in one interpreter, with a number of threads."""

    card: Card
    runtime: str
    threads: int


class Runtimes(NamedTuple):
    """Which interpreters work here, and which do not."""

    usable: list[str]
    missing: dict[str, str]  # name -> why


def find_cards(names: Sequence[str]) -> list[Card]:
    """The cards of `names`: models, networks, variants or paths of .tflite files; "all" means all installed ones.

    Raises ModelError if a model is not installed, or its file does not match its card.
    """
    known = sorted(installed(), key=lambda card: (card.model, VARIANTS.index(card.variant)))
    chosen: list[Card] = []
    for name in names:
        if is_path(name):
            found = [load_card(Path(name))]
        else:
            found = [card for card in known if name in ("all", card.name, card.model, card.variant)]
        if not found:
            names_known = ", ".join(card.name for card in known)
            raise ModelError(
                f"model {name!r}: not installed; installed are {names_known}; name one of them, its network, "
                "its variant, all, or the path of a .tflite"
            )
        chosen += [card for card in found if card not in chosen]
    for card in chosen:
        read_model(card)  # a damaged file is refused now, not after the others were measured
    return chosen


def find_runtimes(name: str, card: Card) -> Runtimes:
    """The interpreters that `name`, "all" or one of RUNTIMES, stands for, each tested with the model of `card`.

    Raises ModelError if none works.
    """
    usable: list[str] = []
    missing: dict[str, str] = {}
    if name != "all":
        TfliteClassifier(card, name)
        return Runtimes([name], {})
    for runtime in (*DEVICE_RUNTIMES, FALLBACK):
        if runtime == FALLBACK and usable:
            break
        if importlib.util.find_spec(RUNTIMES[runtime].partition(".")[0]) is None:
            missing[runtime] = "not installed"
            continue
        try:
            TfliteClassifier(card, runtime)  # with NumPy 2, tflite-runtime can be imported but fails here
            usable.append(runtime)
        except ModelError as cause:
            missing[runtime] = str(cause)
    if not usable:
        reasons = "; ".join(f"{runtime}: {why}" for runtime, why in missing.items())
        raise ModelError(f"no TFLite interpreter works here ({reasons}); fix it with: pip install ai-edge-litert")
    return Runtimes(usable, missing)


def combine(cards: Sequence[Card], runtimes: Sequence[str], threads: Sequence[int]) -> list[Combination]:
    """Every combination of card, interpreter and number of threads that there can be.

    OpenCV's threads are the whole program's, so of them only the first number counts.
    """
    return [
        Combination(card, runtime, count)
        for card, runtime, count in product(cards, runtimes, threads)
        if runs(runtime, card.variant) and (runtime != FALLBACK or count == threads[0])
    ]


def face_predictor(combination: Combination) -> Callable[[], object]:
    """A function that classifies one face as the loop does: crop, resize, inference. Raises ModelError."""
    classifier = TfliteClassifier(*combination)
    if combination.runtime == FALLBACK:
        cv2.setNumThreads(combination.threads)  # the whole program's; in a run detector.threads sets it
    grey, box = sample_face()
    return lambda: classifier.predict(grey, [box])


def sample_face() -> tuple[Pixels, Box]:
    """The demo's first frame, (height, width) uint8, and the bounding box of its face."""
    place = clip.FIRST[0]
    side = round(place.face)
    grey = np.asarray(cv2.cvtColor(clip.Clip().draw(0), cv2.COLOR_BGR2GRAY), np.uint8)
    return grey, Box(round(place.x - side / 2), round(place.y - side / 2), side, side)


def peak_memory_of(combination: Combination) -> int:
    """Peak memory, in bytes, of a new process that loads the model and classifies faces. Raises ModelError.

    In this process the peaks of the models before it would hide its own.
    """
    arguments = [str(combination.card.path.absolute()), combination.runtime, str(combination.threads)]
    package = str(Path(__file__).parents[2])  # so that the child imports this fer-edge, from any working folder
    paths = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
    child = subprocess.run(
        [sys.executable, "-m", "fer_edge.bench.combinations", *arguments],
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    if child.returncode != 0 or not child.stdout.strip().isdecimal():
        said = child.stderr.strip().splitlines()[-1:] or [f"exit code {child.returncode}"]
        raise ModelError(
            f"model {combination.card.path}: a process of its own could not classify a face with it ({said[0]}); "
            "free memory, or leave it out with --models"
        )
    return int(child.stdout)


def main(path: str, runtime: str, threads: str) -> None:
    """The child process: print its peak memory in bytes."""
    predict = face_predictor(Combination(load_card(Path(path)), runtime, int(threads)))
    for _ in range(MEMORY_PREDICTIONS):
        predict()
    print(peak_memory())


if __name__ == "__main__":
    main(*sys.argv[1:])
