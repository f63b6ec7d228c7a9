"""The batches of an epoch: every face once, the same each time, with hard and soft targets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fer_convert.data import batches, dataset
from fer_convert.data.augment import NO_AUGMENTATION
from fer_convert.training.recipe import Recipe

RECIPE = Recipe(size=48, batch=16)


def test_unaugmented_batches_are_the_faces(faces_csv: Path) -> None:
    """Without augmentation an epoch has every face once, byte by byte, with its label."""
    faces = dataset.read(faces_csv, (64, 64)).training()[1]
    recipe = replace(RECIPE, augmentation=NO_AUGMENTATION)
    parts = list(batches.batches(faces, 7, recipe, epoch=0))
    tensor = np.concatenate([pixels for pixels, _, _ in parts])
    labels = np.concatenate([one_hot for _, one_hot, _ in parts]).argmax(axis=1)
    assert tensor.dtype == np.float32
    found = sorted(zip(labels.tolist(), (p.astype(np.uint8).tobytes() for p in tensor), strict=True))
    assert found == sorted(zip(faces.labels.tolist(), (p.tobytes() for p in faces.pixels), strict=True))


def test_epoch_is_repeatable(faces_csv: Path) -> None:
    """The same epoch gives the same batches, the next one others."""
    faces = dataset.read(faces_csv, (64, 64)).training()[1]
    first, again, other = (next(iter(batches.batches(faces, 7, RECIPE, epoch)))[0] for epoch in (3, 3, 4))
    assert first.tobytes() == again.tobytes() != other.tobytes()


def test_error_in_a_worker_is_raised(faces_csv: Path) -> None:
    """An exception in a worker thread reaches the caller."""
    faces = dataset.read(faces_csv, (64, 64)).training()[1]
    with pytest.raises(IndexError):
        list(batches.batches(replace(faces, labels=faces.labels + 9), 7, RECIPE, epoch=0))


def test_class_weights() -> None:
    """Balanced gives 4 to a class with a fourth of the faces, sqrt 2; the mean over the faces is 1."""
    labels = np.array([0] * 16 + [1] * 4)
    assert batches.class_weights(labels, 2, "none").tolist() == [1, 1]
    balanced, root = (batches.class_weights(labels, 2, kind) for kind in ("balanced", "sqrt"))
    assert balanced[1] / balanced[0] == pytest.approx(4)
    assert root[1] / root[0] == pytest.approx(2)
    for weights in (balanced, root):
        assert weights[labels].mean() == pytest.approx(1)


def test_mixup_blends_soft_labels(faces_csv: Path) -> None:
    """An answer of one half of a blended face is not the whole answer."""
    (_, training) = dataset.read(faces_csv, (48, 48)).training()
    recipe = replace(RECIPE, mixup=1.0, hard_label_weight=0.0, views=0)
    soft = np.eye(7, dtype=np.float16)[training.labels]
    plain = [labels for _, labels, _ in batches.batches(training, 7, recipe, 0)]
    targets = [labels for _, labels, _ in batches.batches(training, 7, recipe, 0, soft)]
    np.testing.assert_allclose(np.concatenate(targets), np.concatenate(plain), atol=1e-6)
    assert (np.concatenate(plain).max(axis=1) < 0.99).any()
