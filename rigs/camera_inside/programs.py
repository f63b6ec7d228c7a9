"""What tests/fer_edge/sources/test_picamera_for_real.py runs inside: each prints what it saw, as a last line of JSON.

python3 programs.py NAME [ARGUMENT ...]
"""

from __future__ import annotations

import itertools
import json
import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from fer_edge.cli import main as fer_edge
from fer_edge.demo import clip
from fer_edge.errors import SourceError
from fer_edge.sources import picamera
from fer_edge.sources.options import SourceOptions
from fer_edge.sources.picamera import PiCamera
from virtual_camera import cable

FRAMES = Path("/srv/frames")
FIRST, COUNT = 40, 10  # of the clip: one face that hardly moves


def draw() -> Any:
    """The pictures that the camera shows; and that it shows them."""
    import cv2

    FRAMES.mkdir(exist_ok=True)
    portrait = clip.Clip()
    for number in range(COUNT):
        cv2.imwrite(str(FRAMES / f"{number}.jpg"), portrait.draw(FIRST + number))
    return frames("640", "480")


def frames(width: str, height: str) -> Any:
    """Frames, what picamera2 said of each, and the main stream beside; then the same camera again."""
    size = int(width), int(height)
    said: list[dict[str, Any]] = []
    begun = time.monotonic()
    with noted(said), closing(PiCamera("picamera", SourceOptions(size=size))) as source:
        taken = list(itertools.islice(source, 30))
        ended = time.monotonic()
        layouts = {name: source._camera.camera_configuration()[name]["format"] for name in ("main", "lores")}
        request = source._camera.capture_request()
        rows = len(taken[0].grey)  # of NV12; its colours lie below
        main, lores = (request.make_array(name)[:rows].copy() for name in ("main", "lores"))
        request.release()
        # The pictures take turns, and a busy machine sees only some of them: more are looked at until it is there.
        more = itertools.islice(source, 500)
        ours = [
            any(bool((stream == frame.grey).all()) for frame in itertools.chain(taken, more))
            for stream in (main, lores)
        ]
    with closing(PiCamera("picamera", SourceOptions(size=size))) as source:
        again = next(iter(source))
    return {
        "found": picamera.find(),
        "layouts": layouts,
        "shapes": sorted({frame.grey.shape for frame in [*taken, again]}),
        "times": [frame.time for frame in taken],
        "stamps": [metadata["SensorTimestamp"] for metadata in said][: len(taken)],
        "begun": begun,
        "ended": ended,
        "pictures": len({frame.grey.tobytes() for frame in taken}),
        "one of them": ours,
        "again": again.time,
    }


@contextmanager
def noted(said: list[dict[str, Any]]) -> Iterator[None]:
    """Within it, `said` gets what picamera2 says of each picture."""
    from picamera2.request import CompletedRequest  # once virtual_camera was there

    real = CompletedRequest.get_metadata

    def get_metadata(request: Any) -> dict[str, Any]:
        said.append(real(request))
        return said[-1]

    CompletedRequest.get_metadata = get_metadata
    yield
    CompletedRequest.get_metadata = real


def run(*arguments: str) -> Any:
    """`fer-edge run` on the camera."""
    return {"exit": fer_edge(["run", "--source", "picamera", *arguments])}


def busy(*arguments: str) -> Any:
    """`fer-edge run` while somebody has the camera, who then goes.

    Somebody in this process: libcamera refuses the second with the same EBUSY as it refuses another process, whom only
    a Raspberry Pi's /dev/media* would tell it of.
    """
    with closing(PiCamera("picamera", SourceOptions())) as holder:
        pictures = iter(holder)
        next(pictures)
        refused = run(*arguments)["exit"]
        next(pictures)  # is not disturbed
    return {"refused": refused, "then": run(*arguments, "--max-frames", "2")["exit"]}


def lost(timeout: str) -> Any:
    """A cable that is pulled after 5 frames, one that was never in, and one that is."""
    options = SourceOptions(timeout=float(timeout))
    seen: dict[str, Any] = {}
    for name, count in (("later", 5), ("at first", 0)):
        cable.left = math.inf if count else 0
        source = PiCamera("picamera", options)
        pictures = iter(source)
        for _ in range(count):
            next(pictures)
        cable.left = 0
        try:
            while True:  # a picture or two were under way
                begun = time.monotonic()
                next(pictures)
        except SourceError as error:
            told = time.monotonic()
            source.close()
            closed = time.monotonic()
            seen[name] = {
                "kind": type(error).__name__,
                "says": str(error),
                "after": told - begun,
                "close": closed - told,
            }
    cable.left = math.inf
    with closing(PiCamera("picamera", options)) as source:
        seen["again"] = len(list(itertools.islice(source, 5)))
    return seen


def comes_back(*arguments: str) -> Any:
    """`fer-edge run` with a cable that is pulled once, and put back by whoever opens the camera again."""
    opened = itertools.count()
    start = PiCamera._start

    def start_with_cable(source: PiCamera, options: SourceOptions) -> None:
        cable.left = math.inf
        start(source, options)
        if next(opened) == 0:
            cable.left = 20

    PiCamera._start = start_with_cable  # type: ignore[method-assign]
    return run(*arguments) | {"opened": next(opened)}


PROGRAMS: dict[str, Callable[..., Any]] = {
    "draw": draw,
    "frames": frames,
    "run": run,
    "busy": busy,
    "lost": lost,
    "comes-back": comes_back,
}

if __name__ == "__main__":
    answer = PROGRAMS[sys.argv[1]](*sys.argv[2:])
    print(json.dumps(answer), flush=True)
