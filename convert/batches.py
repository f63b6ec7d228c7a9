"""What the network gets in one epoch: faces in a new order, augmented, in batches made ahead of the training steps."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert import data
from convert.augment import augment
from convert.data import Faces
from convert.recipe import Recipe

SMALL = 0.75  # of the side, in the first `Recipe.small` epochs


def class_weights(labels: NDArray[np.int64], classes: int, kind: str) -> NDArray[np.float32]:
    """Weight of each class (classes,), with a mean of 1 over the faces."""
    counts = np.bincount(labels, minlength=classes).astype(np.float64)
    power = {"none": 0.0, "balanced": -1.0, "sqrt": -0.5}[kind]
    weights = np.where(counts > 0, np.maximum(counts, 1.0) ** power, 0.0)
    scaled: NDArray[np.float32] = (weights * len(labels) / (weights * counts).sum()).astype(np.float32)
    return scaled


def batches(
    faces: Faces, classes: int, recipe: Recipe, epoch: int
) -> Generator[tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]], None, None]:
    """Inputs (n, h, w, 1), one-hot labels (n, classes) and weights (n,) of epoch `epoch`, from 0.

    What comes depends on the recipe and the epoch alone, so a run that goes on sees what it would have seen. Made one
    batch ahead in a thread, so that no step waits; NumPy and OpenCV leave it the processor meanwhile.
    """
    rng = np.random.default_rng((recipe.seed, epoch))
    order = rng.permutation(len(faces))
    weights = class_weights(faces.labels, classes, recipe.class_weights)
    small = epoch < recipe.small
    ready: queue.Queue[Any] = queue.Queue(maxsize=4)
    stop = threading.Event()

    def make() -> None:
        try:
            for first in range(0, len(order), recipe.batch):
                rows = order[first : first + recipe.batch]
                pixels, labels = faces.pixels[rows], faces.labels[rows]
                if small:
                    pixels = data.resized(pixels, small_size(pixels.shape[1:3]))
                pixels = augment(pixels, recipe.augmentation, rng)
                item = data.network_input(pixels), np.eye(classes, dtype=np.float32)[labels], weights[labels]
                while not stop.is_set():
                    try:
                        ready.put(item, timeout=0.5)
                        break
                    except queue.Full:
                        continue
                if stop.is_set():
                    return
            ready.put(None)
        except Exception as cause:  # noqa: BLE001 - raised again where the batches are used
            ready.put(cause)

    thread = threading.Thread(target=make, daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item
    finally:
        # Python must not end while this thread is inside OpenCV: that aborts the process.
        stop.set()
        thread.join()


def small_size(size: tuple[int, ...]) -> tuple[int, int]:
    """Height and width of the faces in the first `Recipe.small` epochs."""
    return round(size[0] * SMALL), round(size[1] * SMALL)
