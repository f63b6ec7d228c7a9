"""The faces that an int8 model is calibrated on."""

from __future__ import annotations

from typing import Any

import numpy as np
from fer_edge.errors import DataError
from numpy.typing import NDArray

from fer_convert.data.faces import Faces
from fer_convert.export import tflite
from fer_convert.messages import Log, say
from fer_convert.training.engine import predict

# Converters use the widest values that they see, so more faces are not better: the rarest stretch every scale. On the
# mean of four draws int8 agreed with float32 on 96.5 % of PublicTest with 200 faces, and of another model on 96.7 %
# with 50, 96.9 % with 25, 97.2 % with 14 and 97.0 % with 7.
CALIBRATION_FACES = 14
CALIBRATION_DRAWS = 8  # to choose from


def best_draw(
    model: Any, size: tuple[int, int], training: Faces, validation: Faces, seed: int, log: Log = say
) -> NDArray[np.uint8]:
    """Of CALIBRATION_DRAWS draws of `training` faces, the one whose int8 model agrees with `model` most often.

    Agreement is counted on `validation`. An unlucky draw has a face that stretches the scales: agreement on FER2013
    ranged over a point. The draw is chosen on the faces that it is then measured on, like the best epoch of a training.
    """
    wanted = predict(model, validation.pixels).argmax(axis=1)
    draws, agreeing = [], []
    for number in range(CALIBRATION_DRAWS):
        draws.append(calibration_faces(training, seed + number))
        content = tflite.convert(model, size, "int8", draws[-1])
        agreeing.append(float((tflite.predict_classes(content, validation.pixels) == wanted).mean()))
        log(f"faces to calibrate int8 on, draw {number + 1} of {CALIBRATION_DRAWS}: agrees in {agreeing[-1]:.2%}")
    return draws[int(np.argmax(agreeing))]


def calibration_faces(faces: Faces, seed: int, count: int = CALIBRATION_FACES) -> NDArray[np.uint8]:
    """About `count` faces (n, height, width), equally many of each class, that include a pixel of 0 and one of 255.

    Converters take an input's scale from the values that they see, so the darkest and the brightest pixel must occur.
    Raises DataError if all faces are flat grey.
    """
    rng = np.random.default_rng(seed)
    present = np.unique(faces.labels)
    per_class = -(-count // len(present))
    rows = [rng.permutation(np.flatnonzero(faces.labels == label))[:per_class] for label in present]
    chosen: NDArray[np.uint8] = faces.pixels[np.concatenate(rows)]
    if chosen.min() > 0 or chosen.max() < 255:
        # One face, stretched over the whole range, is still a face; a black and a white picture would not be.
        widest = chosen[np.argmax(np.ptp(chosen, axis=(1, 2)))].astype(np.float64)
        low, high = widest.min(), widest.max()
        if high == low:
            raise DataError(
                "training faces: each is one flat grey, so nothing can be calibrated on them; check the data"
            )
        stretched = np.rint((widest - low) * 255 / (high - low)).astype(np.uint8)
        chosen = np.concatenate([chosen, stretched[None]])
    return chosen
