"""The card beside each .tflite file, as `fer_edge.classifiers.cards` reads it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from fer_edge.classifiers.cards import CARD_FORMAT
from fer_edge.errors import SettingsError

from fer_convert.data.faces import Dataset
from fer_convert.evaluation.metrics import Metrics
from fer_convert.export import costs, graph
from fer_convert.export.load import LoadedModel

MAX_NAME_BYTES = 200  # of a network's name; a file system takes 255 with all that is put around it


def model_name(name: str | None, source: Path) -> str:
    """The network's name in file names: `name`, else the file's or the run's own. Raises SettingsError."""
    if name is None:
        name = source.resolve().parent.name if source.stem == "best" else source.stem
    # A leading dot hides a file, a leading dash makes it an option to other commands.
    if (
        not name
        or not name.isprintable()
        or Path(name).name != name
        or name[0] in ".-"
        or len(os.fsencode(name)) > MAX_NAME_BYTES
    ):
        raise SettingsError(f"--name {name[:80]!r}: not a plain file name; give one such as mini_xception")
    return name


def new_card(
    loaded: LoadedModel,
    network: str,
    variant: str,
    content: bytes,
    entry: dict[str, Any],
    result: dict[str, Any],
    calibration_faces: int,
    prior: dict[str, Any] | None,
) -> dict[str, Any]:
    """The card of one variant of the model called `network`, without what is measured.

    `content` is the .tflite file, `entry` and `result` are the details of its input and output tensor. `prior` is its
    prior by `class_prior.card_entry`, None if it could not take one.
    """
    name = f"{network}-{variant}"
    return {
        "card": CARD_FORMAT,
        "name": name,
        "model": network,
        "variant": variant,
        "file": f"{name}.tflite",
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "labels": list(loaded.labels),
        "input": {
            "height": loaded.size[0],
            "width": loaded.size[1],
            "dtype": np.dtype(entry["dtype"]).name,
            "range": [0, 255],
        },
        "output": {"dtype": np.dtype(result["dtype"]).name},
        "quantization": {
            "input": _scale_and_zero_point(entry),
            "output": _scale_and_zero_point(result),
            "calibration_faces": calibration_faces,
        },
        "parameters": loaded.model.count_params(),
        "multiply_adds": graph.multiply_adds(loaded.model),
        "trained_from": {"file": loaded.path.name, "sha256": loaded.sha256},
        "training_data": loaded.training_data or None,
        "learned_from": loaded.learned_from or None,
        **({"prior": prior} if prior else {}),
        "metrics": {},
        "measured_on": {},
        "variants": {},
        "cost": costs.of_variant(loaded.model.name, variant),  # of the architecture, whatever the files are called
    }


def add_metrics(
    cards: Mapping[str, dict[str, Any]],
    metrics: Mapping[str, Metrics],
    faces: Dataset,
    votes: dict[str, str] | None,
) -> None:
    """Put what was measured on `faces` into the cards; both mappings are by variant, each card names all variants.

    `votes` is "name" and "sha256" of the file of people's votes that it was measured on, if that is what it was.
    """
    variants = {
        variant: {"accuracy": summary["accuracy"], "macro_f1": summary["macro_f1"], "bytes": cards[variant]["bytes"]}
        for variant, summary in ((variant, found.summary()) for variant, found in metrics.items())
    }
    for variant, card in cards.items():
        card["metrics"] = metrics[variant].summary()
        card["measured_on"] = {"name": faces.name, "sha256": faces.sha256, **({"votes": votes} if votes else {})}
        card["variants"] = variants


def _scale_and_zero_point(details: dict[str, Any]) -> list[float] | None:
    scale, zero_point = details["quantization"]
    return [float(scale), int(zero_point)] if scale else None
