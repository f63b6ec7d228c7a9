"""Data augmentation: faces as a camera might have seen them, turned, shifted, dimmed, noisy, blurred, partly covered.

Works on uint8 faces at the network's size, after `fer_edge.preprocess` has resized them, so that with every strength at
zero the network is trained on exactly the bytes that the device gives it. About 3 s for the 28,709 faces of FER2013 on
one core. The changes depend on the random generator alone: the same seed gives the same faces.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import cv2
import numpy as np
from fer_edge.errors import SettingsError
from fer_edge.types import Pixels
from numpy.typing import NDArray

REFERENCE_SIDE_PX = 48  # blur is given for a face of FER2013's own size, and grows with the network's input


def _strength(default: float, allowed: tuple[float, float], text: str) -> float:
    value: float = field(default=default, metadata={"help": text, "allowed": allowed})
    return value


@dataclass(frozen=True)
class Augmentation:
    """How strongly faces are changed; 0 switches a change off. Raises SettingsError if a value is out of range."""

    flip: float = _strength(0.5, (0, 1), "share of the faces that are mirrored")
    shift: float = _strength(0.08, (0, 0.5), "largest shift, share of the side")
    rotation: float = _strength(12.0, (0, 180), "largest rotation, degrees")
    zoom: float = _strength(0.12, (0, 0.9), "largest change of size, share")
    brightness: float = _strength(25.0, (0, 255), "largest brightness offset, grey levels")
    contrast: float = _strength(0.25, (0, 0.9), "largest change of contrast about the face's mean, share")
    dim: float = _strength(0.25, (0, 1), "share of the faces that are dimmed, to between dim-to and 1 of their light")
    dim_to: float = _strength(0.2, (0.01, 1), "the darkest that dimming goes, share of the light")
    noise: float = _strength(0.3, (0, 1), "share of the faces that get sensor noise")
    noise_sigma: float = _strength(6.0, (0, 64), "strongest noise, standard deviation in grey levels")
    blur: float = _strength(0.2, (0, 1), "share of the faces that are blurred")
    blur_sigma: float = _strength(1.4, (0.01, 10), "strongest blur, sigma in pixels of a 48-pixel face")
    erasing: float = _strength(0.1, (0, 1), "share of the faces of which a rectangle is covered")
    erasing_area: float = _strength(0.15, (0, 0.9), "largest covered area, share of the face")

    def __post_init__(self) -> None:
        check_ranges(self)


def check_ranges(settings: Any) -> None:
    """Raise SettingsError if a field of the dataclass `settings` is outside the range that its metadata allow."""
    for entry in fields(settings):
        low, high = entry.metadata["allowed"]
        value = getattr(settings, entry.name)
        if not low <= value <= high:
            raise SettingsError(f"--{entry.name.replace('_', '-')} {value}: allowed is {low} to {high}")


NO_AUGMENTATION = Augmentation(
    flip=0, shift=0, rotation=0, zoom=0, brightness=0, contrast=0, dim=0, noise=0, blur=0, erasing=0
)


def augment(faces: NDArray[np.uint8], strengths: Augmentation, rng: np.random.Generator) -> NDArray[np.uint8]:
    """`faces` (n, height, width) changed by `strengths`, as a new array of the same shape."""
    out = np.empty_like(faces)
    for face, target in zip(faces, out, strict=True):
        target[...] = _augment_face(face, strengths, rng)
    return out


def _augment_face(face: Pixels, strengths: Augmentation, rng: np.random.Generator) -> Pixels:
    """In the order of a camera: the head's pose, what covers it, the lens, the light, the sensor."""
    face = _warp(face, strengths, rng)
    if strengths.erasing and rng.random() < strengths.erasing:
        face = _erase(face, strengths.erasing_area, rng)
    if strengths.blur and rng.random() < strengths.blur:
        sigma = rng.uniform(0.2, 1.0) * strengths.blur_sigma * face.shape[0] / REFERENCE_SIDE_PX
        face = cv2.GaussianBlur(face, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)  # type: ignore[assignment]
    face = _change_light(face, strengths, rng)
    if strengths.noise and rng.random() < strengths.noise:
        sigma = rng.uniform(0.0, strengths.noise_sigma)
        grain = rng.standard_normal(face.shape, np.float32) * np.float32(sigma)
        face = np.clip(face + grain + 0.5, 0, 255).astype(np.uint8)
    return face


def _warp(face: Pixels, strengths: Augmentation, rng: np.random.Generator) -> Pixels:
    """Flip, shift, rotation and zoom in one resampling, so that it blurs the face only once."""
    if strengths.flip and rng.random() < strengths.flip:
        face = face[:, ::-1]
    if not (strengths.shift or strengths.rotation or strengths.zoom):
        return face
    height, width = face.shape
    angle = rng.uniform(-strengths.rotation, strengths.rotation)
    matrix = cv2.getRotationMatrix2D(
        ((width - 1) / 2, (height - 1) / 2), angle, 1 + rng.uniform(-strengths.zoom, strengths.zoom)
    )
    matrix[:, 2] += rng.uniform(-strengths.shift, strengths.shift, 2) * np.array((width, height))
    # The edge is repeated, as `fer_edge.preprocess.crop` repeats it at the frame's edge.
    return cv2.warpAffine(  # type: ignore[return-value]
        np.ascontiguousarray(face), matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def _erase(face: Pixels, max_area: float, rng: np.random.Generator) -> Pixels:
    """A rectangle of noise over up to `max_area` of the face (Zhong et al., Random Erasing, arXiv:1708.04896)."""
    height, width = face.shape
    share, aspect = rng.uniform(0.02, max(0.02, max_area)), np.exp(rng.uniform(-0.7, 0.7))
    h = min(height, max(1, round(height * float(np.sqrt(share * aspect)))))
    w = min(width, max(1, round(width * float(np.sqrt(share / aspect)))))
    y, x = rng.integers(0, height - h + 1), rng.integers(0, width - w + 1)
    face = face.copy()
    face[y : y + h, x : x + w] = rng.integers(0, 256, (h, w), np.uint8)
    return face


def _change_light(face: Pixels, strengths: Augmentation, rng: np.random.Generator) -> Pixels:
    """Contrast about the mean, brightness, and dimming, as one table of 256 values."""
    gain, offset = 1.0, 0.0
    if strengths.contrast or strengths.brightness:
        gain = 1 + rng.uniform(-strengths.contrast, strengths.contrast)
        offset = float(face.mean()) * (1 - gain) + rng.uniform(-strengths.brightness, strengths.brightness)
    if strengths.dim and rng.random() < strengths.dim:
        # Uniform in the logarithm: as often from 0.2 to 0.4 of the light as from 0.4 to 0.8.
        light = float(np.exp(rng.uniform(np.log(strengths.dim_to), 0.0)))
        gain, offset = gain * light, offset * light
    if gain == 1 and offset == 0:
        return face
    table = np.clip(np.arange(256) * gain + offset + 0.5, 0, 255).astype(np.uint8)
    return cv2.LUT(np.ascontiguousarray(face), table)  # type: ignore[return-value]
