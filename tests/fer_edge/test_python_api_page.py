"""Every example in docs/python-api.md runs, and prints what stands under it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from fer_edge.classifiers.cards import models_folder
from fer_edge.demo import PORTRAIT, clip

pytestmark = pytest.mark.process

PAGE = Path(__file__).parents[2] / "docs" / "python-api.md"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NEXT = "--- the next example ---"
VIDEO_FRAMES = 300  # of the demo clip: its first face comes and goes


@pytest.fixture(scope="module")
def examples() -> list[tuple[str, str]]:
    """Each block of Python and the output under it."""
    blocks = FENCE.findall(PAGE.read_text(encoding="utf-8"))
    assert [kind for kind, _ in blocks] == ["python", "text"] * (len(blocks) // 2)
    texts = [text for _, text in blocks]
    return list(zip(texts[::2], texts[1::2], strict=True))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that has what the examples name."""
    folder = tmp_path_factory.mktemp("api")

    (folder / "pictures").mkdir()
    shutil.copy(PORTRAIT, folder / "portrait.jpg")
    shutil.copy(PORTRAIT, folder / "pictures" / "portrait.jpg")
    cv2.imwrite(str(folder / "pictures" / "wall.jpg"), np.full((240, 320, 3), 180, np.uint8))
    video = cv2.VideoWriter(
        str(folder / "video.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), clip.FPS, (clip.WIDTH, clip.HEIGHT)
    )
    drawn = clip.Clip()
    for number in range(VIDEO_FRAMES):
        video.write(drawn.draw(number))
    video.release()
    (folder / "models").mkdir()
    model = models_folder() / "mini_xception-int8.tflite"
    shutil.copy(model, folder / "models" / "smiles-int8.tflite")
    card = json.loads(model.with_suffix(".json").read_text()) | {"name": "smiles-int8", "file": "smiles-int8.tflite"}
    (folder / "models" / "smiles-int8.json").write_text(json.dumps(card))
    return folder


def run(program: str, folder: Path) -> str:
    """What `program` prints as a script of its own; a camera is the demo."""
    script = folder / "example.py"
    script.write_text(program.replace('"camera:0"', '"demo"'), encoding="utf-8")
    child = subprocess.run([sys.executable, script.name], cwd=folder, capture_output=True, text=True, check=False)
    assert (child.returncode, child.stderr) == (0, "")
    return child.stdout


def test_examples_print_what_is_shown(examples: list[tuple[str, str]], folder: Path) -> None:
    """One program, from the page's top to its end."""
    shown = [(code, output) for code, output in examples if "__main__" not in code]
    printed = run(f"print({NEXT!r})\n".join(code for code, _ in shown), folder).split(f"{NEXT}\n")
    assert printed == [output for _, output in shown]
    assert len(shown) >= 9


def test_programs_print_what_is_shown(examples: list[tuple[str, str]], folder: Path) -> None:
    """Those that other processes import, each by itself."""
    shown = [(code, output) for code, output in examples if "__main__" in code]
    assert [run(code, folder) for code, _ in shown] == [output for _, output in shown]
    assert shown
