"""What teachers say of every augmented face, written once, so that a student can learn from it for hundreds of epochs.

    fer-convert teach --data fer2013.csv --teacher runs/resnet/best.keras --teacher runs/vgg/best.keras \\
        --views 20 --out runs/answers.npz

With `--votes fer2013new.csv` people answer too (convert/fer_convert/data/votes.py).

Distillation as function matching: teachers and student see the very same augmented, blended face (Hinton et al.,
arXiv:1503.02531; Beyer et al., "Knowledge distillation: a good teacher is patient and consistent", arXiv:2106.05237).
Each view of the faces is what `fer_convert.data.batches` gives in one epoch, so the student's training makes it again
by its seed, and only the answers need keeping: 400 kB a view of FER2013.

With `--per-face` the mean over the views stands for whatever view of the face. It says less of each view than function
matching does, but a few views are enough then, and the student sees ever new ones.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from fer_convert.data import dataset, votes
from fer_convert.data.batches import batches, shuffled
from fer_convert.data.dataset import Data, Faces
from fer_convert.evaluation.metrics import measure
from fer_convert.export import fold, load
from fer_convert.training import checkpoint, run_folder
from fer_convert.training.engine import engine, predict
from fer_convert.training.recipe import VIEW, Recipe, differences
from fer_edge.errors import DataError, ModelError, SettingsError, first_line
from numpy.typing import NDArray

# Probabilities: of views (views, faces, classes), the faces of each in the order of `batches`; for each face (faces,
# classes), in the order of the data, which its file has for every view (views, faces, classes)
Answers = NDArray[np.float16]
Report = Callable[[str], None]


def teach(
    recipe: Recipe,
    source: Path,
    teachers: Sequence[Path],
    out: Path,
    report: Report = print,
    people: Path | None = None,
    per_face: bool = False,
) -> None:
    """Write the mean answer of the Keras models `teachers` on `recipe.views` views of the training faces to `out`.

    With the votes in the file `people` it is what these and the teachers, if there are any, say together; `per_face`
    makes it an answer a face, whatever the view. What was stopped goes on with the next view. Raises SettingsError,
    DataError, ModelError, SinkError.
    """
    if not teachers and people is None:
        raise SettingsError("neither --teacher nor --votes: nobody answers; give one of them, or both")
    if people is not None and recipe.mixup:
        raise SettingsError(f"--mixup {recipe.mixup}: people voted on whole faces, not on blended ones; leave it out")
    if per_face and recipe.mixup:
        raise SettingsError(
            f"--mixup {recipe.mixup}: with --per-face an answer is for a whole face, not for a blended one; leave it "
            "out here, the training may still blend"
        )
    if not recipe.views:
        raise SettingsError("--views 0: teachers answer on a fixed number of views; give one, such as --views 20")
    # Before the work, so that what cannot be written shows at once; two of them would undo each other's views.
    goal = checkpoint.target(out)
    with run_folder.alone(goal.with_name(f".{goal.name}.lock"), f"--out {out}", "fer-convert teach"):
        _teach(recipe, source, teachers, out, report, people, per_face)


def _teach(
    recipe: Recipe,
    source: Path,
    teachers: Sequence[Path],
    out: Path,
    report: Report,
    people: Path | None,
    per_face: bool,
) -> None:
    """What `teach` does, with `out` to itself."""
    if people and source.is_dir():
        raise SettingsError(f"--votes {people}: its lines are those of fer2013.csv; give that as --data, not a folder")
    faces = dataset.read(source, (recipe.size, recipe.size))
    cast = votes.read(people, faces) if people else None
    loaded = [load.load(path) for path in teachers]
    for one in loaded:
        _check(one, faces)
    settings = _settings(recipe, faces) | {
        "teachers": [one.sha256 for one in loaded],
        "votes": votes.digest(people) if people else None,
        "per face": per_face,
    }
    done = np.empty((0, 0, 0), np.float16)
    if out.exists():
        done, before = _load(out)
        changed = differences(before, settings)
        if changed:
            raise SettingsError(f"{out}: was begun with other settings ({'; '.join(changed)}); choose another --out")
    models = [(fold.for_pixels(one), one.size) for one in loaded]
    if models:
        split, validation = faces.validation()
        found = np.mean([predict(model, dataset.resized(validation.pixels, size)) for model, size in models], axis=0)
        result = measure(found, validation.labels, faces.classes, split)
        report(f"{len(models)} teachers together: accuracy {result.accuracy:.4f} on {split}")
    (_, training), classes = faces.training(), len(faces.classes)
    alone = votes.combine(cast, training.labels, classes) if cast is not None and not models else None
    for view in range(len(done), recipe.views):
        began = time.monotonic()
        order = shuffled(len(training), recipe, view)
        if alone is not None:
            answers = alone[order]  # people saw each face, not its views
        else:
            answers = _answers(models, training, classes, recipe, view)
            if cast is not None:
                answers = votes.combine(cast[order], training.labels[order], classes, answers)
        right = float((answers.argmax(axis=1) == training.labels[order]).mean())
        if per_face:
            answers = answers[order.argsort()]
        done = np.concatenate([done.reshape(-1, *answers.shape), answers[None].astype(np.float16)])
        with checkpoint.whole(out) as temporary, temporary.open("wb") as file:
            np.savez(file, answers=done, settings=np.array(json.dumps(settings)))
        seconds = time.monotonic() - began
        report(f"view {view + 1}/{recipe.views}  {right:.1%} of its faces answered as labelled  {seconds:.0f} s")
    report(f"wrote {out}")


def _answers(
    models: Sequence[tuple[Any, tuple[int, int]]], training: Faces, classes: int, recipe: Recipe, view: int
) -> NDArray[np.float32]:
    """The mean answers of models, each with its size, to one view (n, classes).

    Raises ModelError where one gives no numbers.
    """
    engines, parts = [(engine(model), size) for model, size in models], []
    with closing(batches(training, classes, recipe, view)) as ready:
        for inputs, _, _ in ready:
            seen = inputs[..., 0].astype(np.uint8)
            said = [
                one.predict(dataset.network_input(dataset.resized(seen, size)), exact=False) for one, size in engines
            ]
            parts.append(np.mean(said, axis=0))
            if not np.isfinite(parts[-1]).all():
                raise ModelError("a teacher gives answers that are no numbers; train it anew, or leave it out")
    return np.concatenate(parts)


def _check(teacher: load.Loaded, faces: Data) -> None:
    if teacher.labels != faces.classes:
        raise DataError(
            f"teacher {teacher.path}: its labels are {', '.join(teacher.labels)}, the classes of {faces.name} are "
            f"{', '.join(faces.classes)}; give the data that it was trained on"
        )


def _settings(recipe: Recipe, faces: Data) -> dict[str, Any]:
    """What decides which faces are answered on, and how they look."""
    chosen = recipe.as_json()
    return {"data": faces.sha256, "classes": list(faces.classes)} | {f"--{name}": chosen[name] for name in VIEW}


def read(path: Path, recipe: Recipe, faces: Data) -> tuple[Answers, str]:
    """The answers at `path`, of its views or, made with `per_face`, for each face; and the file's sha256.

    Raises ModelError where it is not such a file, SettingsError where it does not fit `recipe` and `faces`.
    """
    answers, settings = _load(path)
    per_face = settings["per face"]
    wanted = _settings(recipe, faces)
    if per_face:  # an answer that stands for any view fits whatever views the training makes
        wanted = {key: wanted[key] for key in ("data", "classes")}
    changed = differences({key: settings.get(key) for key in wanted}, wanted)
    if changed:
        raise SettingsError(f"--teachers {path}: they saw other faces ({'; '.join(changed)}); train with theirs")
    if len(answers) != settings["--views"]:
        done = f"{len(answers)} of {settings['--views']} views are done"
        raise ModelError(f"--teachers {path}: {done}; run fer-convert teach to its end")
    if per_face:
        answers = answers.mean(axis=0, dtype=np.float32).astype(np.float16)
    return answers, hashlib.sha256(path.read_bytes()).hexdigest()


def _load(path: Path) -> tuple[Answers, dict[str, Any]]:
    try:
        with path.open("rb") as file, np.load(file) as arrays:
            answers, settings = arrays["answers"], json.loads(str(arrays["settings"]))
        if answers.ndim != 3 or answers.dtype != np.float16 or not {"teachers", "--views"} <= set(settings):
            raise ValueError(f"it holds {answers.dtype} {answers.shape}")
    except Exception as cause:  # noqa: BLE001 - numpy and zipfile raise errors of a dozen kinds
        raise ModelError(
            f"{path}: not a file of teachers' answers ({first_line(cause)[:120]}); make one with fer-convert teach"
        ) from None
    # Files from before there were votes and answers for each face
    return answers, {"votes": None, "per face": False} | settings
