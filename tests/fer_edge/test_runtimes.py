"""Both TFLite interpreters run the shipped models and agree: a device may have either."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[2]
OLD = ROOT / ".venv-tflite" / "bin" / "python"  # made by `make test` where Python is 3.11
PROGRAM = """
import json, sys
sys.path.insert(0, "edge")
from importlib.metadata import version
from pathlib import Path
import cv2
from fer_edge.demo import PORTRAIT
from fer_edge.classifiers import cards
from fer_edge.classifiers.runtimes import find_runtime
from fer_edge.classifiers.tflite import TfliteClassifier
from fer_edge.types import Box
picture = cv2.imread(str(PORTRAIT), cv2.IMREAD_GRAYSCALE)
boxes = [Box(180 + d, 65 + d, 95, 95) for d in (-12, -6, 0, 6, 12)]
answer = {"runtime": find_runtime()[0], "numpy": version("numpy"), "opencv": cv2.__version__, "auto": cards.choose(
    "mini_xception", "auto", find_runtime()[0], cards.installed()).variant, "scores": {}}
for card in cards.installed():
    readings = TfliteClassifier(card).predict(picture, boxes)
    answer["scores"][card.name] = [reading.scores for reading in readings]
print(json.dumps(answer))
"""


def ask(python: str | Path) -> dict[str, Any]:
    child = subprocess.run([python, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=False)
    assert child.returncode == 0, child.stderr
    answer: dict[str, Any] = json.loads(child.stdout)
    return answer


def test_both_interpreters_agree_on_every_shipped_model() -> None:
    if not OLD.exists():
        pytest.skip("tflite-runtime has wheels for Python 3.11 alone, and `make test` found another Python")
    new, old = ask(sys.executable), ask(OLD)
    assert (new["runtime"], old["runtime"]) == ("ai-edge-litert", "tflite-runtime")
    assert old["numpy"].startswith("1.26")
    assert new["scores"].keys() == old["scores"].keys()
    for name, scores in new["scores"].items():
        # Floats differ in the order of their sums; with integers, one kernel's rounding is another's half step, which
        # adds up over the layers.
        limit = {"int8": 0.05, "dynamic": 0.05}.get(name.rpartition("-")[2], 1e-4)
        for ours, theirs in zip(scores, old["scores"][name], strict=True):
            assert ours == pytest.approx(theirs, abs=limit), name
        assert max(range(7), key=scores[2].__getitem__) == 3  # happy, where the box is right
    assert old["auto"] != "int8"
