"""What is counted: faces read and faces found, as the benchmark and the loop do it, between marks that the plugin sees.

python counted.py RUNTIME [VARIANT ...] [faces] [blazeface] [yunet]

Prints a JSON list: for what lies between the first two marks, the next two, and so on, its row, and how often it was
done there. A detector whose file is not installed has no rows.
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
from fer_edge.build import make_detector
from fer_edge.demo.clip import FPS, Clip
from fer_edge.detectors.files import CATALOGUE
from fer_edge.detectors.files import find as find_file
from fer_edge.detectors.framing import shrink
from fer_edge.settings import DetectorSettings
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


def scan() -> None:
    """A frame scanned in full, as tutorials do it."""
    small, _ = shrink(grey(0), DetectorSettings().width)
    cascade = cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / CASCADE))
    cascade.detectMultiScale(small, SCALE_FACTOR, NEIGHBOURS)
    counted("scan", 1, lambda: cascade.detectMultiScale(small, SCALE_FACTOR, NEIGHBOURS))


def watch(runtime: str, settings: DetectorSettings, by: str = "") -> None:
    """A face that is followed, and scenes without any; `by` ends the rows' names."""
    demo = [grey(number) for number in range(WARM + FRAMES)]
    scenes = {"face": demo, "still": [grey(EMPTY)] * len(demo)}
    if settings.name == "haar":  # which finds no face upside down; a network finds some
        scenes["moving"] = [np.ascontiguousarray(picture[::-1]) for picture in demo]
    for scene, pictures in scenes.items():
        detector = make_detector(replace(settings, threads=1), still=False)
        for number, picture in enumerate(pictures):
            frame = Frame(number, number / FPS, BEGIN, picture, scene)
            work = partial(detector.detect, frame)
            found = work() if number < WARM else counted(f"{scene}{by}", 1, work)
            if number >= WARM and len(found) != (scene == "face"):  # finding fewer faces saves work, and is no saving
                sys.exit(f"frame {number} of scene {scene!r}{by}: {len(found)} faces found")


def grey(number: int) -> Pixels:
    """A frame of the demo."""
    return np.asarray(cv2.cvtColor(CLIP.draw(number), cv2.COLOR_BGR2GRAY), np.uint8)


def main(runtime: str, *what: str) -> None:
    """Do each and say what was done."""
    cv2.setNumThreads(1)  # two runs must do the same, to the instruction
    for name in what:
        entry = next((entry for entry in CATALOGUE if entry.name == name), None)
        if name == "faces":
            scan()
            watch(runtime, DetectorSettings(name="haar"))
        elif entry:
            if path := find_file(entry):
                watch(runtime, DetectorSettings(name=entry.detector, model=str(path)), f" by {name}")
        else:
            read(runtime, name)
    print(json.dumps(done))


if __name__ == "__main__":
    main(*sys.argv[1:])
