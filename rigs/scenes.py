"""The whole loop on drawn scenes with known faces: who is found, how well it is framed, and what is read.

    python rigs/scenes.py fer2013.csv fer2013new.csv [--scene day] [--segments 120] [--keep FOLDER] [--set KEY=VALUE]

Faces of FER2013's PublicTest, on which FER+'s voters agree, drift for four seconds each over natural backgrounds, the
seven emotions equally often; every sixth segment is empty. `fer-edge run` reads each video, with the settings given,
and what it logs is compared with what was drawn. Prints a row for each scene. The faces are real, the scenes are not:
the figures compare systems on the same video and are not an accuracy in the wild. Needs scikit-image, whose sample
pictures are the backgrounds, and fer_convert, which reads the data.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from fer_convert.data import dataset, votes
from fer_edge.cli import main as fer_edge
from fer_edge.tracking.tracker import iou
from fer_edge.types import Box, Pixels
from numpy.typing import NDArray

WIDTH, HEIGHT, FPS = 640, 480, 25
SEGMENT_FRAMES = 100
EMPTY_EVERY = 6  # segments
EDGE_PX, FEATHER = 14, 0.12  # from the picture's edge; the blended margin of a face, in sides of it
NOISE = 3.0  # sigma of the camera, levels of 255
MIN_IOU = 0.4  # from which a face counts as found
FACE_SIZE = (48, 48)  # FER2013's own
SPLIT = "PublicTest"


@dataclass(frozen=True)
class Scene:
    """What a video shows: `faces` at a time, in `gain` of the light, each tilted by `tilt` degrees to either side."""

    seed: int
    faces: int = 1
    gain: float = 1.0
    tilt: float = 0.0


SCENES = {
    "day": Scene(1),
    "dark": Scene(3, gain=0.25),
    "crowd": Scene(2, faces=3),
    "tilted": Scene(2, faces=3, tilt=30.0),
}


@dataclass(frozen=True)
class Drawn:
    """A face in a frame: which of the frame's, in which segment, what people see in it, and where it is."""

    place: int
    segment: int
    emotion: str
    box: Box


@dataclass
class Actor:
    """A face that drifts: from (x, y), by (vx, vy) pixels a frame, between left and right."""

    face: Pixels
    emotion: str
    size: int
    left: int
    right: int
    x: float
    y: float
    vx: float
    vy: float
    tilt: float

    def at(self, step: int) -> tuple[int, int]:
        """The upper left corner of its face, `step` frames after it came."""
        x = np.clip(self.x + self.vx * step, self.left, self.right)
        return int(x), int(np.clip(self.y + self.vy * step, EDGE_PX, HEIGHT - EDGE_PX - self.size))


def backgrounds() -> list[NDArray[np.float32]]:
    """Photographs and textures, (HEIGHT, WIDTH), grey."""
    from skimage import data

    pictures = (data.coffee(), data.rocket(), data.chelsea(), data.brick(), data.grass())
    grey = (cv2.cvtColor(one, cv2.COLOR_RGB2GRAY) if one.ndim == 3 else one for one in pictures)
    return [cv2.resize(one, (WIDTH, HEIGHT)).astype(np.float32) for one in grey]


def draw(
    faces: NDArray[np.uint8], labels: NDArray[Any], classes: tuple[str, ...], scene: Scene, segments: int
) -> Iterator[tuple[Pixels, list[Drawn]]]:
    """The frames (HEIGHT, WIDTH) of `scene`, and who is in each: of `faces` (n, 48, 48) with `labels` (n,)."""
    rng, walls = np.random.default_rng(scene.seed), backgrounds()
    for segment in range(segments):
        empty = segment % EMPTY_EVERY == EMPTY_EVERY - 1
        actors = [] if empty else [_actor(rng, faces, labels, classes, scene, k) for k in range(scene.faces)]
        for step in range(SEGMENT_FRAMES):
            picture = walls[segment % len(walls)].copy()
            drawn = []
            for place, actor in enumerate(actors):
                x, y = actor.at(step)
                _paste(picture, actor, x, y)
                drawn.append(Drawn(place, segment, actor.emotion, Box(x, y, actor.size, actor.size)))
            picture = picture * scene.gain + rng.normal(0, NOISE, picture.shape)
            yield np.clip(picture, 0, 255).astype(np.uint8), drawn


