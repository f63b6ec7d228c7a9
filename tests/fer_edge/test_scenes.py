"""The whole loop on drawn scenes with known faces: it finds them, reads them, and its labels do not flicker.

The bounds lie a few points under what each small scene gives: they catch a part that broke, not a point lost. How a log
is scored (rigs/scenes.py) is tested on logs written here.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fer_edge.cli import main
from fer_edge.types import Box
from scenes import Drawn, score

SEGMENTS = "12"  # of four seconds


def python(script: Path, *arguments: str) -> str:
    """What `script` prints."""
    command = [sys.executable, str(script), *arguments]
    return subprocess.run(command, check=True, timeout=240, stdout=subprocess.PIPE, text=True).stdout


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("drawn", "recall", "right"),
    [(("--seed", "1"), 0.94, 0.70), (("--seed", "3", "--gain", "0.25"), 0.74, 0.40)],
    ids=["day", "dark"],
)
def test_faces_of_a_scene(drawn: tuple[str, ...], recall: float, right: float, shared: Path, tmp_path: Path) -> None:
    scenes, scene, log = shared / "scenes", tmp_path / "scene", tmp_path / "log.jsonl"
    python(scenes / "make.py", str(scene), "--segments", SEGMENTS, *drawn)
    assert main(["run", "--source", f"{scene}.mp4", "--log", str(log), "--log-mode", "frames"]) == 0
    found = json.loads(python(scenes / "score.py", f"{scene}.truth.npz", str(log)))
    print(found)
    assert found["recall"] >= recall
    assert found["right"] >= right
    assert found["false_per_frame"] <= 0.08
    assert found["flips_per_min"] <= 12


FACE = Drawn(0, 0, "happy", Box(100, 100, 100, 100))


def line(number: int, *faces: tuple[list[int], str]) -> str:
    """The log's line of a frame in which `faces` were found: box, emotion."""
    return json.dumps({"frame": number, "faces": [{"box": box, "emotion": emotion} for box, emotion in faces]})


def test_score_of_what_was_drawn() -> None:
    """A log that says what was drawn has all of it right."""
    found = score([[FACE], []], [line(0, ([100, 100, 100, 100], "happy")), line(1)])
    assert found == {"recall": 1, "right": 1, "right_if_found": 1, "false": 0, "iou": 1, "changes": 0}


def test_score_tells_faults_apart() -> None:
    """A missed face, one that is off, a wrong word, a box on nothing and a changed word each count as such."""
    truth = [[FACE], [FACE], [FACE], []]
    log = [
        line(0, ([150, 100, 100, 100], "happy")),  # overlap of a third: not found, and a box on no face
        line(1, ([110, 100, 100, 100], "sad")),
        line(2, ([100, 100, 100, 100], "happy")),
        '{"event": "lost"}',
    ]
    found = score(truth, log)
    assert found["recall"] == pytest.approx(2 / 3)
    assert found["right"] == pytest.approx(1 / 3)
    assert found["right_if_found"] == 0.5
    assert found["false"] == 0.25
    assert found["iou"] == pytest.approx((90 / 110 + 1) / 2)
    assert found["changes"] == pytest.approx(1 / (2 / 25 / 60))


def test_label_of_another_segment_is_no_change() -> None:
    """Somebody else's face in the same place is another face."""
    truth = [[FACE], [Drawn(0, 1, "sad", FACE.box)]]
    assert score(truth, [line(0, ([100] * 4, "happy")), line(1, ([100] * 4, "sad"))])["changes"] == 0


def test_score_agrees_with_the_independent_scorer(shared: Path, tmp_path: Path) -> None:
    """The rig's figures are those of the tool that the bounds above come from, on a random log."""
    rng, emotions = np.random.default_rng(1), ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
    rows, truth, log = [], [], []
    for number in range(200):
        label, x = number // 50, int(rng.integers(0, 500))
        rows.append((number, number // 25, label, x, 100, 120))
        truth.append([Drawn(0, number // 25, emotions[label], Box(x, 100, 120, 120))])
        boxes = [[x + int(rng.normal(0, 30)), 100, 120, 120] for _ in range(int(rng.integers(0, 3)))]
        log.append(line(number, *((box, emotions[int(rng.integers(7))]) for box in boxes)))
    np.savez(tmp_path / "truth.npz", truth=np.array(rows), frames=200, fps=25)
    (tmp_path / "log.jsonl").write_text("\n".join(log))
    printed = python(shared / "scenes" / "score.py", str(tmp_path / "truth.npz"), str(tmp_path / "log.jsonl"))
    theirs, ours = json.loads(printed), score(truth, log)
    for name, key in (
        ("recall", "recall"),
        ("right", "right"),
        ("right_if_found", "right_if_found"),
        ("false", "false_per_frame"),
        ("changes", "flips_per_min"),
    ):
        assert ours[name] == pytest.approx(theirs[key], abs=0.06), name
