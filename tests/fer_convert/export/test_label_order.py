"""A wrong order of labels is found on the faces, and never accepted without a word."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy")

from fer_convert.data.faces import Dataset, Faces
from fer_convert.export.label_order import with_labels_of
from fer_convert.export.load import LoadedModel
from fer_edge.errors import DataError
from fer_edge.types import EMOTIONS
from numpy.typing import NDArray

ALPHABETICAL = tuple(sorted(EMOTIONS))


def faces(classes: int, count: int) -> Faces:
    labels = np.arange(count) % classes
    return Faces(np.repeat(labels.astype(np.uint8), 4).reshape(-1, 2, 2), labels)


def data(classes: tuple[str, ...], count: int = 350) -> Dataset:
    """Faces whose pixels are their class."""
    splits = {"train": faces(len(classes), count), "test": faces(len(classes), count)}
    return Dataset("faces", "", classes, splits)


class Model:
    """Right for `share` of the faces; its outputs are `order`, places in the data's classes."""

    def __init__(self, order: list[int], share: float = 0.7) -> None:
        self.output_of = np.argsort(order)
        self.share, self.rng = share, np.random.default_rng(0)

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        true = self.output_of[pixels[:, 0, 0]]
        anything = self.rng.integers(0, len(self.output_of), len(true))
        chosen = np.where(self.rng.random(len(true)) < self.share, true, anything)
        return np.eye(len(self.output_of), dtype=np.float32)[chosen]


def loaded(labels: tuple[str, ...], said: bool) -> LoadedModel:
    return LoadedModel(None, Path("m.hdf5"), "", labels, (2, 2), (0.0, 255.0), labels_said=said)


def order_of(names: tuple[str, ...]) -> list[int]:
    return [EMOTIONS.index(name) for name in names]


def silent(line: str) -> None:
    """Log nothing."""


@pytest.mark.parametrize("said", [False, True])
def test_wrong_order_is_refused(said: bool) -> None:
    """Keras's alphabetical order, taken for FER2013's: the message has the right one, to be copied."""
    with pytest.raises(DataError) as error:
        with_labels_of(loaded(EMOTIONS, said), data(EMOTIONS), Model(order_of(ALPHABETICAL)), None, silent)
    for words in ("--labels", "m.json", ",".join(ALPHABETICAL)):
        assert words in str(error.value)


def test_right_order_is_taken_by_name() -> None:
    """The data's labels follow the model's, whatever their own order and names are."""
    found = with_labels_of(loaded(ALPHABETICAL, True), data(EMOTIONS), Model(order_of(ALPHABETICAL)), None, silent)
    assert found.classes == ALPHABETICAL
    for face, label in zip(found.splits["test"].pixels, found.splits["test"].labels, strict=True):
        assert EMOTIONS[face[0, 0]] == ALPHABETICAL[label]


def test_what_nothing_says_is_said() -> None:
    lines: list[str] = []
    with_labels_of(loaded(EMOTIONS, False), data(EMOTIONS), Model(list(range(7))), None, lines.append)
    assert len(lines) == 1
    assert "nothing says the labels of m.hdf5: taken to be angry,disgust" in lines[0]
    with_labels_of(loaded(EMOTIONS, True), data(EMOTIONS), Model(list(range(7))), None, lines.append)
    assert len(lines) == 1


def test_unknown_labels_are_proposed() -> None:
    """Two outputs without names, as the published gender network has: what fits the faces can be copied."""
    with pytest.raises(DataError, match=r"not known \(of 2 outputs\).*--labels.*fits these faces best is woman,man"):
        with_labels_of(loaded(("0", "1"), False), data(("man", "woman")), Model([1, 0]), None, silent)
    found = with_labels_of(loaded(("woman", "man"), True), data(("man", "woman")), Model([1, 0]), None, silent)
    assert found.classes == ("woman", "man")


@pytest.mark.parametrize(("share", "count"), [(0.0, 350), (0.02, 350), (0.7, 14)])
def test_chance_refuses_nothing(share: float, count: int) -> None:
    """A network that has learned nothing, and a handful of faces, are no evidence of another order."""
    for seed in range(20):
        model = Model(list(range(7)), share)
        model.rng = np.random.default_rng(seed)
        with_labels_of(loaded(EMOTIONS, True), data(EMOTIONS, count), model, None, silent)


def test_names_from_training_are_trusted() -> None:
    ours = replace(loaded(EMOTIONS, True), training_data={"name": "faces"})
    with_labels_of(ours, data(EMOTIONS), Model(order_of(ALPHABETICAL)), None, silent)


def test_one_split_is_enough() -> None:
    """Half of it finds the order, the other half measures it."""
    only = replace(data(EMOTIONS), splits={"test": faces(7, 350)})
    with pytest.raises(DataError, match="in the order angry,disgust,fear,happy,neutral,sad,surprise for"):
        with_labels_of(loaded(EMOTIONS, True), only, Model(order_of(ALPHABETICAL)), None, silent)
