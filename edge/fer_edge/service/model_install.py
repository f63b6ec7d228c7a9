"""Installs a model where fer-edge looks for it: tested first, and then at once or not at all."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

from fer_edge.classifiers import bare
from fer_edge.classifiers.cards import Card, install_slots, load_card
from fer_edge.classifiers.labels import find_label
from fer_edge.classifiers.tflite import TfliteClassifier
from fer_edge.demo import PORTRAIT
from fer_edge.errors import ModelError, first_line
from fer_edge.files import sync
from fer_edge.records import percent
from fer_edge.sources import open_files
from fer_edge.types import Box

PORTRAIT_FACE = Box(172, 64, 107, 107)  # pixels of the demo's portrait, as `fer-edge detect` finds it


def install_model(model: Path, card: Path | None, folder: Path) -> tuple[Card, str]:
    """Check `model` with its `card` (None: the .json beside it) and put both into `folder`; the result of the test.

    `folder` is a link to one of two folders beside it. The new model joins a copy of what is there, and one rename
    replaces the link, so a power cut leaves the old models or the new ones. Raises ModelError.
    """
    try:
        with tempfile.TemporaryDirectory() as place:
            copy = _copy_pair(model, card or model.with_suffix(".json"), Path(place))
            test = try_out(copy)
            _replace_link(folder, [copy.path, copy.path.with_suffix(".json")])
    except OSError as cause:
        words = f"{cause.filename or folder}: {cause.strerror or first_line(cause)}"
        raise ModelError(f"{words}; models are installed with sudo, or into another folder with --to") from None
    return load_card(folder / copy.path.name), test


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
    except (ValueError, TypeError, KeyError):
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
    new = next(slot for slot in install_slots(folder) if slot.name != before)
    shutil.rmtree(new, ignore_errors=True)  # the models before those in use
    if before:
        shutil.copytree(folder, new)
    else:
        new.mkdir(parents=True)
    for file in files:
        shutil.copyfile(file, new / file.name)
    for path in [*new.iterdir(), new]:
        path.chmod(0o755 if path.is_dir() else 0o644)  # the service's user reads them
        sync(path)
    link = folder.with_name(f"{folder.name}.new")
    link.unlink(missing_ok=True)
    link.symlink_to(new.name)
    link.replace(folder)
    sync(folder.parent)
