"""A data set's splits by purpose, and the arrays that networks take."""

from __future__ import annotations

import numpy as np
import pytest
from fer_convert.data.faces import SPLITS, Dataset, Faces, network_input, resize_faces
from fer_edge import preprocess
from fer_edge.errors import DataError

NOTHING = Faces(np.zeros((0, 48, 48), np.uint8), np.zeros(0, np.int64))


def data(*splits: str) -> Dataset:
    return Dataset("faces", "ab", ("calm", "tense"), dict.fromkeys(splits, NOTHING))


@pytest.mark.parametrize(
    ("splits", "training", "validation"),
    [
        (("PrivateTest", "PublicTest", "Training"), "Training", "PublicTest"),
        (("TRAIN", "Val"), "TRAIN", "Val"),
        (("test", "validation", "train"), "train", "validation"),
        (("test", "val", "valid", "train"), "train", "valid"),
        (("train", "test"), "train", "test"),
    ],
)
def test_splits_by_purpose(splits: tuple[str, ...], training: str, validation: str) -> None:
    """Of several splits for one purpose the first of a fixed order is used, in any case of letters."""
    found = data(*splits)
    assert (found.training()[0], found.validation()[0]) == (training, validation)


def test_split_by_name() -> None:
    """A named split is used in any case, and no other in its place."""
    found = data("train", "PrivateTest", "test")
    assert found.validation("privatetest")[0] == "PrivateTest"
    with pytest.raises(DataError, match="no split validation to validate on; it has train, PrivateTest, test"):
        found.validation("validation")
    with pytest.raises(DataError, match="to train on; it has none"):
        data().training()


def test_names_of_splits() -> None:
    """Folders of these names are splits, PrivateTest among them."""
    validation = ("PublicTest", "validation", "valid", "val", "dev", "eval", "test", "testing")
    assert ("Training", "train", *validation, "PrivateTest") == SPLITS


def test_resize_is_the_devices() -> None:
    """Height and width in this order, each face resized as the device does."""
    faces = np.random.default_rng(0).integers(0, 256, (3, 48, 48), np.uint8)
    resized = resize_faces(faces, (40, 64))
    assert resized.shape == (3, 40, 64)
    np.testing.assert_array_equal(resized[2], preprocess.resize(faces[2], (40, 64)))


def test_network_input_is_the_pixel() -> None:
    """A float network gets values 0 to 255, in one channel."""
    found = network_input(np.array([[[0, 255]]], np.uint8))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, [[[[0], [255]]]])


def test_length_is_the_number_of_faces() -> None:
    assert len(Faces(np.zeros((3, 2, 2), np.uint8), np.zeros(3, np.int64))) == 3


@pytest.mark.parametrize("rows", [np.array([True, False, True]), np.array([0, 2])])
def test_some_of_the_faces(rows: np.ndarray) -> None:
    """By a mask or by indices: pixels, labels and names together."""
    faces = Faces(np.arange(12, dtype=np.uint8).reshape(3, 2, 2), np.array([5, 6, 7]), ("a/1.png", "a/2.png", "b"))
    some = faces[rows]
    assert (some.pixels[:, 0, 0].tolist(), some.labels.tolist(), some.names) == ([0, 8], [5, 7], ("a/1.png", "b"))


def test_order_of_indices_is_kept() -> None:
    """Of a CSV, whose faces have no names, too."""
    some = Faces(np.zeros((3, 2, 2), np.uint8), np.array([5, 6, 7]))[np.array([2, 0])]
    assert (some.labels.tolist(), some.names) == ([7, 5], ())
