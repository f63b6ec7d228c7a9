"""Command-line options: one for each field of a settings class, renamed ones, and values that are checked."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import MISSING, fields
from typing import Any

from fer_edge.errors import SettingsError

from fer_convert.data.augment import Augmentation
from fer_convert.messages import warn
from fer_convert.training.recipe import Recipe
from fer_convert.verifier.recipe import VerifierRecipe

Settings = type[Recipe] | type[Augmentation] | type[VerifierRecipe]

# These settings change nothing unless another one has this value, or, of augmentation, is above 0.
NEEDS_VALUE = {"patience": ("schedule", "plateau"), "focal_gamma": ("loss", "focal")}
NEEDS_ABOVE_ZERO = {"dim_to": "dim", "noise_sigma": "noise", "blur_sigma": "blur", "erasing_area": "erasing"}


class Renamed(argparse.Action):
    """The old name of an option: sets the new one's value, and warns with the `new_name`."""

    def __init__(self, option_strings: Sequence[str], dest: str, new_name: str, **settings: Any) -> None:
        super().__init__(option_strings, dest, default=argparse.SUPPRESS, help=argparse.SUPPRESS, **settings)
        self.new_name = new_name

    def __call__(self, _: object, namespace: argparse.Namespace, values: Any, __: object = None) -> None:
        """Set the value, and warn."""
        warn_renamed(self.option_strings[0], self.new_name)
        setattr(namespace, self.dest, values)


def warn_renamed(old: str, new: str) -> None:
    """Warn that a command or an option has a new name."""
    warn(f"warning: {old} is now called {new}; the old name still works, use the new one")


def add_fields(group: Any, settings: Settings, only: Sequence[str] | None = None) -> None:
    """Add an option for each field of `settings` that has a help text, or for those named in `only`.

    The namespace holds those alone that were given.
    """
    for entry in fields(settings):
        if "help" not in entry.metadata or entry.default is MISSING or (only is not None and entry.name not in only):
            continue
        allowed, kind = entry.metadata["allowed"], type(entry.default)
        text = f"{entry.metadata['help']} (default: {entry.default})"
        if kind is str:
            group.add_argument(_flag(entry.name), choices=allowed or None, default=argparse.SUPPRESS, help=text)
        else:
            metavar = f"{allowed[0]}..{allowed[1]}"
            group.add_argument(_flag(entry.name), type=kind, default=argparse.SUPPRESS, metavar=metavar, help=text)


def recipe_of(arguments: argparse.Namespace, **defaults: Any) -> Recipe:
    """The recipe with the values that were given, and other `defaults` than its own.

    Raises SettingsError if one is out of range or has no effect.
    """
    augmentation = Augmentation(**given(arguments, Augmentation))
    recipe = Recipe(**{**defaults, **given(arguments, Recipe)}, augmentation=augmentation)
    _refuse_without_effect(arguments, recipe)
    return recipe


def given(arguments: argparse.Namespace, settings: Settings) -> dict[str, Any]:
    """The fields of `settings` that were given, with their values."""
    values = vars(arguments)
    return {entry.name: values[entry.name] for entry in fields(settings) if entry.name in values}


def _refuse_without_effect(arguments: argparse.Namespace, recipe: Recipe) -> None:
    """Raise SettingsError if a setting was given that would change nothing."""
    needs = {
        name: f"--{other} {value}" for name, (other, value) in NEEDS_VALUE.items() if getattr(recipe, other) != value
    }
    needs |= {
        name: f"--{share} above 0"
        for name, share in NEEDS_ABOVE_ZERO.items()
        if not getattr(recipe.augmentation, share)
    }
    values = vars(arguments)
    if not values.get("soft_labels"):
        needs["hard_label_weight"] = "--soft-labels FILE"
    for name in sorted(needs.keys() & values.keys()):
        raise SettingsError(
            f"{_flag(name)} {values[name]}: changes nothing without {needs[name]}; give that too, or leave it out"
        )


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def share(text: str) -> float:
    """A number from 0 to 1, for `type=` of an option."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r}: must be a number from 0 to 1")
    return value


def add_labels(parser: argparse.ArgumentParser) -> None:
    """Add --labels, for Keras models that do not say them."""
    parser.add_argument(
        "--labels",
        type=label_list,
        metavar="A,B,C",
        help="labels of a Keras model's outputs, in their order (default: those in its .json; else FER2013's seven)",
    )


def label_list(text: str) -> tuple[str, ...]:
    """Names that are parted by commas, for `type=` of an option."""
    names = tuple(name.strip() for name in text.split(","))
    if len(names) < 2 or not all(names) or len({name.casefold() for name in names}) < len(names):
        raise argparse.ArgumentTypeError(f"{text[:60]!r}: must be two names or more, all different, parted by commas")
    return names


def add_input_range(parser: argparse.ArgumentParser) -> None:
    """Add --input-range, for Keras models that do not say it themselves."""
    parser.add_argument(
        "--input-range",
        type=float,
        nargs=2,
        metavar=("LOW", "HIGH"),
        help="input values of a Keras model for pixels 0 and 255 (default: those in its .json; else -1 1 for .hdf5, "
        "0 255 for .keras)",
    )


def input_range_of(arguments: argparse.Namespace) -> tuple[float, float] | None:
    """The values of --input-range, if it was given. Raises SettingsError."""
    if arguments.input_range is None:
        return None
    low, high = arguments.input_range
    if not (low < high and math.isfinite(low) and math.isfinite(high)):
        raise SettingsError(f"--input-range {low} {high}: the first must be less than the second, both finite")
    return low, high
