"""What test_arm.py compares between a Raspberry Pi's processor and this one: run by each, it prints JSON."""

from __future__ import annotations

import io
import json
import tempfile
from contextlib import redirect_stdout
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np
from fer_edge import cli, preprocess
from fer_edge.classifiers.cards import choose, installed
from fer_edge.classifiers.runtimes import find_runtime
from fer_edge.classifiers.tflite import TfliteClassifier
from fer_edge.demo import PORTRAIT
from fer_edge.types import Box

# Where the face is, beside it, closer and wider: larger than the network's input. And smaller than that.
BOXES = [Box(180 + d, 65 + d // 2, side, side) for d, side in ((0, 95), (-12, 95), (12, 95), (6, 80), (-10, 115))]
SMALL = Box(204, 90, 45, 45)


def main() -> None:
    """Find and read the portrait, verify the models, and read crops, bright and dim."""
    name, _ = find_runtime()
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "faces.jsonl"
        said = run("detect", str(PORTRAIT), "--json", str(table))
        (face,) = json.loads(table.read_text())["faces"]
    size = installed()[0].size
    grey = cv2.imread(str(PORTRAIT), cv2.IMREAD_GRAYSCALE)
    crops = np.stack([preprocess.face_pixels(grey, box, size) for box in BOXES])
    crops = np.concatenate([crops, crops // 4])
    answer = {
        "versions": {name: version(name), "numpy": np.__version__, "opencv": cv2.__version__},
        "models": len(installed()),
        "auto": choose("mini_xception", "auto", name, installed()).variant,
        "said": said,
        "face": face,
        "verified": run("models", "--verify"),
        "crops": crops.tolist(),
        "small": preprocess.face_pixels(grey, SMALL, size).tolist(),
        "scores": {
            card.variant: TfliteClassifier(card, name).predict_crops(crops).tolist()
            for card in installed()
            if card.model == "mini_xception"
        },
    }
    print(json.dumps(answer))


def run(*arguments: str) -> str:
    """What `fer-edge` prints."""
    out = io.StringIO()
    with redirect_stdout(out):
        code = cli.main(list(arguments))
    assert not code, (arguments, code)
    return out.getvalue()


if __name__ == "__main__":
    main()
