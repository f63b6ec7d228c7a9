"""`source.rotate`, `source.flip` and `source.zone` on cameras that run: picture, boxes, crops and live page agree."""

from __future__ import annotations

import http.client
import http.server
import itertools
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from fer_edge import loop, preprocess
from fer_edge.build import make_classifier, make_parts
from fer_edge.demo import PORTRAIT
from fer_edge.drawing.annotate import annotate
from fer_edge.pause import PauseSwitch
from fer_edge.settings import Settings, parse
from fer_edge.sinks.crops import Crops
from fer_edge.sinks.kiosk.sink import Kiosk
from fer_edge.sources import choose, open_choice
from fer_edge.sources.options import source_options
from fer_edge.stopwatch import Stopwatch
from fer_edge.types import Box, Classifier, Observation, Pixels, Sink

SIDE = 300  # pixels, of a portrait in the scene
PLACES = ((10, 170), (330, 20))  # of the two portraits: left and low, right and high
FACE = (164, 55, 122)  # of the portrait of 512 pixels: left, top, side
RIGHT = [0.5, 0.0, 0.5, 1.0]
JPEG_NOISE = 6.0  # grey values, the mean difference of two JPEGs of one scene
MOUNTINGS = [(0, False), (90, False), (180, True), (270, True)]


