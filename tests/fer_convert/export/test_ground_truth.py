"""What is right for a face: its label, or what most people see in it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fer_convert.data import dataset, votes
from fer_convert.export import class_prior, ground_truth
from fer_edge.errors import DataError

pytest.importorskip("sklearn")


def split_votes(rows: list[list[Any]]) -> list[list[Any]]:
    """Of ten people: the first face of each split divides them, the second is no face to most, the third has none.

    The fourth is another class than its label to the majority, and the fifth is no face to half of them.
    """
    first = {usage: next(i for i, row in enumerate(rows) if row[0] == usage) for usage in ("Training", "PublicTest")}
    for start in first.values():
        for place, counts in enumerate(
            [
                [5, 5, 0, 0, 0, 0, 0, 0, 0, 0],
                [0, 0, 3, 0, 0, 0, 0, 0, 5, 2],
                [0] * 10,
                [8, 2, 0, 0, 0, 0, 0, 0, 0, 0],
                [0, 0, 5, 0, 0, 0, 0, 0, 0, 5],
            ]
        ):
            rows[start + place][2:] = counts
    return rows


def test_labels_are_the_data(faces_csv: Path) -> None:
    """Without votes all faces count, with their labels."""
    data = dataset.read(faces_csv, (48, 48))
    truth = ground_truth.of_labels(data)
    assert truth.training is data.splits["Training"]
    assert truth.validation is data.splits["PublicTest"]
    assert (truth.split, truth.votes, truth.default_prior) == ("PublicTest", None, class_prior.DEFAULT_PRIOR)
    assert truth.confidence_faces is truth.validation.pixels
    np.testing.assert_array_equal(truth.confidence_targets.argmax(axis=1), truth.validation.labels)
    assert truth.confidence_targets.sum(axis=1).tolist() == [1.0] * 42
    np.testing.assert_allclose(truth.frequencies, 1 / 7)


def test_consensus_faces_are_measured(faces_csv: Path, make_votes: Callable[..., Path]) -> None:
    """With the majority's class; faces without a majority train, calibrate and measure nothing."""
    data, path = dataset.read(faces_csv, (48, 48)), make_votes(faces_csv, split_votes)
    truth = ground_truth.of_votes(path, data)
    for faces, split, count in ((truth.training, "Training", 80), (truth.validation, "PublicTest", 38)):
        assert len(faces) == count
        np.testing.assert_array_equal(faces.pixels, data.splits[split].pixels[[3, *range(5, count + 4)]])
        assert data.splits[split].labels[3] == 0
        assert faces.labels[0] == 6
        np.testing.assert_array_equal(faces.labels[1:], data.splits[split].labels[5:])
    assert (truth.split, truth.default_prior) == ("the consensus faces of PublicTest", class_prior.DEFAULT_VOTES_PRIOR)
    assert truth.validation_votes is not None
    np.testing.assert_array_equal(truth.validation_votes.consensus, truth.validation.labels)
    assert truth.votes == {"name": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def test_confidence_is_fitted_to_votes(faces_csv: Path, make_votes: Callable[..., Path]) -> None:
    """On all faces with half of the votes for a class, also those that divide people; with the shares of the votes."""
    data = dataset.read(faces_csv, (48, 48))
    truth = ground_truth.of_votes(make_votes(faces_csv, split_votes), data)
    np.testing.assert_array_equal(truth.confidence_faces, data.splits["PublicTest"].pixels[[0, *range(3, 42)]])
    np.testing.assert_allclose(truth.confidence_targets[:3, [3, 5, 6]], [[0.5, 0, 0.5], [0.2, 0, 0.8], [0, 1, 0]])
    np.testing.assert_allclose(truth.confidence_targets.sum(axis=1), 1)


def test_frequencies_are_those_of_votes(faces_csv: Path, make_votes: Callable[..., Path]) -> None:
    """The mean of the votes for the classes, over the training faces that have such votes: all but one."""
    data, path = dataset.read(faces_csv, (48, 48)), make_votes(faces_csv, split_votes)
    truth = ground_truth.of_votes(path, data)
    expected = votes.read(path, data)["Training"].probabilities.sum(axis=0) / 83
    np.testing.assert_allclose(truth.frequencies, expected)
    assert truth.frequencies.sum() == pytest.approx(1)
    assert truth.frequencies[6] == pytest.approx((12 + 0.5 + 0.8) / 83)


@pytest.mark.parametrize(("usage", "purpose"), [("Training", "calibrate on"), ("PublicTest", "measure on")])
def test_both_splits_need_votes(usage: str, purpose: str, faces_csv: Path, make_votes: Callable[..., Path]) -> None:
    def without(rows: list[list[Any]]) -> list[list[Any]]:
        return [row for row in rows if row[0] != usage]

    data = dataset.read(faces_csv, (48, 48))
    with pytest.raises(DataError, match=f"none for {usage}, whose faces are needed to {purpose}"):
        ground_truth.of_votes(make_votes(faces_csv, without), data)


def test_named_split_is_measured(faces_csv: Path, make_votes: Callable[..., Path]) -> None:
    """And not the validation split."""
    data = dataset.read(faces_csv, (48, 48))
    assert ground_truth.of_labels(data, "Training").validation is data.splits["Training"]
    truth = ground_truth.of_votes(make_votes(faces_csv), data, "Training")
    assert truth.split == "the consensus faces of Training"
    assert (len(truth.validation), len(truth.confidence_faces)) == (84, 84)


def test_votes_spread_over_other_columns(faces_csv: Path, make_votes: Callable[..., Path]) -> None:
    """If no face has half of its votes for a class, the confidence is fitted on the consensus faces."""

    def spread(rows: list[list[Any]]) -> list[list[Any]]:
        return [[*row[:2], *(4 if count >= 500 else 0 for count in row[2:9]), 3, 3, 3] for row in rows]

    data = dataset.read(faces_csv, (48, 48))
    assert len(ground_truth.of_votes(make_votes(faces_csv, spread), data).confidence_faces) == 42
