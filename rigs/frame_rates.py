"""In how many frames a walking face is found, at different frame rates.

    python rigs/frame_rates.py [DETECTOR ...]

Prints a table: frames a second, and the share of frames in which each detector finds the
face, and nothing else. DETECTOR is a name from
`fer-edge detectors`; those that are not installed are left out.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from datetime import UTC, datetime

import cv2
import numpy as np
from fer_edge.build import make_detector
from fer_edge.demo import PORTRAIT
from fer_edge.service.model_install import PORTRAIT_FACE
from fer_edge.settings import DetectorSettings
from fer_edge.tracking.tracker import iou
from fer_edge.types import Box, Frame, Pixels
from group_pictures import MIN_IOU, installed

RATES = (1, 2, 3, 5, 10, 25)  # frames a second
CLIP_S, SPEED_PX_PER_S = 40, 160.0  # one and a half widths of the face in a second: a walk through a room
HEIGHT, WIDTH, FACE_PX = 480, 640, 100


def walk(fps: int, seconds: int) -> Iterator[tuple[Frame, Box]]:
    """Frames (HEIGHT, WIDTH) of somebody who walks to and fro, and where the face is."""
    rng = np.random.default_rng(1)
    portrait = cv2.imread(str(PORTRAIT), cv2.IMREAD_GRAYSCALE)
    assert portrait is not None
    rough = rng.normal(120, 25, (6, 8)).astype(np.float32)
    wall = cv2.resize(rough, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    scale, way = FACE_PX / PORTRAIT_FACE.width, WIDTH - FACE_PX
    for number in range(seconds * fps):
        time = number / fps
        x = way - abs(time * SPEED_PX_PER_S % (2 * way) - way)
        y = 150 + 15 * math.sin(2 * math.pi * time)
        place = np.array([[scale, 0, x - scale * PORTRAIT_FACE.x], [0, scale, y - scale * PORTRAIT_FACE.y]])
        seen = cv2.warpAffine(
            portrait.astype(np.float32), place, (WIDTH, HEIGHT), dst=wall.copy(), borderMode=cv2.BORDER_TRANSPARENT
        )
        pixels: Pixels = np.clip(seen + rng.normal(0, 3, seen.shape), 0, 255).astype(np.uint8)
        yield Frame(number, time, datetime.now(UTC), pixels, "walk"), Box(round(x), round(y), FACE_PX, FACE_PX)


def recall(settings: DetectorSettings, fps: int, seconds: int = CLIP_S) -> float:
    """The share of frames in which the face is found, and nothing else."""
    detector = make_detector(settings, still=False)
    found = [
        len(boxes) == 1 and iou(face, boxes[0]) > MIN_IOU
        for boxes, face in ((detector.detect(frame), face) for frame, face in walk(fps, seconds))
    ]
    return sum(found) / len(found)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("detectors", nargs="*", metavar="DETECTOR")
    detectors = installed(parser.parse_args().detectors)
    print("| frames a second | " + " | ".join(detectors) + " |")
    print("|---|" + "---|" * len(detectors))
    for fps in RATES:
        shares = (f"{recall(settings, fps):.3f}" for settings in detectors.values())
        print(f"| {fps} | " + " | ".join(shares) + " |", flush=True)


if __name__ == "__main__":
    main()