def scene(places: tuple[tuple[int, int], ...] = PLACES) -> Pixels:
    """What a person sees, 640 x 480: a portrait at each of `places`, on a ground that is not the same anywhere."""
    across, down = np.meshgrid(np.linspace(40, 200, 640), np.linspace(0, 50, 480))
    seen = np.dstack([across, across + down, np.full_like(across, 90)]).astype(np.uint8)
    portrait = cv2.resize(cv2.imread(str(PORTRAIT)), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    for x, y in places:
        seen[y : y + SIDE, x : x + SIDE] = portrait
    return seen


def as_mounted(seen: Pixels, rotate: int, flip: bool) -> bytes:
    """The JPEG of a camera which these settings put right."""
    seen = cv2.flip(seen, 1) if flip else seen  # type: ignore[assignment]
    turned = np.rot90(seen, rotate // 90)  # against the clock
    return cv2.imencode(".jpg", np.ascontiguousarray(turned), [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


def expected(place: tuple[int, int]) -> Box:
    left, top, side = (round(number * SIDE / 512) for number in FACE)
    return Box(place[0] + left, place[1] + top, side, side)


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    width = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    height = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    both = max(width, 0) * max(height, 0)
    return both / (one.width * one.height + other.width * other.height - both)


class Camera(http.server.ThreadingHTTPServer):
    """/stream is a multipart stream, /snapshot.jpg one JPEG a request, both of `jpeg`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.jpeg = b""
        self.over = threading.Event()


class Handler(http.server.BaseHTTPRequestHandler):
    server: Camera

    def do_GET(self) -> None:
        jpeg, stream = self.server.jpeg, self.path == "/stream"
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame" if stream else "image/jpeg")
        if not stream:
            self.send_header("Content-Length", str(len(jpeg)))
        self.end_headers()
        with suppress(OSError):  # the client hung up
            if not stream:
                self.wfile.write(jpeg)
                return
            while not self.server.over.wait(0.01):
                head = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg)
                self.wfile.write(head + jpeg + b"\r\n")

    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def camera() -> Iterator[Camera]:
    with Camera() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.over.set()
        running.shutdown()
        thread.join()


@pytest.fixture
def source_of(camera: Camera, tmp_path: Path) -> Iterator[Callable[[str, bytes], str]]:
    """A function that gives the `--source` of a camera of a kind which shows a JPEG."""
    with ExitStack() as stack:

        def make(kind: str, jpeg: bytes) -> str:
            camera.jpeg = jpeg
            if kind != "pipe":
                return f"http://127.0.0.1:{camera.server_port}/{kind}"
            path = tmp_path / "camera.pipe"  # a file again and again, as from a camera's program
            os.mkfifo(path)

            def play() -> None:
                with suppress(OSError), path.open("wb", buffering=0) as pipe:
                    while True:
                        pipe.write(jpeg)

            thread = threading.Thread(target=play, daemon=True)
            thread.start()
            stack.callback(thread.join, 10)
            return str(path)

        yield make


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return make_classifier(Settings().classifier)


class Kept(Sink):
    def __init__(self) -> None:
        self.observations: list[Observation] = []

    def write(self, observation: Observation) -> None:
        self.observations.append(observation)

    def close(self) -> None: ...


def read(name: str, classifier: Classifier, tmp_path: Path, **source: Any) -> tuple[list[Observation], list[Any]]:
    """Some frames, and what `shown` found of the last one on the live page."""
    tables = {
        "source": {"fps": 50.0, **source},
        "detector": {"name": "haar"},
        "kiosk": {"port": 0, "live": True, "rate": 1e6},
        "crops": {"folder": str(tmp_path / "faces"), "label": "smile", "seconds": 0.2},
    }
    settings = parse(tables)
    kept = Kept()
    with closing(Kiosk(settings, PauseSwitch())) as kiosk, closing(Crops(settings.crops)) as crops:
        with closing(open_choice(choose(name), source_options(settings.source))) as opened:
            parts = make_parts(settings, classifier, opened.still)
            loop.run(itertools.islice(opened, 12), *parts, [kept, kiosk, crops], Stopwatch())
        return kept.observations, shown(kiosk.port)


def shown(port: int) -> list[Any]:
    """[what the page draws, the picture that it draws on, the picture with boxes drawn in, the room's page]."""
    found: list[Any] = []
    for path in ("/live.stream", "/live.mjpg", "/api/v1/stream"):
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
            connection.request("GET", path)
            answer = connection.getresponse()
            if path == "/live.stream":
                sizes = [int.from_bytes(answer.read(4)) for _ in range(2)]
                found += [json.loads(answer.read(sizes[0])), decoded(answer.read(sizes[1]))]
            elif path == "/live.mjpg":
                answer.readline()
                heads = dict(line.decode().strip().split(": ") for line in iter(answer.readline, b"\r\n"))
                found.append(decoded(answer.read(int(heads["Content-Length"]))))
            else:
                while answer.readline() != b"event: now\n":
                    pass
                found.append(json.loads(answer.readline().removeprefix(b"data: ")))
            answer.close()
    return found


def decoded(data: bytes) -> Any:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


def difference(one: Any, other: Any) -> float:
    assert one.shape == other.shape
    return float(np.abs(one.astype(int) - other.astype(int)).mean())


@pytest.mark.parametrize("kind", ["stream", "snapshot.jpg", "pipe"])
@pytest.mark.parametrize(("rotate", "flip"), MOUNTINGS)
def test_camera_is_put_right(
    source_of: Callable[[str, bytes], str],
    classifier: Classifier,
    tmp_path: Path,
    kind: str,
    rotate: int,
    flip: bool,
) -> None:
    """The frame, its boxes and the crops are those of the scene; the live page shows the same."""
    wanted = scene(PLACES[:1])
    name = source_of(kind, as_mounted(wanted, rotate, flip))
    observations, (page, plain, drawn, stage) = read(name, classifier, tmp_path, rotate=rotate, flip=flip)
    seen = observations[-1]
    assert difference(seen.frame.picture, wanted) < JPEG_NOISE
    assert seen.frame.grey.shape == (480, 640)
    (face,) = seen.faces
    assert face.emotion == "happy"
    assert overlap(face.box, expected(PLACES[0])) > 0.6
    grey = cv2.cvtColor(wanted, cv2.COLOR_BGR2GRAY)
    saved = list((tmp_path / "faces" / "smile").iterdir())
    assert saved
    for path in saved:
        crop = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        assert crop is not None
        box = observations[int(path.stem.rpartition("-")[2])].faces[0].box
        assert difference(crop, preprocess.face_pixels(grey, box, crop.shape[:2])) < JPEG_NOISE
    assert [page["width"], page["height"]] == [640, 480]
    assert [one["box"] for one in page["faces"]] == [list(face.box)]
    assert difference(plain, wanted) < JPEG_NOISE
    assert difference(drawn, annotate(wanted, seen.faces)) < JPEG_NOISE
    middle = (face.box.x + face.box.width / 2) / 640
    assert stage["faces"][0]["x"] == pytest.approx(middle if flip else 1 - middle, abs=0.03)


@pytest.mark.parametrize("kind", ["stream", "snapshot.jpg", "pipe"])
@pytest.mark.parametrize(("rotate", "flip"), MOUNTINGS)
def test_zone_is_of_the_frame_as_seen(
    source_of: Callable[[str, bytes], str],
    classifier: Classifier,
    tmp_path: Path,
    kind: str,
    rotate: int,
    flip: bool,
) -> None:
    """Of two people the one in the right half is read, whatever the camera hangs like; the page draws the zone."""
    name = source_of(kind, as_mounted(scene(), rotate, flip))
    observations, (page, _, _, stage) = read(name, classifier, tmp_path, rotate=rotate, flip=flip, zone=RIGHT)
    (face,) = observations[-1].faces
    assert overlap(face.box, expected(PLACES[1])) > 0.6
    assert [one["box"] for one in page["faces"]] == [list(face.box)]
    assert stage["zone"] == RIGHT
    assert stage["size"] == [640, 480]
