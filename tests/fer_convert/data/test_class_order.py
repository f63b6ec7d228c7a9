"""Faces keep their class, whatever a model calls it and in whatever order."""

from __future__ import annotations

import random

import numpy as np
import pytest
from fer_convert.data.faces import Dataset, Faces
from fer_edge.classifiers.labels import SYNONYMS
from fer_edge.errors import DataError


def data(classes: list[str]) -> Dataset:
    """Each face is filled with the number of its class."""
    labels = np.arange(3 * len(classes)) % len(classes)
    pixels = np.repeat(labels.astype(np.uint8), 4).reshape(-1, 2, 2)
    return Dataset("faces", "", tuple(classes), {"train": Faces(pixels, labels)})


def test_faces_keep_their_class() -> None:
    rng = random.Random(1)
    for _ in range(200):
        meant = rng.sample(list(SYNONYMS), rng.randint(2, 8))
        classes = [rng.choice((name, *SYNONYMS[name])).title() for name in meant]
        order = rng.sample(range(len(meant)), len(meant))
        labels = tuple(rng.choice((meant[k], *SYNONYMS[meant[k]])).upper() for k in order)
        found = data(classes).with_classes(labels, "the model")
        faces = found.splits["train"]
        assert found.classes == labels
        assert [order[label] for label in faces.labels] == faces.pixels[:, 0, 0].tolist()


def test_other_classes_are_refused() -> None:
    with pytest.raises(DataError, match="its classes are smile, frown, the labels of the model are frown, laugh; give"):
        data(["smile", "frown"]).with_classes(("frown", "laugh"), "the model")


def test_same_face_in_training_is_found() -> None:
    faces = data(["a", "b", "c"]).splits["train"]
    others = Faces(np.concatenate([faces.pixels[:2], np.full((1, 2, 2), 9, np.uint8)]), np.zeros(3, np.int64))
    found = Dataset("x", "", ("a", "b", "c"), {"TRAIN": faces, "val": others})
    assert found.seen_in_training(others).tolist() == [True, True, False]
