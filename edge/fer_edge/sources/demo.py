"""The demo clip as a source: no camera, no network, no private data."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import cv2
import numpy as np

from fer_edge.demo import clip
from fer_edge.sources.options import SourceOptions
from fer_edge.types import Frame


class Demo:
    """The frames of fer_edge.demo.clip, as fast as they are read; `Frame.time` is the position in the clip, seconds."""

    still = live = local = False
    fps = float(clip.FPS)
    length = clip.LENGTH

    def __init__(self, target: str, options: SourceOptions) -> None:  # noqa: ARG002 (every source has these arguments)
        """Load the portrait. `target` becomes the frames' `source`; the clip has its own size and frame rate."""
        self.name = target
        self._clip: clip.Clip | None = clip.Clip()
        self.opened = datetime.now().astimezone()

    def __iter__(self) -> Iterator[Frame]:
        """All frames, from the first one on."""
        for number in range(clip.LENGTH):
            if self._clip is None:
                return
            colour = self._clip.draw(number)
            grey = np.asarray(cv2.cvtColor(colour, cv2.COLOR_BGR2GRAY), np.uint8)
            seconds = number / clip.FPS
            yield Frame(number, seconds, self.opened + timedelta(seconds=seconds), grey, self.name, colour)

    def close(self) -> None:
        """End the clip. May be called twice."""
        self._clip = None
