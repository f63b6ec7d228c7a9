"""The batches of an epoch: every face once, the same each time, with hard and soft targets."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fer_convert.data import batches, dataset
from fer_convert.data.augment import NO_AUGMENTATION, Augmentation
from fer_convert.data.faces import Faces
from fer_convert.training.recipe import Recipe
from numpy.typing import NDArray

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
        list(batches.batches(replace(faces, pixels=faces.pixels[:40]), 7, RECIPE, epoch=0))


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
    """A blended face has the blend of both soft labels."""
    (_, training) = dataset.read(faces_csv, (48, 48)).training()
    recipe = replace(RECIPE, mixup=1.0, hard_label_weight=0.0, views=0)
    soft = np.eye(7, dtype=np.float16)[training.labels]
    plain = [labels for _, labels, _ in batches.batches(training, 7, recipe, 0)]
    targets = [labels for _, labels, _ in batches.batches(training, 7, recipe, 0, soft)]
    np.testing.assert_allclose(np.concatenate(targets), np.concatenate(plain), atol=1e-6)
    assert (np.concatenate(plain).max(axis=1) < 0.99).any()


def plain_faces(labels: list[int], grey: list[int]) -> Faces:
    """Faces of one grey each, so that pixels tell which face they are of."""
    pixels = np.repeat(np.array(grey, np.uint8), 48 * 48).reshape(-1, 48, 48)
    return Faces(pixels, np.array(labels, np.int64))


def epoch_of(
    faces: Faces, recipe: Recipe, epoch: int = 0, soft: NDArray[np.float16] | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Inputs, targets and weights of a whole epoch of two classes."""
    parts = list(batches.batches(faces, 2, recipe, epoch, soft))
    inputs, targets, weights = (np.concatenate(part) for part in zip(*parts, strict=True))
    return inputs, targets, weights


MANY = plain_faces([0, 1] * 50, list(range(100, 200)))
PLAIN = replace(RECIPE, batch=4, augmentation=NO_AUGMENTATION)


def test_batches_come_in_face_order() -> None:
    """Prepared ahead in threads, the batches still come in the order that `face_order` gives."""
    inputs, targets, _ = epoch_of(MANY, PLAIN)
    order = batches.face_order(100, PLAIN, 0)
    np.testing.assert_array_equal(inputs[:, 0, 0, 0], MANY.pixels[order, 0, 0])
    np.testing.assert_array_equal(targets.argmax(axis=1), MANY.labels[order])
    assert sorted(order.tolist()) == list(range(100))
    others = [batches.face_order(100, replace(PLAIN, seed=2), 0), batches.face_order(100, PLAIN, 1)]
    assert not any((order == other).all() for other in others)


def test_few_batches_are_prepared_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """An epoch is not in memory as a whole."""
    made = []
    monkeypatch.setattr(batches, "augment", lambda faces, *given: made.append(len(faces)) or faces)
    with closing(batches.batches(MANY, 2, replace(PLAIN, batch=1), 0)) as prepared:
        next(prepared)
    assert len(made) <= 2 * batches.WORKER_THREADS + 1  # closing waits for those that were begun


def test_views_repeat() -> None:
    """With two views the third epoch is the first again; without, each epoch is new."""
    recipe = replace(PLAIN, augmentation=Augmentation(), views=2)
    first, second, third = (epoch_of(MANY, recipe, epoch)[0] for epoch in (0, 1, 2))
    assert first.tobytes() == third.tobytes() != second.tobytes()
    new = replace(recipe, views=0)
    assert epoch_of(MANY, new, 0)[0].tobytes() != epoch_of(MANY, new, 2)[0].tobytes()


def test_augmentation_differs_everywhere() -> None:
    """The same face is augmented in another way in each batch, view and with each seed."""
    same, recipe = plain_faces([0] * 8, [128] * 8), replace(RECIPE, batch=4, augmentation=Augmentation(noise=1))
    first, other_view = epoch_of(same, recipe, 0)[0], epoch_of(same, recipe, 1)[0]
    other_seed = epoch_of(same, replace(recipe, seed=2), 0)[0]
    assert first[:4].tobytes() != first[4:].tobytes()
    assert first.tobytes() != other_view.tobytes()
    assert first.tobytes() != other_seed.tobytes()


def test_first_epochs_are_small() -> None:
    """The first `small` epochs, and no more, are at three quarters of the size."""
    recipe = replace(PLAIN, small=2)
    sizes = [epoch_of(MANY, recipe, epoch)[0].shape[1:] for epoch in range(3)]
    assert sizes == [(36, 36, 1), (36, 36, 1), (48, 48, 1)]


