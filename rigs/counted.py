"""What is counted: faces read and faces found, as the benchmark and the loop do it, between marks that the plugin sees.

python counted.py RUNTIME [VARIANT ...] [faces]

Prints a JSON list: for what lies between the first two marks, the next two, and so on, its row, and how often it was
done there.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from fer_edge.bench.baseline import CASCADE, NEIGHBOURS, SCALE_FACTOR
from fer_edge.bench.combinations import Combination, face_predictor, find_cards
from fer_edge.build import make_classifier, make_detector
from fer_edge.demo.clip import FPS, Clip
from fer_edge.detectors.framing import shrink
from fer_edge.settings import Settings
from fer_edge.types import Frame, Pixels

READS = 20  # and as many before, in which Python gets used to them
WARM = 2 * FPS  # frames until a face is followed, and what comes but once is done
FRAMES = 4 * FPS  # of the demo in which one face wanders; a search is due every two seconds at least
EMPTY = round(11.5 * FPS)  # the demo's frame that shows the wall alone
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
CLIP = Clip()

done: list[tuple[str, int]] = []


def counted(row: str, times: int, work: Callable[[], Any]) -> Any:
    """Do `work`, which does what is counted so many `times`."""
    os.getppid()  # a mark: nobody else asks for it
    result = work()
    os.getppid()
    done.append((row, times))
    return result


def read(runtime: str, variant: str) -> None:
    """One face again and again, as the benchmark and the loop read it."""
    (card,) = find_cards([f"mini_xception-{variant}"])
    one = face_predictor(Combination(card, runtime, 1))

    def work() -> None:
        for _ in range(READS):
            one()

    work()
    counted(variant, READS, work)


def find(runtime: str) -> None:
    """A frame scanned in full, as tutorials do it; then a face that is followed, and scenes without any."""
    settings = Settings()
    demo = [grey(number) for number in range(WARM + FRAMES)]
    scenes = {
        "face": demo,
        "moving": [np.ascontiguousarray(picture[::-1]) for picture in demo],  # nobody finds a face upside down
        "still": [grey(EMPTY)] * len(demo),
    }
    small, _ = shrink(demo[0], settings.detector.width)
    cascade = cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / CASCADE))
    cascade.detectMultiScale(small, SCALE_FACTOR, NEIGHBOURS)
    counted("scan", 1, lambda: cascade.detectMultiScale(small, SCALE_FACTOR, NEIGHBOURS))
    classifier = make_classifier(replace(settings.classifier, runtime=runtime, threads=1))
    for scene, pictures in scenes.items():
        detector = make_detector(replace(settings.detector, threads=1), classifier, still=False)
        for number, picture in enumerate(pictures):
            frame = Frame(number, number / FPS, BEGIN, picture, scene)
            found = detector.detect(frame) if number < WARM else counted(scene, 1, partial(detector.detect, frame))
            if number >= WARM and len(found) != (scene == "face"):  # finding fewer faces saves work, and is no saving
                sys.exit(f"frame {number} of scene {scene!r}: {len(found)} faces found")


def grey(number: int) -> Pixels:
    """A frame of the demo."""
    return np.asarray(cv2.cvtColor(CLIP.draw(number), cv2.COLOR_BGR2GRAY), np.uint8)


def main(runtime: str, *what: str) -> None:
    """Do each and say what was done."""
    cv2.setNumThreads(1)  # two runs must do the same, to the instruction
    for name in what:
        if name == "faces":
            find(runtime)
        else:
            read(runtime, name)
    print(json.dumps(done))


if __name__ == "__main__":
    main(*sys.argv[1:])
