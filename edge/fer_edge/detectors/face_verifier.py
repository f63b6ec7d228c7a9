"""The second stage of every detector: whether a square is a face, and where exactly the face in it is.

A small network that `fer-convert train-verifier` trained on FER2013's faces, pasted on backgrounds, against what Haar
cascades take for faces, see models/detectors/README.md. It sees the square about a face with some of its surroundings,
turned upright, in even light, and gives the log odds of a face and the place where FER2013 would frame it. So every
detector's boxes are framed alike, and a tilted head is turned upright before its expression is read.
"""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fer_edge.classifiers.cards import models_folder
from fer_edge.classifiers.runtimes import FALLBACK, find_runtime, invoke, load_interpreter
from fer_edge.detectors.candidate import Candidate, probability
from fer_edge.errors import ModelError
from fer_edge.preprocess import even_light, turned_square
from fer_edge.types import Pixels

SIDE_PX = 48  # of the network's input
REACH = 1.5  # side of the square that it sees, in sides of the face
OUTPUTS = 5  # log odds of a face; its middle's shift right and down, logarithm of its size, tilt, each in UNITS
UNITS = np.array([0.05, 0.05, 0.05, 5.0], np.float32)  # sides of the face, sides, log scale, degrees
MAX_TILT = 50.0  # degrees, that the network has seen, and a little
MAX_SCALE = 1.0  # of a step of the output, in UNITS
PIXEL_SCALE, PIXEL_OFFSET = 1 / 64, -2.0  # how the network scales pixels; the float file takes them scaled


class FaceVerifier:
    """The network in the TFLite interpreter."""

    def __init__(self, path: Path | None = None) -> None:
        """Load the .tflite file at `path`; None: the shipped one, after a check by its card. Raises ModelError.

        If OpenCV is all that can run it, the shipped one is the float file.
        """
        is_float = path is None and find_runtime()[0] == FALLBACK
        content = read_shipped(is_float) if path is None else _read(path)
        path = path or _shipped(is_float)
        _, self._interpreter = load_interpreter(path, content)
        entries, results = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        taken = [(entry["shape"].tolist(), np.dtype(entry["dtype"]).name) for entry in entries]
        given = [result["shape"].tolist() for result in results]
        self._is_float = taken == [([1, SIDE_PX, SIDE_PX, 1], "float32")]
        scale, self._zero = results[0]["quantization"]
        if self._is_float:
            scale = 0.0 if scale else 1.0  # a float file has no steps
        # With a scale that is no number, or huge, every place would be absurd.
        is_usable = 0 < scale <= MAX_SCALE and (self._is_float or taken == [([1, SIDE_PX, SIDE_PX, 1], "uint8")])
        if not is_usable or given != [[1, OUTPUTS]]:
            raise ModelError(
                f"model {path}: takes {taken} and gives {given} in steps of {scale:g}, so it is no face verifier; "
                "restore it, or train it with fer-convert train-verifier"
            )
        self._input, self._output = entries[0]["index"], results[0]["index"]
        self._scale = np.float32(scale)

    def locate(self, grey: Pixels, near: Candidate) -> Candidate:
        """The face near the square `near` of the frame `grey` (height, width), as FER2013 would frame it.

        Its score is the probability that there is one. A square whose place or side is no number, or that has no side,
        is no face.
        """
        if not (near.side > 0 and math.isfinite(near.x + near.y + near.side)):
            return near._replace(score=0.0)
        x, y = near.x + near.side / 2, near.y + near.side / 2
        square = even_light(turned_square(grey, x, y, near.side * REACH, near.tilt, SIDE_PX))
        log_odds, right, down, log_scale, tilt = self._run(square)
        # The place is in the turned square.
        cosine, sine = math.cos(math.radians(near.tilt)), math.sin(math.radians(near.tilt))
        x += (cosine * right - sine * down) * near.side
        y += (sine * right + cosine * down) * near.side
        side = near.side * math.exp(log_scale)
        turned = min(max(near.tilt + tilt, -MAX_TILT), MAX_TILT)
        return Candidate(x - side / 2, y - side / 2, side, probability(log_odds), turned)

    def outputs(self, squares: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The network's outputs (n, OUTPUTS) for `squares` (n, SIDE_PX, SIDE_PX) in even light."""
        units = np.concatenate(([np.float32(1)], UNITS))
        return np.array([self._run(square) for square in squares], np.float32) / units

    def _run(self, square: Pixels) -> tuple[float, ...]:
        """Log odds, shift right and down in sides of the square's usual face, log scale, degrees."""
        view = self._interpreter.tensor(self._input)()
        if self._is_float:
            np.multiply(square, np.float32(PIXEL_SCALE), out=view[0, :, :, 0])
            view += np.float32(PIXEL_OFFSET)
        else:
            view[0, :, :, 0] = square
        del view  # into the interpreter's memory, which invoke() may move
        invoke(self._interpreter)
        raw = self._interpreter.get_tensor(self._output)[0].astype(np.float32)
        log_odds, *place = ((raw - self._zero) * self._scale).tolist()
        return log_odds, *(value * unit for value, unit in zip(place, UNITS.tolist(), strict=True))


def _shipped(is_float: bool = False) -> Path:
    return models_folder() / "detectors" / f"face_verifier{'-float32' * is_float}.tflite"


def _read(path: Path) -> bytes:
    """The content of the file at `path`. Raises ModelError."""
    try:
        return path.read_bytes()
    except OSError as cause:
        raise ModelError(f"model {path}: cannot be read ({cause.strerror}); give a face verifier's .tflite") from None


def read_shipped(is_float: bool = False) -> bytes:
    """The shipped file, int8 or float, if it is what its card says. Raises ModelError."""
    path = _shipped(is_float)
    try:
        content = path.read_bytes()
        expected = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as cause:
        raise ModelError(f"model {path}: cannot be read with its card ({cause}); install fer-edge again") from None
    if hashlib.sha256(content).hexdigest() != expected:
        raise ModelError(f"model {path}: is damaged, its card has another sha256; install fer-edge again")
    return content
