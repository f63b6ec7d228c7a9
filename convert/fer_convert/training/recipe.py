"""Every setting of a training run, with its default, its range and its meaning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from fer_edge.errors import SettingsError

from fer_convert.data.augment import Augmentation

SCHEDULES = ("cosine", "plateau", "constant")
OPTIMIZERS = ("adamw", "muon")
LOSSES = ("crossentropy", "focal")
CLASS_WEIGHTS = ("none", "balanced", "sqrt")
VIEW_SETTINGS = ("size", "batch", "mixup", "views", "seed", "augmentation")  # they decide how each face looks


def setting(default: Any, allowed: tuple[Any, ...], text: str) -> Any:
    """A field: `allowed` is (lowest, highest) for numbers, the choices for text."""
    return field(default=default, metadata={"help": text, "allowed": allowed})


@dataclass(frozen=True)
class Recipe:
    """How to train. Raises SettingsError if a value is out of range."""

    network: str = setting("mini_xception", (), "a name in fer_convert.networks; with --from only the folder's name")
    size: int = setting(64, (48, 256), "height and width of the network's input, pixels")
    epochs: int = setting(60, (1, 10_000), "how often each face is seen")
    small: int = setting(
        0, (0, 10_000), "number of first epochs at 3/4 of the size, which costs half (progressive resizing)"
    )
    batch: int = setting(64, (1, 4096), "faces a step")
    optimizer: str = setting(
        "adamw", OPTIMIZERS, "muon learns faster from scratch (convert/fer_convert/training/muon.py)"
    )
    learning_rate: float = setting(0.002, (1e-7, 1.0), "highest step size of the optimizer")
    schedule: str = setting(
        "cosine", SCHEDULES, "the learning rate falls to 0 as a cosine, halves when accuracy stalls, or stays"
    )
    patience: int = setting(6, (1, 10_000), "plateau: epochs without a better accuracy, after which the rate halves")
    early_stopping: int = setting(0, (0, 10_000), "epochs without a better accuracy, after which to stop; 0: never")
    loss: str = setting("crossentropy", LOSSES, "focal gives hard faces more weight (arXiv:1708.02002)")
    focal_gamma: float = setting(2.0, (0.0, 10.0), "focal loss: how much more")
    label_smoothing: float = setting(
        0.05, (0.0, 0.5), "share of each label that is spread over all classes; with --votes 0 unless given"
    )
    mixup: float = setting(
        0.0,
        (0.0, 4.0),
        "blend each face with another, by shares drawn from Beta(mixup, mixup) (arXiv:1710.09412); 0: off",
    )
    views: int = setting(
        0,
        (0, 1000),
        "augment each face in so many ways, which the epochs repeat; soft labels of views need it (fer-convert distill "
        "without --per-face); 0: new ways in every epoch",
    )
    hard_label_weight: float = setting(
        0.3,
        (0.0, 1.0),
        "with --soft-labels: weight of the data's own label, or of the votes, in the target; the rest is the soft "
        "label's (distillation)",
    )
    class_weights: str = setting(
        "none", CLASS_WEIGHTS, "weight of a class: 1, 1 over its number of faces, or 1 over the root of that"
    )
    weight_decay: float = setting(0.01, (0.0, 1.0), "decay of the kernels by the optimizer, times the learning rate")
    average: float = setting(
        0.998,
        (0.0, 0.99999),
        "validate and keep an exponential moving average (EMA) of the weights with this momentum; less if an epoch has "
        "few steps, so that it forgets the first weights within 2 epochs; 0: the last weights",
    )
    seed: int = setting(1, (0, 2**31 - 1), "of the first weights, the order of the faces and their augmentation")
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        for entry in fields(self):
            allowed, value = entry.metadata.get("allowed"), getattr(self, entry.name)
            flag = f"--{entry.name.replace('_', '-')} {value}"
            if allowed and isinstance(value, str):
                if value not in allowed:
                    raise SettingsError(f"{flag}: unknown; known are {', '.join(allowed)}")
            elif allowed and not allowed[0] <= value <= allowed[1]:
                raise SettingsError(f"{flag}: allowed is {allowed[0]} to {allowed[1]}")

    def as_json(self) -> dict[str, Any]:
        """The settings as config.json holds them."""
        return asdict(self)


def differences(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> list[str]:
    """ "key: old -> new" for each entry of two configurations that differs."""
    found = []
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            found += differences(before, after, f"{prefix}{key}.")
        elif before != after:
            found.append(f"{prefix}{key}: {before} -> {after}")
    return found
