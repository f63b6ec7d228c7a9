"""Whether a camera still sees: one that gives one shade, without even noise, or one picture over and over, does not."""

from __future__ import annotations

import numpy as np

from fer_edge.types import Pixels

EVERY = 8  # of so many rows and columns one is looked at; their noise is enough to tell, and costs nothing
FLAT = 3  # grey levels between the darkest and the brightest of one shade; a covered sensor's noise mostly has more
BLACK = 32  # mean grey level up to which one shade is called black; a video's black is 16
PICTURES = 3  # in a row at least, before they are trouble


class CameraHealth:
    """Looks at each picture of one camera. Times are seconds, on whatever clock the caller has."""

    def __init__(self, patience: float) -> None:
        """`patience`: seconds that pictures may show nothing, or nothing new."""
        self._patience = patience
        self.reset()

    def reset(self) -> None:
        """The camera was opened anew."""
        self.sees = False  # whether the last picture showed something, and something new
        self.flat = False  # whether it was of one shade
        self._before: Pixels | None = None
        self._saw: float | None = None  # the moment at which it last did
        self._count = 0  # pictures since then

    def trouble(self, grey: Pixels, now: float) -> str:
        """Look at a picture (height, width) uint8; once it has seen nothing for too long: what, in words."""
        sample = grey[::EVERY, ::EVERY].copy()  # a source may use its memory again
        self.flat = int(sample.max()) - int(sample.min()) <= FLAT
        frozen = self._before is not None and np.array_equal(sample, self._before)
        self.sees = self._before is not None and not self.flat and not frozen
        self._before = sample
        self._count += 1
        if self.sees:
            self._saw, self._count = now, 0
        elif self._saw is None:
            self._saw = now
        if now - self._saw < self._patience or self._count < PICTURES:
            return ""
        if not self.flat:
            return f"every picture for {now - self._saw:.0f} s was the same to the last bit"
        mean = float(sample.mean())
        shade = "black" if mean <= BLACK else f"of one shade ({mean:.0f} of 255)"
        return f"every picture for {now - self._saw:.0f} s was {shade}; take off the lens cap, or switch on a light"
