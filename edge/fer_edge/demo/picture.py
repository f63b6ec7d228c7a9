"""Makes the picture in the README: six frames of the demo clip with boxes and predictions drawn in.

python -m fer_edge.demo.picture edge/fer_edge/demo/annotated.jpg
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from fer_edge import loop
from fer_edge.build import make_classifier, make_parts
from fer_edge.demo import clip
from fer_edge.drawing.annotate import annotate
from fer_edge.settings import Settings
from fer_edge.sources import open_source
from fer_edge.stopwatch import Stopwatch
from fer_edge.types import Observation, Pixels, Sink

TIMES_S = (3.0, 7.0, 9.8, 13.6, 17.0, 21.6)


class Snapshots(Sink):
    """A sink that keeps the annotated frames at TIMES_S."""

    def __init__(self) -> None:
        self.pictures: list[Pixels] = []

    def write(self, observation: Observation) -> None:
        """Keep the frame if it is one of them."""
        frame = observation.frame
        if frame.colour is not None and frame.number in [round(second * clip.FPS) for second in TIMES_S]:
            self.pictures.append(annotate(frame.colour, observation.faces))

    def close(self) -> None:
        """Nothing to close."""


def main(path: str) -> None:
    """Write the picture to `path`."""
    settings, snapshots = Settings(), Snapshots()
    parts = make_parts(settings, make_classifier(settings.classifier), still=False)
    loop.run(open_source("demo").source, *parts, [snapshots], Stopwatch())
    rows = [np.hstack(snapshots.pictures[start : start + 3]) for start in (0, 3)]
    sheet = cv2.resize(np.vstack(rows), (960, 480), interpolation=cv2.INTER_AREA)
    done, data = cv2.imencode(".jpg", sheet, [cv2.IMWRITE_JPEG_QUALITY, 85])
    assert done
    Path(path).write_bytes(data.tobytes())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", help="JPEG file to write")
    main(parser.parse_args().path)
