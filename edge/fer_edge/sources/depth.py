"""Pictures of more than eight bits a pixel, as the eight that the loop works on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_edge.types import Pixels

OUTLIER_PERCENT = 0.1  # of the darkest and of the brightest pixels, which may be those that a sensor has wrong
DEPTHS_BITS = (8, 10, 12, 14, 16)  # of cameras whose pictures are kept in 16 bits


def to_8_bits(values: NDArray[Any]) -> Pixels:
    """`values` of any type and shape as uint8, 0 to 255.

    Whole numbers are taken for as many bits as the largest needs, floats for 0 to 1 or 0 to 255 if they all lie there;
    all others, such as temperatures, are stretched from their lowest to their highest.
    """
    if values.dtype == np.uint8:
        return values
    finite = values[np.isfinite(values)]
    if not finite.size:
        return np.zeros(values.shape, np.uint8)
    low, high = float(finite.min()), float(finite.max())
    if np.issubdtype(values.dtype, np.integer) and low >= 0 and high < 1 << DEPTHS_BITS[-1]:
        bits = next(bits for bits in DEPTHS_BITS if high < 1 << bits)
        return (values.astype(np.uint16) >> (bits - 8)).astype(np.uint8)
    if low >= 0 and high <= 255:
        low, high = 0.0, 1.0 if high <= 1 else 255.0
    else:
        low, high = np.percentile(finite, (OUTLIER_PERCENT, 100 - OUTLIER_PERCENT)).tolist()
    inside = np.clip(np.nan_to_num(values.astype(np.float64), nan=low), low, high)
    return (255 * (inside - low) / ((high - low) or 1.0) + 0.5).astype(np.uint8)
