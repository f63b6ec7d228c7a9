"""How many faces are found in group pictures that are composed of the demo's portrait.

    python rigs/group_pictures.py [--show FOLDER] [DETECTOR ...]

Prints a table: people in the picture, width of their faces, and how many each detector finds, with the boxes that are
on no face. DETECTOR is a name from `fer-edge detectors`; those that are not installed are left out.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
from fer_edge.build import make_detector
from fer_edge.demo import PORTRAIT
from fer_edge.detectors.files import CATALOGUE, find
from fer_edge.service.model_install import PORTRAIT_FACE
from fer_edge.settings import DetectorSettings
from fer_edge.tracking.tracker import iou
from fer_edge.types import Box, Frame, Pixels

GROUPS = tuple((people, side) for people in (12, 30) for side in (30, 45, 70, 120))  # and the width of a face, pixels
COLUMNS = {12: 4, 30: 6}
MAX_TILT, MIN_IOU = 15.0, 0.4  # degrees, to either side; from which a face counts as found
HEAD = 1.9  # width and height of what is cut out of the portrait, in sides of its face


def compose(people: int, side: int, seed: int = 1) -> tuple[Pixels, list[Box]]:
    """A picture (height, width) uint8 of `people` with faces about `side` pixels wide, and where their faces are.

    The heads differ in size by a fifth, in tilt, in light and in their place; every second one is mirrored. The wall
    behind them is uneven and has the camera's noise.
    """
    rng = np.random.default_rng(seed)
    columns = COLUMNS[people]
    rows, cell = people // columns, round(side * HEAD * 1.15)
    picture = np.full((rows * cell, columns * cell), 120.0, np.float32)
    picture += cv2.resize(
        rng.normal(0, 25, (6, 8)).astype(np.float32), picture.shape[::-1], interpolation=cv2.INTER_CUBIC
    )
    portrait = cv2.imread(str(PORTRAIT), cv2.IMREAD_GRAYSCALE)
    assert portrait is not None
    middle = np.array((PORTRAIT_FACE.x + PORTRAIT_FACE.width / 2, PORTRAIT_FACE.y + PORTRAIT_FACE.height / 2))
    boxes = []
    for number in range(people):
        size = side * rng.uniform(0.8, 1.0)
        place = (
            np.array(((number % columns + 0.5) * cell, (number // columns + 0.5) * cell))
            + rng.uniform(-0.05, 0.05, 2) * side
        )
        scale = size / PORTRAIT_FACE.width
        matrix = cv2.getRotationMatrix2D(tuple(middle), rng.uniform(-MAX_TILT, MAX_TILT), scale)
        if number % 2:  # mirrored about the face's middle
            matrix[0] = (0, 0, 2 * middle[0]) - matrix[0]
        matrix[:, 2] += place - middle
        mask = np.zeros(portrait.shape, np.float32)
        reach = round(PORTRAIT_FACE.width * HEAD / 2)
        cv2.ellipse(mask, tuple(map(round, middle)), (round(reach * 0.75), reach), 0, 0, 360, 1.0, -1)
        mask = cv2.GaussianBlur(mask, (0, 0), 6)
        # Small heads are averaged first, or pixels would be left out.
        source = cv2.GaussianBlur(portrait, (0, 0), 0.4 / scale) if scale < 0.8 else portrait
        head = cv2.warpAffine(source.astype(np.float32), matrix, picture.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
        share = cv2.warpAffine(mask, matrix, picture.shape[::-1])
        picture = picture * (1 - share) + head * rng.uniform(0.7, 1.05) * share
        x, y = place - size / 2
        boxes.append(Box(round(x), round(y), round(size), round(size)))
    noisy = picture + rng.normal(0, 3, picture.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8), boxes


def found_in(picture: Pixels, boxes: list[Box], settings: DetectorSettings) -> tuple[int, list[Box]]:
    """How many of the faces in `boxes` are found in `picture`, and the boxes on none."""
    frame = Frame(0, 0.0, datetime.now(UTC), picture, "group")
    left = make_detector(settings, still=True).detect(frame)
    count = 0
    for box in boxes:
        best = max(left, key=lambda other: iou(box, other), default=None)
        if best is not None and iou(box, best) > MIN_IOU:
            left.remove(best)
            count += 1
    return count, left


def installed(names: list[str]) -> dict[str, DetectorSettings]:
    """The settings of the detectors called `names`, or of all, that are installed."""
    known = {"haar": replace(DetectorSettings(), name="haar")}
    for entry in CATALOGUE:
        path = find(entry)
        if path is not None:
            known[entry.name] = replace(DetectorSettings(), name=entry.detector, model=str(path))
    return {name: settings for name, settings in known.items() if not names or name in names}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("detectors", nargs="*", metavar="DETECTOR")
    parser.add_argument(
        "--show", type=Path, metavar="FOLDER", help="write the pictures, with the boxes, to this folder"
    )
    options = parser.parse_args()
    detectors = installed(options.detectors)
    print("| people, width of a face | " + " | ".join(detectors) + " |")
    print("|---|" + "---|" * len(detectors))
    for people, side in GROUPS:
        picture, boxes = compose(people, side)
        results = []
        for settings in detectors.values():
            count, wrong = found_in(picture, boxes, settings)
            results.append(f"{count}" + (f" and {len(wrong)} on none" if wrong else ""))
            if options.show:
                options.show.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(options.show / f"{people}-{side}.png"), picture)
        print(f"| {people}, {round(side * 0.8)} to {side} px | " + " | ".join(results) + " |")


if __name__ == "__main__":
    main()
