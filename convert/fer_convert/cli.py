"""`fer-convert`: train, quantize, evaluate. Starts without Keras, so that `--help` works anywhere."""

from __future__ import annotations

import argparse
import importlib
import math
import os
import sys
from collections.abc import Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, NoReturn

from fer_edge.errors import FerEdgeError, SettingsError

from fer_convert.data.augment import Augmentation
from fer_convert.training.recipe import VIEW, Recipe


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code. An error that is the user's to mend is one line on standard error."""
    arguments = _parser().parse_args(argv)
    try:
        arguments.run(arguments)
    except FerEdgeError as error:
        sys.stderr.write(f"fer-convert: error: {error}\n")
        return error.exit_code
    except BrokenPipeError:
        # Whoever read our lines has seen enough; what Python still holds for them must not raise at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141  # 128 + SIGPIPE, as shells report it
    except KeyboardInterrupt:
        sys.stderr.write(f"\nfer-convert: stopped{arguments.stopped}\n")
        _end(130)  # 128 + SIGINT, as shells report it
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fer-convert", description="Faces -> a trained network -> .tflite and its card"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_train(commands.add_parser("train", help="train a network, or go on with a run that was stopped"))
    _add_teach(commands.add_parser("teach", help="write down what trained networks say, for a smaller one to learn"))
    _add_quantize(commands.add_parser("quantize", help="convert a Keras model to four .tflite variants with cards"))
    _add_evaluate(commands.add_parser("evaluate", help="measure a .tflite or Keras model on labelled faces"))
    return parser


# --- train ---


def _add_train(parser: argparse.ArgumentParser) -> None:
    parser.description = "Train a network. The same command with the same --out goes on where a stopped run ended."
    parser.add_argument("--data", type=Path, required=True, help="Kaggle's fer2013.csv, or a folder of pictures")
    parser.add_argument("--from", dest="start", type=Path, metavar="MODEL", help="start from this .keras or .hdf5")
    parser.add_argument(
        "--teachers", type=Path, metavar="FILE", help="learn from these answers of fer-convert teach too"
    )
    parser.add_argument("--out", type=Path, help="run folder (default: runs/<network>)")
    _add_fields(parser.add_argument_group("training"), Recipe)
    _add_fields(parser.add_argument_group("augmentation (0 switches a change off)"), Augmentation)
    parser.set_defaults(run=_train, stopped="; the same command goes on after the last whole epoch")


def _add_fields(group: Any, settings: type[Recipe] | type[Augmentation], only: Sequence[str] | None = None) -> None:
    """An option for each field of a settings class that has a help text; only those given are in the namespace."""
    for entry in fields(settings):
        if "help" not in entry.metadata or entry.default is MISSING or (only is not None and entry.name not in only):
            continue
        allowed = entry.metadata["allowed"]
        flag, kind = f"--{entry.name.replace('_', '-')}", type(entry.default)
        text = f"{entry.metadata['help']} (default: {entry.default})"
        if kind is str:
            group.add_argument(flag, choices=allowed or None, default=argparse.SUPPRESS, help=text)
        else:
            group.add_argument(
                flag, type=kind, default=argparse.SUPPRESS, metavar=f"{allowed[0]}..{allowed[1]}", help=text
            )


def _values(arguments: argparse.Namespace, settings: type[Recipe] | type[Augmentation]) -> dict[str, Any]:
    given = vars(arguments)
    return {entry.name: given[entry.name] for entry in fields(settings) if entry.name in given}


def _recipe(arguments: argparse.Namespace) -> Recipe:
    return Recipe(**_values(arguments, Recipe), augmentation=Augmentation(**_values(arguments, Augmentation)))


# Settings that change nothing unless another one has this value, or, of augmentation, is above 0
HEEDED_WITH = {"patience": ("schedule", "plateau"), "focal_gamma": ("loss", "focal")}
SHARE_OF = {"dim_to": "dim", "noise_sigma": "noise", "blur_sigma": "blur", "erasing_area": "erasing"}


def _refuse_unheeded(arguments: argparse.Namespace, recipe: Recipe) -> None:
    """Raise SettingsError for one of these settings that was given and would change nothing."""
    given = vars(arguments)
    needs = {
        name: f"--{other} {value}" for name, (other, value) in HEEDED_WITH.items() if getattr(recipe, other) != value
    }
    needs |= {name: f"--{share} above 0" for name, share in SHARE_OF.items() if not getattr(recipe.augmentation, share)}
    if not given.get("teachers"):
        needs["label_share"] = "--teachers FILE"
    for name in sorted(needs.keys() & given.keys()):
        flag = f"--{name.replace('_', '-')} {given[name]}"
        raise SettingsError(f"{flag}: changes nothing without {needs[name]}; give that too, or leave it out")


def _train(arguments: argparse.Namespace) -> None:
    a, recipe = arguments, _recipe(arguments)
    _refuse_unheeded(a, recipe)
    out = a.out or Path("runs") / recipe.network
    _late("fer_convert.training.train").train(
        recipe, a.data, out, a.start, report=_say, sized="size" in a, answers=a.teachers
    )