@pytest.mark.parametrize("weight", [0.25, 1.0])
def test_soft_labels_are_mixed_by_weight(weight: float) -> None:
    """A target is the hard label times its weight and the soft label times the rest, of the same face."""
    rng, recipe = np.random.default_rng(0), replace(PLAIN, views=2, hard_label_weight=weight)
    of_views = rng.dirichlet((1, 1), (2, 100)).astype(np.float16)
    exact = of_views.astype(float)
    for epoch, view in ((0, 0), (1, 1), (3, 1)):
        order = batches.face_order(100, recipe, view)
        hard = np.eye(2)[MANY.labels[order]]
        wanted = weight * hard + (1 - weight) * exact[view]
        np.testing.assert_allclose(epoch_of(MANY, recipe, epoch, of_views)[1], wanted, atol=1e-6)
        wanted = weight * hard + (1 - weight) * exact[0][order]  # of faces: in the order of the data
        np.testing.assert_allclose(epoch_of(MANY, recipe, epoch, of_views[0])[1], wanted, atol=1e-6)


def test_mixup_blends_pixels_and_targets() -> None:
    """Both are blended by the same share, of which the face itself has the larger one."""
    faces = plain_faces([0, 1] * 200, [0, 200] * 200)
    recipe = replace(PLAIN, batch=16, mixup=0.2)
    inputs, targets, _ = epoch_of(faces, recipe)
    own = faces.labels[batches.face_order(400, recipe, 0)]
    np.testing.assert_array_equal(targets.argmax(axis=1), own)
    np.testing.assert_allclose(targets.sum(axis=1), 1, atol=1e-6)
    errors = inputs[:, 0, 0, 0] - 200 * targets[:, 1]
    assert np.abs(errors).max() <= 0.51
    blended = targets.max(axis=1) < 0.99
    assert abs(errors[blended].mean()) < 0.15  # rounded, not cut off
    # Of Beta(0.2, 0.2), mirrored above a half, the mean is 0.91; of Beta(1, 1) it is 0.75. Half of the partners have
    # the same label, which makes the largest target 1.
    assert 0.94 < targets.max(axis=1).mean() < 0.975


def test_weights_are_those_of_the_faces() -> None:
    """Each face has its class's weight; a class without faces has none."""
    faces = plain_faces([0] * 16 + [1] * 4, list(range(20)))
    recipe = replace(PLAIN, class_weights="balanced")
    _, targets, weights = epoch_of(faces, recipe)
    np.testing.assert_allclose(weights, np.where(targets[:, 1] == 1, 2.5, 0.625))
    assert batches.class_weights(np.array([0, 0, 2, 2]), 4, "none").tolist() == [1, 0, 1, 0]


def test_targets_replace_labels() -> None:
    """Each face comes with its own target and weight, in the order of the batches, whatever its label."""
    rng = np.random.default_rng(1)
    by_votes = batches.Targets(rng.dirichlet((1, 1), 100).astype(np.float32), rng.random(100).astype(np.float32))
    recipe = replace(PLAIN, class_weights="balanced", hard_label_weight=0.25)
    order = batches.face_order(100, recipe, 0)
    parts = list(batches.batches(MANY, 2, recipe, 0, targets=by_votes))
    np.testing.assert_array_equal(np.concatenate([targets for _, targets, _ in parts]), by_votes.probabilities[order])
    np.testing.assert_array_equal(np.concatenate([weights for *_, weights in parts]), by_votes.weights[order])
    soft = rng.dirichlet((1, 1), 100).astype(np.float16)
    mixed = np.concatenate([one for _, one, _ in batches.batches(MANY, 2, recipe, 0, soft, by_votes)])
    wanted = 0.25 * by_votes.probabilities + 0.75 * soft.astype(float)
    np.testing.assert_allclose(mixed, wanted[order], atol=1e-6)


def test_frequencies_may_be_parts_of_faces() -> None:
    """Classes of 0.5 and 2 faces, and one without: balanced weighs them 4 to 1, with a mean of 1 over the faces."""
    counts = np.array([0.5, 2.0, 0.0])
    assert batches.frequency_weights(counts, "none").tolist() == [1, 1, 0]
    np.testing.assert_allclose(batches.frequency_weights(counts, "balanced"), [2.5, 0.625, 0])
    root = batches.frequency_weights(counts, "sqrt")
    assert root[0] / root[1] == pytest.approx(2)
    assert root @ counts == pytest.approx(2.5)
