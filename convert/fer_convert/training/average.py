"""The mean of the weights of trained networks that began alike.

    fer-convert average runs/first/best.keras runs/votes/best.keras --out runs/mean/best.keras

A network and one that was trained on from it lie in one valley of the loss, and the mean of their weights is often
better than either (Wortsman et al., "Model soups", arXiv:2203.05482, section 2). Networks that began with other random
weights lie apart, and their mean knows nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from fer_edge.errors import ModelError, SettingsError

from fer_convert import files
from fer_convert.export import load
from fer_convert.export.load import LoadedModel
from fer_convert.messages import Log


def average(paths: Sequence[Path], out: Path, log: Log = print) -> Path:
    """Write the network with the mean weights of those at `paths`, two or more, to `out`, and what is known beside it.

    Raises SettingsError if `out` is not a .keras or one of `paths`, ModelError if the networks differ, SinkError.
    """
    if len(paths) < 2:
        raise SettingsError(f"{' '.join(map(str, paths))}: a mean is of two networks or more; name another one")
    if out.suffix != ".keras" or out.resolve() in {path.resolve() for path in paths}:
        raise SettingsError(f"--out {out}: name a .keras file that is none of those that the mean is of")
    files.check_file(out)
    first, *others = [load.load(path) for path in paths]
    for other in others:
        if why := _difference(first, other):
            raise ModelError(
                f"model {other.path}: differs from {first.path} in {why}; average networks that began alike"
            )
    weights = zip(*(one.model.get_weights() for one in (first, *others)), strict=True)
    first.model.set_weights([np.mean(each, axis=0, dtype=np.float64).astype(each[0].dtype) for each in weights])
    with files.atomic(out) as temporary:
        first.model.save(temporary, include_optimizer=False)
    files.write_json(out.with_suffix(".json"), _known([first, *others]))
    log(f"wrote {out}: {first.model.name}, the mean of {len(paths)} networks")
    return out


def _difference(first: LoadedModel, other: LoadedModel) -> str:
    """What two networks differ in; "": in their weights alone."""
    if other.labels != first.labels:
        return f"its labels, {', '.join(other.labels)}"
    if other.range != first.range:
        return f"the range of its pixels, {other.range[0]:g} to {other.range[1]:g}"
    shapes = [[weights.shape for weights in one.model.get_weights()] for one in (first, other)]
    layers = [[type(layer).__name__ for layer in one.model.layers] for one in (first, other)]
    return "" if shapes[0] == shapes[1] and layers[0] == layers[1] and first.size == other.size else "its layers"


def _known(networks: Sequence[LoadedModel]) -> dict[str, Any]:
    """What stands beside a model, see `fer_convert.export.load`; of what differs between them, nothing."""
    first = networks[0]
    known: dict[str, Any] = {"labels": list(first.labels), "input_range": list(first.range)}
    for name in ("class_weights", "learned_from", "training_data"):
        value = getattr(first, name)
        if value and all(getattr(one, name) == value for one in networks):
            known[name] = value
    return known