def _actor(
    rng: np.random.Generator,
    faces: NDArray[np.uint8],
    labels: NDArray[Any],
    classes: tuple[str, ...],
    scene: Scene,
    place: int,
) -> Actor:
    label = int(rng.integers(len(classes)))
    size = int(rng.integers(90, 220 if scene.faces == 1 else 150))
    left = EDGE_PX + place * WIDTH // scene.faces
    right = max((place + 1) * WIDTH // scene.faces - EDGE_PX - size, left)
    face = faces[int(rng.choice(np.flatnonzero(labels == label)))]
    x, y = rng.uniform(left, right), rng.uniform(EDGE_PX, HEIGHT - EDGE_PX - size)
    vx, vy = rng.normal(0, 1.2, 2)
    tilt = float(rng.choice([-1, 1])) * scene.tilt if scene.tilt else 0.0
    return Actor(face, classes[label], size, left, right, x, y, vx, vy, tilt)


def _paste(picture: NDArray[np.float32], actor: Actor, x: int, y: int) -> None:
    """Blend the actor's face into `picture` at (x, y); a replicated margin feathers its edge."""
    pad = int(actor.size * FEATHER)
    face = cv2.resize(actor.face, (actor.size, actor.size), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    face = cv2.copyMakeBorder(face, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
    side = face.shape[0]
    ramp = np.minimum(np.minimum(np.arange(side), np.arange(side)[::-1]) / pad, 1.0)
    alpha = np.outer(ramp, ramp)
    if actor.tilt:
        turn = cv2.getRotationMatrix2D(((side - 1) / 2, (side - 1) / 2), -actor.tilt, 1.0)
        face = cv2.warpAffine(face, turn, (side, side), borderMode=cv2.BORDER_REPLICATE)
        alpha = cv2.warpAffine(alpha, turn, (side, side))
    top, left = y - pad, x - pad
    rows, columns = slice(max(top, 0), min(top + side, HEIGHT)), slice(max(left, 0), min(left + side, WIDTH))
    part = (slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left))
    picture[rows, columns] = picture[rows, columns] * (1 - alpha[part]) + face[part] * alpha[part]


def write(path: Path, frames: Iterable[tuple[Pixels, list[Drawn]]]) -> list[list[Drawn]]:
    """Write a video of `frames`; returns who is in each."""
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FPS, (WIDTH, HEIGHT))
    truth = []
    for picture, drawn in frames:
        video.write(cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR))
        truth.append(drawn)
    video.release()
    return truth


def score(truth: list[list[Drawn]], log: Iterable[str]) -> dict[str, float]:
    """How the lines of a `log` of every frame compare with what was drawn.

    recall: share of the drawn faces with a box of MIN_IOU; right: share with such a box and the right emotion,
    right_if_found: the same of the faces found; false: boxes on no face, a frame; iou: the mean of the found ones;
    changes: of the label, a minute of found face, within a segment, in which the truth never changes.
    """
    logged = {}
    for line in log:
        entry = json.loads(line)
        if "faces" in entry:
            logged[entry["frame"]] = entry["faces"]
    overlaps: list[float] = []
    drawn_faces = right = false = changes = 0
    last: dict[tuple[int, int], str] = {}
    for number, drawn in enumerate(truth):
        boxes = [(Box(*face["box"]), face["emotion"]) for face in logged.get(number, [])]
        for one in drawn:
            drawn_faces += 1
            found = next((face for face in boxes if iou(face[0], one.box) > MIN_IOU), None)
            if found is None:
                continue
            boxes.remove(found)
            overlaps.append(iou(found[0], one.box))
            right += found[1] == one.emotion
            key = one.segment, one.place
            changes += last.get(key, found[1]) != found[1]
            last[key] = found[1]
        false += len(boxes)
    minutes = len(overlaps) / FPS / 60
    return {
        "recall": len(overlaps) / max(drawn_faces, 1),
        "right": right / max(drawn_faces, 1),
        "right_if_found": right / max(len(overlaps), 1),
        "false": false / max(len(truth), 1),
        "iou": float(np.mean(overlaps)) if overlaps else 0.0,
        "changes": changes / minutes if minutes else 0.0,
    }


def measure(
    scene: Scene, material: tuple[Any, ...], segments: int, folder: Path, settings: list[str]
) -> dict[str, float]:
    """Draw `scene` into `folder`, run the program on it with `settings`, and score its log. Raises RuntimeError."""
    video, log = folder / "scene.mp4", folder / "log.jsonl"
    truth = write(video, draw(*material, scene, segments))
    log.unlink(missing_ok=True)
    run = ["run", "--source", str(video), "--log", str(log), "--log-mode", "frames", "--threads", "1"]
    for entry in ["log.rotate_megabytes=0", *settings]:
        run += ["--set", entry]
    with (folder / "summary.txt").open("w") as summary, contextlib.redirect_stdout(summary):
        code = fer_edge(run)
    if code:
        raise RuntimeError(f"fer-edge {' '.join(run)}: exit code {code}")
    with log.open() as lines:
        return score(truth, lines)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description="The whole loop on drawn scenes with known faces.")
    parser.add_argument("data", type=Path, help="fer2013.csv")
    parser.add_argument("votes", type=Path, help="FER+'s fer2013new.csv")
    parser.add_argument("--scene", action="append", choices=SCENES, help="again for more; default: all")
    parser.add_argument("--segments", type=int, default=120, help="of four seconds, a fifth fewer with faces")
    parser.add_argument("--keep", type=Path, help="folder for the last video, its log and its summary")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as of fer-edge run, and again")
    arguments = parser.parse_args()
    data = dataset.read(arguments.data, FACE_SIZE)
    faces = votes.consensus_faces(data.splits[SPLIT], votes.read(arguments.votes, data)[SPLIT])
    print("scene   recall  right  right if found  false a frame  overlap  changes a minute")
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for name in arguments.scene or SCENES:
            scene = SCENES[name]
            segments = arguments.segments if scene.faces == 1 else arguments.segments // scene.faces
            found = measure(scene, (faces.pixels, faces.labels, data.classes), segments, folder, arguments.set)
            print(
                f"{name:7} {found['recall']:6.3f} {found['right']:6.3f} {found['right_if_found']:15.3f} "
                f"{found['false']:14.3f} {found['iou']:8.3f} {found['changes']:17.1f}",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