def _add_teach(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Write down what teachers, networks that are already trained, say of augmented training faces; "
        "fer-convert train --teachers learns from it. The same command goes on where a stopped one ended."
    )
    parser.add_argument("--data", type=Path, required=True, help="Kaggle's fer2013.csv, or a folder of pictures")
    parser.add_argument(
        "--teacher", type=Path, default=[], action="append", metavar="MODEL", help="a Keras model; repeat for more"
    )
    parser.add_argument(
        "--votes", type=Path, metavar="FILE", help="FER+'s fer2013new.csv: what people voted each face to be counts too"
    )
    parser.add_argument(
        "--per-face",
        action="store_true",
        help="the mean over the views is the answer to any view of the face: the training may make ever new ones, and "
        "be of other settings than these",
    )
    parser.add_argument("--out", type=Path, required=True, help="file to write, .npz")
    _add_fields(parser.add_argument_group("views, without --per-face the same as in the training"), Recipe, VIEW)
    _add_fields(parser.add_argument_group("augmentation, without --per-face the same as in the training"), Augmentation)
    parser.set_defaults(run=_teach, stopped="; the same command goes on after the last whole view")


def _teach(arguments: argparse.Namespace) -> None:
    a, recipe = arguments, _recipe(arguments)
    _refuse_unheeded(a, recipe)
    _late("fer_convert.training.distill").teach(
        recipe, a.data, a.teacher, a.out, _say, people=a.votes, per_face=a.per_face
    )


# --- quantize and evaluate ---


def _add_quantize(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Convert a Keras model (.keras, .hdf5) to float32, float16, dynamic and int8 .tflite, with cards."
    )
    parser.add_argument("model", type=Path, metavar="MODEL", help="the Keras model")
    parser.add_argument("--data", type=Path, help="the data it was trained on: int8 is calibrated and measured on it")
    parser.add_argument("--out", type=Path, default=Path("models"), help="folder to write to (default: models)")
    parser.add_argument("--name", help="of the network in file names (default: the file's or the run's name)")
    parser.add_argument("--split", help="split to measure on (default: the one that validates)")
    parser.add_argument(
        "--prior",
        type=_share,
        default=0.7,
        metavar="0..1",
        help="how far frequent classes stay ahead: 1 as in the training data, 0 not at all (logit adjustment; "
        "default: 0.7)",
    )
    _add_input_range(parser)
    parser.set_defaults(run=_quantize, stopped="; every file in --out is whole")


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r}: must be a number from 0 to 1")
    return value


def _quantize(arguments: argparse.Namespace) -> None:
    a = arguments
    quantize = _late("fer_convert.export.quantize").quantize
    quantize(a.model, a.data, a.out, a.name, _input_range(a), a.split, report=_say, prior=a.prior)


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.description = "Measure a model; .tflite files are scored through the device's own classifier."
    parser.add_argument("model", type=Path, metavar="MODEL", help=".tflite with its card beside it, .keras or .hdf5")
    parser.add_argument("--data", type=Path, required=True, help="Kaggle's fer2013.csv, or a folder of pictures")
    parser.add_argument("--split", help="split to measure on (default: the one that validates)")
    parser.add_argument(
        "--conditions",
        action="store_true",
        help="measure in low light, blurred and shifted too (on the faces at 48 x 48, whatever size the data has), and "
        "against the float32 file beside MODEL",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure to this file")
    parser.add_argument("--report", type=Path, metavar="DIR", help="write a page and two pictures to this folder")
    _add_input_range(parser)
    parser.set_defaults(run=_evaluate, stopped="")


def _evaluate(arguments: argparse.Namespace) -> None:
    a = arguments
    _late("fer_convert.evaluation.evaluate").evaluate(
        a.model, a.data, a.split, a.json, a.report, _input_range(a), a.conditions, say=_say
    )


def _add_input_range(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--input-range",
        type=float,
        nargs=2,
        metavar=("LOW", "HIGH"),
        help="input values of a Keras model for pixels 0 and 255 (default: what its .json says; else -1 1 for .hdf5, "
        "0 255 for .keras)",
    )


def _input_range(arguments: argparse.Namespace) -> tuple[float, float] | None:
    if arguments.input_range is None:
        return None
    low, high = arguments.input_range
    if not (low < high and math.isfinite(low) and math.isfinite(high)):
        raise SettingsError(f"--input-range {low} {high}: the first must be less than the second, both finite")
    return low, high


def _late(module: str) -> Any:
    """A module that needs the `convert` extra, imported only when its command runs. Raises FerEdgeError."""
    importlib.import_module("fer_convert.backend").need("keras", "sklearn", "matplotlib")
    return importlib.import_module(module)


def _end(code: int) -> NoReturn:
    """Leave at once. TensorFlow, stopped in the middle of a step, at times aborts while Python tears it down."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
