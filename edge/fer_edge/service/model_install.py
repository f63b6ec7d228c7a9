"""Installs a model where fer-edge looks for it: tested first, and then at once or not at all."""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fer_edge.classifiers import bare
from fer_edge.classifiers.cards import MAX_CARD_BYTES, MAX_MODEL_BYTES, Card, install_slots, load_card
from fer_edge.classifiers.labels import find_label, name_fault
from fer_edge.classifiers.tflite import TfliteClassifier
from fer_edge.demo import PORTRAIT
from fer_edge.errors import ModelError, first_line
from fer_edge.files import sync
from fer_edge.records import percent
from fer_edge.service.program import as_root
from fer_edge.sources import open_files
from fer_edge.types import Box

LOCK_TIMEOUT_S = 120.0  # for installations that were begun before
LOCK_POLL_INTERVAL_S = 0.05
PORTRAIT_FACE = Box(172, 64, 107, 107)  # pixels of the demo's portrait, as `fer-edge detect` finds it


def install_model(model: Path, card: Path | None, folder: Path, as_typed: str = "") -> tuple[Card, str]:
    """Check `model` with its `card` (None: the .json beside it) and put both into `folder`; the result of the test.

    `folder` is a link to one of two folders beside it. The new model joins a copy of what is there, and one rename
    replaces the link, so a power cut leaves the old models or the new ones. `as_typed`: the command that is to be tried
    again as root. Raises ModelError.
    """
    folder = Path(os.path.abspath(folder))  # noqa: PTH100 - not resolved: it is a link
    if not folder.name:
        raise ModelError(f"models folder {folder}: cannot be replaced by a link; give another --to")
    try:
        with tempfile.TemporaryDirectory() as place:
            copy = _copy_pair(model, card or model.with_suffix(".json"), Path(place))
            test = try_out(copy)
            with _lock(folder):
                _replace_link(folder, [copy.path, copy.path.with_suffix(".json")])
                return load_card(folder / copy.path.name), test
    except OSError as cause:
        words = f"{cause.filename or folder}: {cause.strerror or first_line(cause)}"
        again = as_root(as_typed or f"models install {shlex.quote(str(model))}")
        raise ModelError(f"{words}; try: {again}, or install it into another folder with --to") from None


def try_out(card: Card) -> str:
    """Read the face in the demo's portrait; the result, in words. Raises ModelError.

    It smiles: a model that has the label "happy" and gives another one is broken or badly trained.
    """
    classifier = TfliteClassifier(card)
    (frame,) = open_files(str(PORTRAIT))
    (prediction,) = classifier.predict(frame.grey, [PORTRAIT_FACE])
    words = f"the demo's portrait is {prediction.emotion} ({percent(prediction.score(prediction.emotion))})"
    if find_label("happy", card.labels) not in (None, prediction.emotion):
        raise ModelError(f"model {card.path.name}: {words}, and it smiles; check the labels' order, or train it longer")
    return f"tried: {words}, with {classifier.runtime}; labels {', '.join(card.labels)}"


def _copy_pair(model: Path, card: Path, place: Path) -> Card:
    """Copy both into `place`, under matching names; the copy's card. Raises ModelError, OSError."""
    size = _file_bytes(model)
    if size > MAX_MODEL_BYTES:
        raise ModelError(f"model {model}: has {size / 1e6:.0f} MB, the limit is {MAX_MODEL_BYTES / 1e6:.0f} MB")
    if card.is_file() and _file_bytes(card) > MAX_CARD_BYTES:
        raise ModelError(f"model card {card}: has more than {MAX_CARD_BYTES / 1e6:g} MB; give the card of the model")
    labels = bare.labels_file(model) if not card.is_file() else None
    if labels is not None:
        text = bare.describe(model, bare.read_labels(labels))
        (place / model.name).with_suffix(".json").write_text(json.dumps(text, indent=2) + "\n", encoding="utf-8")
        shutil.copyfile(model, place / model.name)
        return load_card(place / model.name)
    if not card.is_file():
        raise ModelError(
            f"model card {card}: no such file; a model needs its card: give it with --card, or put its labels.txt "
            "beside it, a label in each line"
        )
    try:
        name = Path(json.loads(card.read_text(encoding="utf-8"))["file"]).name
    except (ValueError, TypeError, KeyError, RecursionError):
        name = ""
    if name_fault(name) or not name.endswith(".tflite"):
        name = model.name  # load_card says below what is wrong with the card
    path = place / name
    shutil.copyfile(card, path.with_suffix(".json"))
    shutil.copyfile(model, path)
    return load_card(path)


def _replace_link(folder: Path, files: list[Path]) -> None:
    """Let `folder` hold `files`, and what it held. Raises ModelError, OSError."""
    if folder.exists() and not folder.is_symlink():
        raise ModelError(
            f"models folder {folder}: is a folder and not a link, so it cannot be replaced at once; give another --to"
        )
    before = folder.readlink().name if folder.is_symlink() else ""
    slot = next(slot for slot in install_slots(folder) if slot.name != before)
    # Built beside it: what is in the slot now, the models before those in use, stays until the new ones are whole.
    new, old = slot.with_name(f"{slot.name}.new"), slot.with_name(f"{slot.name}.old")
    for leftover in (new, old):
        shutil.rmtree(leftover, ignore_errors=True)
    try:
        _fill(new, folder if before else None, files)
        if slot.exists():
            slot.replace(old)
        new.replace(slot)
    except OSError:
        shutil.rmtree(new, ignore_errors=True)
        raise
    link = folder.with_name(f"{folder.name}.new")
    link.unlink(missing_ok=True)
    link.symlink_to(slot.name)
    link.replace(folder)
    sync(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


def _fill(new: Path, before: Path | None, files: list[Path]) -> None:
    """Make the folder `new` with `files` and what `before` holds, on the disk. Raises OSError."""
    if before is not None:
        try:
            shutil.copytree(before, new)
        except shutil.Error as cause:  # a list of what failed, as a text
            raise OSError(cause.args[0][0][2]) from None
    else:
        new.mkdir(parents=True)
    for file in files:
        shutil.copyfile(file, new / file.name)
    for path in [*new.iterdir(), new]:
        path.chmod(0o755 if path.is_dir() else 0o644)  # the service's user reads them
        sync(path)


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Hold `folder` for one installation at a time. Raises ModelError if another one goes on and on, OSError."""
    path = folder.with_name(f".{folder.name}.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        end = time.monotonic() + LOCK_TIMEOUT_S
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise ModelError(f"models folder {folder}: another installation goes on; try again later") from None
            time.sleep(LOCK_POLL_INTERVAL_S)
        yield


def _file_bytes(path: Path) -> int:
    """The size of a file. Raises ModelError for what is none, OSError."""
    try:
        status = path.stat()
    except FileNotFoundError:
        raise ModelError(f"model {path}: no such file; give a .tflite file, or the address of one") from None
    if not stat.S_ISREG(status.st_mode):
        raise ModelError(f"model {path}: is not a file; give a .tflite file")
    return status.st_size
