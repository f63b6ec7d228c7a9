"""Whether a camera's pictures show anything: not if all are of one shade without noise, or the same picture."""

from __future__ import annotations

import numpy as np

from fer_edge.types import Pixels

SAMPLE_STEP_PX = 8  # between the rows and columns that are checked; their noise is enough to tell, and costs nothing
MAX_FLAT_RANGE = 3  # grey levels from darkest to brightest in one shade; a covered sensor's noise mostly has more
MAX_BLACK_MEAN = 32  # grey level up to which one shade is called black; a video's black is 16
MIN_PICTURES = 3  # in a row that show nothing, before the camera counts as blind


class CameraHealth:
    """Checks each picture of one camera. Times are seconds, on the caller's clock."""

    def __init__(self, patience: float) -> None:
        """`patience`: seconds for which pictures may show nothing, or nothing new."""
        self._patience = patience
        self.reset()

    def reset(self) -> None:
        """Begin again: the camera was opened again."""
        self.sees = False  # whether the last picture showed something, and something new
        self.flat = False  # whether it was of one shade
        self._before: Pixels | None = None
        self._saw: float | None = None  # seconds, when a picture last showed something new
        self._count = 0  # pictures since then

    def trouble(self, grey: Pixels, now: float) -> str:
        """What is wrong, in words, after a picture (height, width) uint8; "" if nothing is."""
        sample = grey[::SAMPLE_STEP_PX, ::SAMPLE_STEP_PX].copy()  # a source may use its memory again
        self.flat = int(sample.max()) - int(sample.min()) <= MAX_FLAT_RANGE
        frozen = self._before is not None and np.array_equal(sample, self._before)
        self.sees = self._before is not None and not self.flat and not frozen
        self._before = sample
        self._count += 1
        if self.sees:
            self._saw, self._count = now, 0
        elif self._saw is None:
            self._saw = now
        if now - self._saw < self._patience or self._count < MIN_PICTURES:
            return ""
        if not self.flat:
            return f"every picture for {now - self._saw:.0f} s was the same to the last bit"
        mean = float(sample.mean())
        shade = "black" if mean <= MAX_BLACK_MEAN else f"of one shade ({mean:.0f} of 255)"
        return f"every picture for {now - self._saw:.0f} s was {shade}; take off the lens cap, or switch on a light"
