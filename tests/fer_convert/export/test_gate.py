"""The parity gate: exact at its limits, tolerant of chance on few faces, and shut to a broken model."""

from __future__ import annotations

import numpy as np
import pytest
from fer_convert.export import gate
from fer_edge.errors import GateError


def test_gate_says_by_how_much() -> None:
    """The refusal has the agreement, the difference and what is allowed."""
    labels = np.arange(1000) % 7
    worse = labels.copy()
    worse[:40] = (labels[:40] + 1) % 7
    gate.check_agreement(labels, labels, labels)
    with pytest.raises(GateError, match=r"agree on 96\.00% of 1000 faces, 97% is needed.*differ by -4\.00 points"):
        gate.check_agreement(labels, worse, labels)
    # as accurate, but right on other faces
    wrong, other = labels.copy(), labels.copy()
    wrong[:20], other[20:40] = (labels[:20] + 1) % 7, (labels[20:40] + 1) % 7
    with pytest.raises(GateError, match=r"refused: they agree on 96\.00% of 1000 faces, 97% is needed; check"):
        gate.check_agreement(wrong, other, labels)
    slightly = labels.copy()
    slightly[:6] = (labels[:6] + 1) % 7
    with pytest.raises(GateError, match=r"differ by -0\.60 points, 0\.5 is allowed"):
        gate.check_agreement(labels, slightly, labels)


@pytest.mark.parametrize("faces", range(1000, 8001, 200))
def test_difference_at_the_limit(faces: int) -> None:
    """Exactly half a point is allowed, one face more is not, for any number of faces."""
    labels = np.arange(faces) % 7
    limit = faces // 200  # 0.5 points of them
    for right in range(limit, faces, faces // 7):
        float32, int8 = labels.copy(), labels.copy()
        float32[right:], int8[right - limit :] = 9, 9
        gate.check_agreement(float32, int8, labels)
        int8[right - limit - 1] = 9
        if right > limit:
            with pytest.raises(GateError, match="differ by -"):
                gate.check_agreement(float32, int8, labels)


@pytest.mark.parametrize("faces", [20, 40, 100, 200, 400, 800])
def test_gate_allows_chance_on_few_faces(faces: int) -> None:
    """People bring a few hundred pictures, of which a fifth is measured on."""
    rng = np.random.default_rng(faces)

    def refused(differing: float, worse: float) -> int:
        """How often of 200, if a share `differing` differ and a share `worse` of those are wrong."""
        count = 0
        for _ in range(200):
            labels = rng.integers(0, 7, faces)
            float32 = np.where(rng.random(faces) < 0.65, labels, labels + 1)
            changed = np.where(rng.random(faces) < worse, labels + 1, labels)
            try:
                gate.check_agreement(float32, np.where(rng.random(faces) < differing, changed, float32), labels)
            except GateError:
                count += 1
        return count

    assert refused(0.04, 0.35) <= 20  # close calls: as often for the better
    assert refused(0.6, 0.9) >= 190


def test_input_must_be_the_pixel() -> None:
    """Another scale, zero point or type of the int8 input is refused."""
    for dtype, quantization in ((np.uint8, (0.99, 0)), (np.int8, (1.0, -128)), (np.uint8, (1.0, 3))):
        with pytest.raises(GateError, match="a pixel is its own quantized value"):
            gate.check_input({"dtype": dtype, "quantization": quantization})
    gate.check_input({"dtype": np.uint8, "quantization": (1.0, 0)})
