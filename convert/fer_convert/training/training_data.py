"""What a run learns from: faces, and their labels or the votes of people on them, mixed with soft labels.

With votes the target of a face is the share of them that each class has. A face on which few of the votes are for a
class counts less, and below MIN_SHARE it is left out. What is validated is the agreement with the majority, on the
faces that have one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from fer_edge.errors import DataError, SettingsError
from numpy.typing import NDArray

from fer_convert import files
from fer_convert.data import dataset, votes
from fer_convert.data.batches import Targets, frequency_weights
from fer_convert.data.faces import Dataset
from fer_convert.data.framing import MIN_FRAMED_SHARE, framed_share
from fer_convert.data.votes import MIN_SHARE, NO_CONSENSUS, Votes, consensus_faces
from fer_convert.messages import warn
from fer_convert.training import soft_labels
from fer_convert.training.recipe import Recipe
from fer_convert.training.soft_labels import SoftLabels


@dataclass(frozen=True)
class TrainingData:
    """The faces to train and to validate on, and the targets."""

    data: Dataset  # with votes: the faces to train on, and those to validate on, whose label is the majority's
    soft_labels: SoftLabels | None = None  # of the faces to train on
    soft_labels_sha256: str | None = None  # of their file
    targets: Targets | None = None  # by votes, in place of the labels
    vote_file: dict[str, str] | None = None  # its "name" and "sha256"
    vote_summary: str = ""  # one line


def read(
    recipe: Recipe, source: Path, size: tuple[int, int], soft_label_file: Path | None, vote_file: Path | None
) -> TrainingData:
    """The faces at `source`, resized to `size` (height, width), and what the two files, if given, say of them.

    Raises DataError, ModelError and SettingsError.
    """
    data = dataset.read(source, size)
    _warn_of(data)
    soft, digest = soft_labels.read(soft_label_file, recipe, data) if soft_label_file else (None, None)
    if vote_file is None:
        return TrainingData(data, soft, digest)
    if soft is not None and soft.ndim == 3:
        # Their order is that of all faces, and votes leave some out.
        raise SettingsError(
            f"--soft-labels {soft_label_file}: of views, which --votes does not go with; make them with fer-convert "
            "distill --per-face"
        )
    return _by_votes(vote_file, recipe, TrainingData(data, soft, digest))


def _warn_of(data: Dataset) -> None:
    """Warn of faces to validate on that are trained on too, and of pictures that are no faces as the device sees them.

    FER2013's own CSV is framed as it should be: it is what the device's framing is made after.
    """
    split, validation = data.validation()
    repeated = int(data.seen_in_training(validation).sum())
    if repeated:
        warn(
            f"warning: {repeated:,} of the {len(validation):,} pictures of {split} are in the training faces too, to "
            "the pixel, so the accuracy on them says too much; remove them from one of the two"
        )
    training = data.training()[1]
    if not training.names:
        return
    framed, looked_at = framed_share(training)
    if framed < MIN_FRAMED_SHARE * looked_at:
        warn(
            f"warning: {looked_at - framed} of {looked_at} training pictures hold no face framed as the device frames "
            "it, so the network will see something else there; cut the faces out of the photos with fer-convert crop"
        )


def _by_votes(path: Path, recipe: Recipe, labelled: TrainingData) -> TrainingData:
    """`labelled` with the votes at `path` in place of its labels. Raises DataError."""
    data, soft = labelled.data, labelled.soft_labels
    (training_split, training), (split, validation) = data.training(), data.validation()
    found = votes.read(path, data, (training_split, split))
    for name in (training_split, split):
        if name not in found:
            raise DataError(f"votes {path}: not one for {name} of {data.name}; give votes on its faces, too")
    kept = found[training_split].class_shares >= MIN_SHARE
    learned, agreed = found[training_split][kept], found[split].consensus != NO_CONSENSUS
    unseen = [name for name, seen in zip(data.classes, learned.targets.sum(axis=0), strict=True) if not seen]
    if unseen:
        raise DataError(
            f"votes {path}: no face to train on is left for {', '.join(unseen)}: all votes for it are stray ones, or "
            f"on faces where less than {MIN_SHARE:.0%} are for a class; add faces that show it"
        )
    to_validate = consensus_faces(validation, found[split])
    return replace(
        labelled,
        data=replace(data, splits={**data.splits, training_split: training[kept], split: to_validate}),
        soft_labels=None if soft is None else soft[kept],
        targets=_targets(learned, recipe.class_weights),
        vote_file={"name": path.name, "sha256": files.sha256(path)},
        vote_summary=_summary(path, kept, agreed, found[split]),
    )


def _targets(found: Votes, kind: str) -> Targets:
    """The targets by the votes `found`: a face weighs the share of its votes that is for a class.

    `kind`, one of CLASS_WEIGHTS, weighs the votes for a class by the share that it has of all votes, as it weighs a
    face by its label: with "balanced" the votes for each class weigh the same together.
    """
    shares = found.class_shares[:, None] * found.targets
    weighted = shares * frequency_weights(shares.sum(axis=0), kind)
    weights = weighted.sum(axis=1)
    probabilities = (weighted / weights[:, None]).astype(np.float32)
    return Targets(probabilities, (weights / weights.mean()).astype(np.float32))


def _summary(path: Path, kept: NDArray[np.bool_], agreed: NDArray[np.bool_], on_validation: Votes) -> str:
    one_voter = on_validation.voter_agreement()
    human = f", with which one voter agrees in {one_voter:.1%}" if np.isfinite(one_voter) else ""
    return (
        f"votes {path.name}: {kept.sum():,} of {len(kept):,} faces have enough of them to train on; the majority's "
        f"word on {agreed.sum():,} of {len(agreed):,} to validate on{human}"
    )
