"""Distillation: write the soft labels of teachers once, so that a student can train on them for hundreds of epochs.

    fer-convert distill --data fer2013.csv --teacher runs/resnet/best.keras --teacher runs/vgg/best.keras \\
        --views 20 --out runs/soft_labels.npz

With `--votes fer2013new.csv` they are estimates of the data's own labels, from the votes of people too
(convert/fer_convert/training/label_regression.py). To train on the votes themselves: fer-convert train --votes.

This is distillation as function matching: teachers and student see the very same augmented, blended face (Hinton et
al., arXiv:1503.02531; Beyer et al., "Knowledge distillation: a good teacher is patient and consistent",
arXiv:2106.05237). Each view of the faces is what `fer_convert.data.batches` gives in one epoch, so the student's
training makes it again by its seed, and only the soft labels need storing: 400 kB a view of FER2013.

With `--per-face` a face has one soft label, the mean over the views, for whatever view of it. That says less of each
view than function matching does, but a few views are enough, and the student sees new ones in every epoch.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from fer_edge.classifiers.labels import match_labels
from fer_edge.errors import DataError, ModelError, SettingsError
from numpy.typing import NDArray

from fer_convert import file_lock, files
from fer_convert.data import dataset, votes
from fer_convert.data.batches import batches, face_order
from fer_convert.data.faces import Dataset, Faces, network_input, resize_faces
from fer_convert.evaluation.metrics import measure
from fer_convert.export import fold, load
from fer_convert.export.load import LoadedModel
from fer_convert.messages import Log
from fer_convert.training import soft_labels
from fer_convert.training.engine import make_engine, predict
from fer_convert.training.label_regression import label_probabilities
from fer_convert.training.recipe import Recipe, differences
from fer_convert.training.soft_labels import SoftLabels

# A Keras model that takes pixels, the (height, width) of its faces, and the output for each class of the data
Teacher = tuple[Any, tuple[int, int], list[int]]


def distill(
    recipe: Recipe,
    source: Path,
    teachers: Sequence[Path],
    out: Path,
    log: Log = print,
    vote_file: Path | None = None,
    per_face: bool = False,
) -> None:
    """Write soft labels of `recipe.views` views of the training faces in the data at `source` to `out`.

    They are the mean predictions of the Keras models `teachers`; with `vote_file`, the probabilities given the votes
    and those predictions, if there are any. `per_face` makes one soft label a face, whatever the view. What was stopped
    goes on with the next view. Raises SettingsError, DataError, ModelError, SinkError.
    """
    if not teachers and vote_file is None:
        raise SettingsError("neither --teacher nor --votes: soft labels need one of them, or both")
    if vote_file is not None and recipe.mixup:
        raise SettingsError(f"--mixup {recipe.mixup}: people voted on whole faces, not on blended ones; leave it out")
    if per_face and recipe.mixup:
        raise SettingsError(
            f"--mixup {recipe.mixup}: with --per-face a soft label is for a whole face, not for a blended one; leave "
            "it out here, the training may still blend"
        )
    if not recipe.views:
        raise SettingsError("--views 0: soft labels are of a fixed number of views; give one, such as --views 20")
    # Checked before the work, so that a path that cannot be written shows at once. The lock: two processes would
    # overwrite each other's views.
    goal = files.resolve(out)
    with file_lock.exclusive(goal.with_name(f".{goal.name}.lock"), f"--out {out}", "fer-convert distill"):
        faces = dataset.read(source, (recipe.size, recipe.size))
        people = votes.read_training(vote_file, faces) if vote_file else None
        loaded = [load.load(path) for path in teachers]
        orders = [_output_of_each_class(one, faces) for one in loaded]
        settings = soft_labels.view_settings(recipe, faces) | {
            "teachers": [one.sha256 for one in loaded],
            "votes": files.sha256(vote_file) if vote_file else None,
            "per face": per_face,
        }
        done = _views_done(out, settings)
        models = [(fold.to_pixel_input(one), one.size, order) for one, order in zip(loaded, orders, strict=True)]
        if models:
            log(_accuracy_line(models, faces))
        _write_views(recipe, faces, models, people, done, settings, out, log)
    log(f"wrote {out}")


def _output_of_each_class(teacher: LoadedModel, faces: Dataset) -> list[int]:
    places = match_labels(teacher.labels, faces.classes)
    if places is None:
        raise DataError(
            f"teacher {teacher.path}: its labels are {', '.join(teacher.labels)}, the classes of {faces.name} are "
            f"{', '.join(faces.classes)}; give the data that it was trained on, or say its labels in "
            f"{teacher.path.with_suffix('.json')}"
        )
    return places


def _views_done(out: Path, settings: dict[str, Any]) -> SoftLabels:
    """The views that are in `out` already (views done, faces, classes). Raises SettingsError if they are others."""
    if not out.exists():
        return np.empty((0, 0, 0), np.float16)
    done, before = soft_labels.load(out)
    changed = differences(before, settings)
    if changed:
        raise SettingsError(f"{out}: was begun with other settings ({'; '.join(changed)}); choose another --out")
    return done


def _accuracy_line(teachers: Sequence[Teacher], faces: Dataset) -> str:
    """How good the mean of the teachers is on the validation split."""
    split, validation = faces.validation()
    found = np.mean(
        [predict(model, resize_faces(validation.pixels, size))[:, order] for model, size, order in teachers], axis=0
    )
    result = measure(found, validation.labels, faces.classes, split)
    return f"{len(teachers)} teachers together: accuracy {result.accuracy:.4f} on {split}"


def _write_views(
    recipe: Recipe,
    faces: Dataset,
    teachers: Sequence[Teacher],
    people: votes.Votes | None,
    done: SoftLabels,
    settings: dict[str, Any],
    out: Path,
    log: Log,
) -> None:
    """Every view that is still to do, each appended to `out` at once."""
    (_, training), classes = faces.training(), len(faces.classes)
    by_votes = label_probabilities(people, training.labels, classes) if people is not None and not teachers else None
    for view in range(len(done), recipe.views):
        began = time.monotonic()
        order = face_order(len(training), recipe, view)
        if by_votes is not None:
            soft = by_votes[order]  # people saw each face, not its views
        else:
            soft = _mean_predictions(teachers, training, classes, recipe, view)
            if people is not None:
                soft = label_probabilities(people[order], training.labels[order], classes, soft)
        agreement = float((soft.argmax(axis=1) == training.labels[order]).mean())
        if settings["per face"]:
            soft = soft[order.argsort()]
        done = np.concatenate([done.reshape(-1, *soft.shape), soft[None].astype(np.float16)])
        soft_labels.save(out, done, settings)
        seconds = time.monotonic() - began
        log(f"view {view + 1}/{recipe.views}  {agreement:.1%} of the soft labels agree with the label  {seconds:.0f} s")


def _mean_predictions(
    teachers: Sequence[Teacher], training: Faces, classes: int, recipe: Recipe, view: int
) -> NDArray[np.float32]:
    """The mean predictions of the teachers (n, classes), each at its own size, for one view of the n faces.

    Raises ModelError if one predicts something that is not a number.
    """
    engines, parts = [(make_engine(model), size, order) for model, size, order in teachers], []
    with closing(batches(training, classes, recipe, view)) as prepared:
        for inputs, _, _ in prepared:
            seen = inputs[..., 0].astype(np.uint8)
            predictions = [
                engine.predict(network_input(resize_faces(seen, size)), exact=False)[:, order]
                for engine, size, order in engines
            ]
            parts.append(np.mean(predictions, axis=0))
            if not np.isfinite(parts[-1]).all():
                raise ModelError("a teacher predicts values that are not numbers; train it again, or leave it out")
    return np.concatenate(parts)
