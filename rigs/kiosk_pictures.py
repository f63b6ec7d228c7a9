"""The pictures of the kiosk's page in docs/, with invented predictions.

    python rigs/kiosk_pictures.py [FOLDER]

Needs playwright, and its Chromium or the system's.
"""

from __future__ import annotations

import io
import json
import math
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from fer_edge.pause import PauseSwitch
from fer_edge.settings import parse
from fer_edge.sinks.kiosk.sink import Kiosk
from fer_edge.types import EMOTIONS, Box, Event, Face, Frame, Observation, Prediction, State
from PIL import Image
from playwright.sync_api import Error, Playwright, sync_playwright

ROOT = Path(__file__).parents[1]
SETTLED = 900  # milliseconds; faces morph for half of it
SHEET = [(emotion, "running") for emotion in (*EMOTIONS, "uncertain")] + [
    ("", "running"),
    ("", "starting"),
    ("", "paused"),
    ("", "lost"),
]


def main(folder: Path) -> None:
    """Take all of them."""
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as driver:
        log = Path(scratch) / "log.jsonl"
        write_day(log)
        settings = parse({"kiosk": {"port": 0, "rate": 1e6}, "log": {"path": str(log)}})
        with closing(Kiosk(settings, PauseSwitch())) as sink, closing(chromium(driver)) as browser:
            sink.state("running")
            page = browser.new_page()

            def shot(width: int, height: int, path: str = "/") -> Image.Image:
                page.set_viewport_size({"width": width, "height": height})
                page.goto(f"http://127.0.0.1:{sink.port}{path}")
                page.wait_for_selector(".figure, #rows tr")
                page.wait_for_timeout(SETTLED)
                return Image.open(io.BytesIO(page.screenshot())).convert("RGB")

            show(sink, ["happy"], "running")
            save(shot(1920, 1080), folder / "kiosk-1920x1080.webp")
            show(sink, ["surprise", "neutral"], "running")
            save(shot(800, 480), folder / "kiosk-800x480.webp")
            save(shot(1280, 1000, "/history"), folder / "kiosk-history.webp")
            small = []
            for emotion, state in SHEET:
                show(sink, [emotion] if emotion else [], state)  # type: ignore[arg-type]
                small.append(shot(640, 400).crop((100, 0, 540, 330)))
            save(sheet(small, 4), folder / "kiosk-faces.webp")


def chromium(driver: Playwright) -> Any:
    """Playwright's, else the system's."""
    options: dict[str, Any] = {"args": ["--no-sandbox"]} if os.geteuid() == 0 else {}
    try:
        return driver.chromium.launch(**options)
    except Error:
        return driver.chromium.launch(executable_path=shutil.which("chromium"), **options)


def show(sink: Kiosk, emotions: Sequence[str], state: State) -> None:
    """Put up faces, or a state."""
    if state != "running":
        sink.state(state)
        return
    prediction = Prediction(EMOTIONS, tuple(1 / len(EMOTIONS) for _ in EMOTIONS))
    faces = tuple(Face(n, Box(100 * n, 100, 90, 90), e, 0.85, prediction) for n, e in enumerate(emotions, 1))
    frame = Frame(1, 0.0, datetime.now().astimezone(), np.zeros((480, 640), np.uint8), "camera:0")
    sink.write(Observation(frame, faces, tuple(Event("came", face) for face in faces)))


def write_day(path: Path) -> None:
    """A day of visitors, most of them around noon, up to now."""
    dice = random.Random(5)
    now = datetime.now().astimezone()
    moment = now.replace(hour=0, minute=0, second=0, microsecond=0)
    span = (now - moment).total_seconds()
    weights = [6, 2, 3, 40, 9, 12, 28]
    lines, frame, visitor = [], 0, 0
    while moment < now:
        share = (moment - now).total_seconds() / span + 1
        moment += timedelta(seconds=dice.expovariate(0.001 + 0.02 * math.exp(-(((share - 0.62) / 0.16) ** 2))))
        visitor += 1
        for _ in range(dice.randint(1, 6)):
            emotion = dice.choices([*EMOTIONS, "uncertain"], [*weights, 6])[0]
            scores = dict.fromkeys(EMOTIONS, 0.1)
            face = {"id": visitor, "box": [0, 0, 9, 9], "emotion": emotion, "confidence": 0.8, "scores": scores}
            lines.append((moment, frame, [face], [{"kind": "changed", "id": visitor, "emotion": emotion}]))
            moment += timedelta(seconds=dice.uniform(2, 20))
            frame += 1
        lines.append((moment, frame, [], [{"kind": "gone", "id": visitor, "emotion": "happy"}]))
        frame += 1
    with path.open("w") as out:
        for time, number, faces, events in lines:
            if time < now:
                line = {
                    "time": time.isoformat(),
                    "source": "camera:0",
                    "frame": number,
                    "faces": faces,
                    "events": events,
                }
                out.write(json.dumps(line) + "\n")


def sheet(pictures: Sequence[Image.Image], across: int) -> Image.Image:
    """All of them beside and below each other."""
    width, height = pictures[0].size
    whole = Image.new("RGB", (across * width, -(-len(pictures) // across) * height))
    for number, picture in enumerate(pictures):
        whole.paste(picture, (number % across * width, number // across * height))
    return whole


def save(picture: Image.Image, path: Path) -> None:
    """As WebP, which is a tenth of PNG's size here."""
    picture.save(path, quality=88, method=6)
    print(path, path.stat().st_size, "bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs")
