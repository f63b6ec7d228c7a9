"""The README's moving picture: the tour as the camera sees it, with boxes, beside the kiosk's page in a real browser.

    python rigs/tour_picture.py [FILE.webp]

Needs playwright, and its Chromium or the system's.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import cv2
import numpy as np
from fer_edge.build import for_source, make_classifier, make_parts
from fer_edge.demo import tour
from fer_edge.drawing.annotate import annotate_frame
from fer_edge.pause import PauseSwitch
from fer_edge.settings import Settings, parse
from fer_edge.sinks.kiosk.sink import Kiosk
from fer_edge.types import INVENTED_SOURCE, Frame, Observation
from kiosk_pictures import ROOT, chromium
from PIL import Image
from playwright.sync_api import sync_playwright

SIZE = (480, 270)  # of each of both halves
STEP_S, FRAMES_A_STEP = 0.4, 10  # between two pictures, and how many the loop reads in it
SETTLED_MS = 450  # until a face has become another
QUALITY = 55  # 0 to 100, of WebP


def observations() -> Iterator[Observation]:
    """What the loop sees of one round of the tour, once every STEP_S seconds."""
    settings = for_source(Settings(), "tour")
    parts = make_parts(settings, make_classifier(settings.classifier), still=False)
    for number in range(round(tour.LENGTH_S * tour.FPS)):
        second = number / tour.FPS
        grey = np.zeros((tour.HEIGHT, tour.WIDTH), np.uint8)  # the tour's parts do not look
        frame = Frame(number, second, datetime.now().astimezone(), grey, INVENTED_SOURCE)
        tracks, gone = parts.tracker.update(second, parts.detector.detect(frame))
        predictions = parts.classifier.predict(frame.grey, [track.box for track in tracks])
        faces, events = parts.smoother.update(second, tracks, predictions, gone)
        if number % FRAMES_A_STEP == 0:
            yield Observation(replace(frame, colour=tour.draw(second)), faces, events)


def camera(seen: Observation, off: bool) -> Image.Image:
    """The camera's picture with boxes; a dark one while it is `off`."""
    picture = np.zeros((tour.HEIGHT, tour.WIDTH, 3), np.uint8) if off else annotate_frame(seen)
    small = cv2.resize(picture, SIZE, interpolation=cv2.INTER_AREA)
    return Image.fromarray(cv2.cvtColor(small, cv2.COLOR_BGR2RGB))


def main(path: Path) -> None:
    """Draw all pictures, and write them."""
    pictures = []
    pause_switch = PauseSwitch()
    settings = parse({"kiosk": {"port": 0, "rate": 1e6}})
    with (
        sync_playwright() as driver,
        closing(Kiosk(settings, pause_switch)) as sink,
        closing(chromium(driver)) as browser,
    ):
        sink.state("running")
        page = browser.new_page(viewport={"width": 960, "height": 540})
        for number, seen in enumerate(observations()):
            second = seen.frame.time
            paused = tour.PAUSE_AT_S <= second < tour.PAUSE_AT_S + tour.PAUSE_S
            lost = tour.LOST_AT_S <= second < tour.LOST_AT_S + tour.LOST_S
            if paused or lost:
                sink.state("paused" if paused else "lost")
            else:
                sink.write(seen)
            if not number:
                page.goto(f"http://127.0.0.1:{sink.port}/")
            page.wait_for_timeout(SETTLED_MS)
            shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB").resize(SIZE, Image.Resampling.LANCZOS)
            both = Image.new("RGB", (2 * SIZE[0], SIZE[1]))
            both.paste(camera(seen, paused or lost), (0, 0))
            both.paste(shot, (SIZE[0], 0))
            pictures.append(both)
    first, *others = pictures
    duration = round(STEP_S * 1000)
    first.save(path, save_all=True, append_images=others, duration=duration, loop=0, quality=QUALITY, method=6)
    print(f"{path}: {len(pictures)} pictures, {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "tour.webp")
