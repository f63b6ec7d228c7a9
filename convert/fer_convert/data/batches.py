"""The batches of one epoch: faces in a new order, augmented, prepared in threads ahead of the training steps."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fer_convert.data.augment import augment
from fer_convert.data.faces import Faces, network_input, resize_faces
from fer_convert.training.recipe import Recipe

SMALL_SIZE_RATIO = 0.75  # of height and width, in the first `Recipe.small` epochs
WORKER_THREADS = max(1, min(8, (os.cpu_count() or 1) - 1))  # that prepare batches; a GPU needs several
# Inputs (n, height, width, 1), target probabilities (n, classes), weights (n,)
Batch = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True)
class Targets:
    """What each of n faces is to be predicted as, in place of its label, and how much it counts."""

    probabilities: NDArray[np.float32]  # (n, classes)
    weights: NDArray[np.float32]  # (n,), with a mean of 1


def class_weights(labels: NDArray[np.int64], classes: int, kind: str) -> NDArray[np.float32]:
    """Weight of each class (classes,), with a mean of 1 over the faces with `labels` (n,).

    `kind` is one of `fer_convert.training.recipe.CLASS_WEIGHTS`: a weight of 1, 1 over the class's number of faces, or
    1 over the square root of that. A class without faces has 0.
    """
    counts = np.bincount(labels, minlength=classes).astype(np.float64)
    return frequency_weights(counts, kind).astype(np.float32)


def frequency_weights(counts: NDArray[np.float64], kind: str) -> NDArray[np.float64]:
    """The same for classes with `counts` (classes,) of faces, which may be parts of faces."""
    power = {"none": 0.0, "balanced": -1.0, "sqrt": -0.5}[kind]
    weights = np.zeros(len(counts))
    weights[counts > 0] = counts[counts > 0] ** power
    scaled: NDArray[np.float64] = weights * counts.sum() / (weights * counts).sum()
    return scaled


def batches(
    faces: Faces,
    classes: int,
    recipe: Recipe,
    epoch: int,
    soft_labels: NDArray[np.float16] | None = None,
    targets: Targets | None = None,
) -> Generator[Batch, None, None]:
    """The batches of epoch `epoch`, which counts from 0.

    They depend on the recipe and the epoch alone, so that a resumed run sees what it would have seen; with
    `Recipe.views` the epochs repeat. `targets` take the place of the labels. `soft_labels` are mixed into either:
    those of each view, in this function's order (views, n, classes), or those of each face, in the order of `faces`
    (n, classes).
    """
    view = epoch % recipe.views if recipe.views else epoch
    order = face_order(len(faces), recipe, view)
    if targets is None:
        weights = class_weights(faces.labels, classes, recipe.class_weights)[faces.labels]
        targets = Targets(np.eye(classes, dtype=np.float32)[faces.labels], weights)
    hard, weights = targets.probabilities, targets.weights

    def make(first: int) -> Batch:
        # Each batch has its own generator, so that it does not matter which thread makes it.
        rng = np.random.default_rng((recipe.seed, view, first))
        rows = order[first : first + recipe.batch]
        pixels = augment(faces.pixels[rows], recipe.augmentation, rng)
        wanted = hard[rows]
        if soft_labels is not None and soft_labels.ndim == 2:
            wanted = _mix_targets(wanted, soft_labels[rows], recipe)
        if recipe.mixup:
            pixels, wanted = _mixup(pixels, wanted, recipe.mixup, rng)
        if soft_labels is not None and soft_labels.ndim == 3:  # the teachers saw the blended face
            wanted = _mix_targets(wanted, soft_labels[view, first : first + recipe.batch], recipe)
        if epoch < recipe.small:
            pixels = resize_faces(pixels, small_size(pixels.shape[1:3]))
        return network_input(pixels), wanted, weights[rows]

    # Leaving the block waits for the threads: Python must not exit while one is inside OpenCV.
    with ThreadPoolExecutor(WORKER_THREADS) as pool:
        ahead: deque[Future[Batch]] = deque()
        for first in range(0, len(order), recipe.batch):
            ahead.append(pool.submit(make, first))
            if len(ahead) > 2 * WORKER_THREADS:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def face_order(faces: int, recipe: Recipe, view: int) -> NDArray[np.int64]:
    """The order (n,) in which `batches` gives n = `faces` faces in one view, as indices into them."""
    return np.random.default_rng((recipe.seed, view)).permutation(faces)


def _mix_targets(targets: NDArray[np.float32], soft_labels: NDArray[np.float16], recipe: Recipe) -> NDArray[np.float32]:
    """The mean (n, classes) of labels, or votes, and soft labels, by the recipe's weight of the former."""
    weight = recipe.hard_label_weight
    return weight * targets + (1 - weight) * soft_labels.astype(np.float32)


def _mixup(
    pixels: NDArray[np.uint8], targets: NDArray[np.float32], alpha: float, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Each face blended with another of the batch, and their targets too (Zhang et al., mixup, arXiv:1710.09412)."""
    share = rng.beta(alpha, alpha, len(targets)).astype(np.float32)
    share = np.maximum(share, 1 - share)  # the face itself stays the stronger one
    partner = rng.permutation(len(targets))
    of_pixels, of_targets = share[:, None, None], share[:, None]
    blended = of_pixels * pixels + (1 - of_pixels) * pixels[partner] + 0.5
    return blended.astype(np.uint8), of_targets * targets + (1 - of_targets) * targets[partner]


def small_size(size: tuple[int, ...]) -> tuple[int, int]:
    """Height and width of the faces in the first `Recipe.small` epochs."""
    return round(size[0] * SMALL_SIZE_RATIO), round(size[1] * SMALL_SIZE_RATIO)
