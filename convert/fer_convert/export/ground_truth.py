"""What a model is measured and calibrated on when it is converted: the data's labels, or votes of people on its faces.

With votes, it is measured on the consensus faces, each of which has the class that the majority sees. Its confidence is
fitted to the votes themselves, of all faces that show something to most people, so it is the share of people who would
say the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from fer_edge.errors import DataError
from numpy.typing import NDArray

from fer_convert import files
from fer_convert.data import votes as votes_file
from fer_convert.data.faces import Dataset, Faces
from fer_convert.data.votes import MIN_CLASS_SHARE, NO_CONSENSUS, Votes, consensus_faces
from fer_convert.export import class_prior


@dataclass(frozen=True)
class GroundTruth:
    """The faces that a conversion needs, and what is right for them."""

    training: Faces  # that int8 is calibrated on
    validation: Faces  # that is measured on
    split: str  # what those are called
    confidence_faces: NDArray[np.uint8]  # (n, height, width): that the temperature is fitted on
    confidence_targets: NDArray[np.float64]  # (n, classes): the probability that each class is right for these
    frequencies: NDArray[np.float64]  # (classes,) of the training faces; above 0
    default_prior: float
    votes: dict[str, str] | None = None  # "name" and "sha256" of their file
    validation_votes: Votes | None = None  # on the validation faces


def of_labels(data: Dataset, split: str | None = None) -> GroundTruth:
    """By the labels of `data`; `split` is measured on, by default the validation split. Raises DataError."""
    (_, training), (name, validation) = data.training(), data.validation(split)
    return GroundTruth(
        training,
        validation,
        name,
        validation.pixels,
        np.eye(len(data.classes))[validation.labels],
        class_prior.frequencies_of(training.labels, len(data.classes)),
        class_prior.DEFAULT_PRIOR,
    )


def of_votes(path: Path, data: Dataset, split: str | None = None) -> GroundTruth:
    """By the votes at `path` on the faces of `data`; `split` as above. Raises DataError."""
    trained, (measured, validation) = data.training()[0], data.validation(split)
    found = votes_file.read(path, data, (trained, measured))
    for name, purpose in ((trained, "calibrate on"), (measured, "measure on")):
        if name not in found:
            raise DataError(
                f"votes {path}: none for {name}, whose faces are needed to {purpose}; give a file that has them"
            )
    asked = found[measured].class_shares >= MIN_CLASS_SHARE
    if not asked.any():  # the votes are spread over many other columns
        asked = found[measured].consensus != NO_CONSENSUS
    return GroundTruth(
        consensus_faces(data.splits[trained], found[trained]),
        consensus_faces(validation, found[measured]),
        f"the consensus faces of {measured}",
        validation.pixels[asked],
        found[measured].probabilities[asked],
        found[trained].probabilities[found[trained].counts.any(axis=1)].mean(axis=0),
        class_prior.DEFAULT_VOTES_PRIOR,
        {"name": path.name, "sha256": files.sha256(path)},
        found[measured][found[measured].consensus != NO_CONSENSUS],
    )
