"""What the network gets in one epoch: faces in a new order, augmented, in batches made ahead of the training steps."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from fer_convert.data import dataset
from fer_convert.data.augment import augment
from fer_convert.data.dataset import Faces
from fer_convert.training.recipe import Recipe
from numpy.typing import NDArray

SMALL = 0.75  # of the side, in the first `Recipe.small` epochs
THREADS = max(1, min(8, (os.cpu_count() or 1) - 1))  # that make batches; a GPU needs several
# Inputs (n, height, width, 1), one-hot or softer labels (n, classes), weights (n,)
Batch = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]


def class_weights(labels: NDArray[np.int64], classes: int, kind: str) -> NDArray[np.float32]:
    """Weight of each class (classes,), with a mean of 1 over the faces."""
    counts = np.bincount(labels, minlength=classes).astype(np.float64)
    power = {"none": 0.0, "balanced": -1.0, "sqrt": -0.5}[kind]
    weights = np.where(counts > 0, np.maximum(counts, 1.0) ** power, 0.0)
    scaled: NDArray[np.float32] = (weights * len(labels) / (weights * counts).sum()).astype(np.float32)
    return scaled


def batches(
    faces: Faces, classes: int, recipe: Recipe, epoch: int, answers: NDArray[np.float16] | None = None
) -> Generator[Batch, None, None]:
    """The batches of epoch `epoch`, from 0.

    What comes depends on the recipe and the epoch alone, so a run that goes on sees what it would have seen; with
    `Recipe.views` the epochs repeat. `answers` are what teachers said: of each view, in this function's order (views,
    n, classes), or of each face, in the order of `faces` (n, classes). Made ahead in threads, so that no step waits.
    """
    view = epoch % recipe.views if recipe.views else epoch
    order = shuffled(len(faces), recipe, view)
    weights = class_weights(faces.labels, classes, recipe.class_weights)

    def make(first: int) -> Batch:
        rng = np.random.default_rng((recipe.seed, view, first))  # a batch's own, whichever thread makes it
        rows = order[first : first + recipe.batch]
        pixels = augment(faces.pixels[rows], recipe.augmentation, rng)
        labels = np.eye(classes, dtype=np.float32)[faces.labels[rows]]
        if answers is not None and answers.ndim == 2:
            labels = _told(labels, answers[rows], recipe)
        if recipe.mixup:
            pixels, labels = _mixed(pixels, labels, recipe.mixup, rng)
        if answers is not None and answers.ndim == 3:  # teachers saw the blended face
            labels = _told(labels, answers[view, first : first + recipe.batch], recipe)
        if epoch < recipe.small:
            pixels = dataset.resized(pixels, small_size(pixels.shape[1:3]))
        return dataset.network_input(pixels), labels, weights[faces.labels[rows]]

    # Leaving the block waits for the threads: Python must not end while one is inside OpenCV.
    with ThreadPoolExecutor(THREADS) as pool:
        ahead: deque[Future[Batch]] = deque()
        for first in range(0, len(order), recipe.batch):
            ahead.append(pool.submit(make, first))
            if len(ahead) > 2 * THREADS:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def shuffled(faces: int, recipe: Recipe, view: int) -> NDArray[np.int64]:
    """The order (n,) in which the faces of a view come."""
    return np.random.default_rng((recipe.seed, view)).permutation(faces)


def _told(labels: NDArray[np.float32], answers: NDArray[np.float16], recipe: Recipe) -> NDArray[np.float32]:
    """What is learnt (n, classes): of the labels the recipe's share, the rest of what teachers say."""
    return recipe.label_share * labels + (1 - recipe.label_share) * answers.astype(np.float32)


def _mixed(
    pixels: NDArray[np.uint8], labels: NDArray[np.float32], alpha: float, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Each face blended with another of the batch, and so their labels (Zhang et al., mixup, arXiv:1710.09412)."""
    share = rng.beta(alpha, alpha, len(labels)).astype(np.float32)
    share = np.maximum(share, 1 - share)  # the face itself stays the stronger one
    partner = rng.permutation(len(labels))
    of_pixels, of_labels = share[:, None, None], share[:, None]
    blended = of_pixels * pixels + (1 - of_pixels) * pixels[partner] + 0.5
    return blended.astype(np.uint8), of_labels * labels + (1 - of_labels) * labels[partner]


def small_size(size: tuple[int, ...]) -> tuple[int, int]:
    """Height and width of the faces in the first `Recipe.small` epochs."""
    return round(size[0] * SMALL), round(size[1] * SMALL)
