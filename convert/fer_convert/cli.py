"""`fer-convert`: crop, train, distill, average, train-verifier, quantize, import, export, evaluate.

Starts without Keras, so that `--help` works anywhere.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from fer_edge import __version__
from fer_edge.cli import Parser
from fer_edge.errors import FerEdgeError

from fer_convert.data.augment import Augmentation
from fer_convert.export.class_prior import DEFAULT_PRIOR, DEFAULT_VOTES_PRIOR
from fer_convert.messages import say
from fer_convert.options import (
    Renamed,
    add_fields,
    add_input_range,
    add_labels,
    given,
    input_range_of,
    label_list,
    recipe_of,
    share,
    warn_renamed,
)
from fer_convert.training.recipe import VIEW_SETTINGS, Recipe
from fer_convert.verifier.recipe import VerifierRecipe

EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells report it
EXIT_BROKEN_PIPE = 141  # 128 + SIGPIPE
TARGET_CHIPS = ("imx500",)
DATA_HELP = "Kaggle's fer2013.csv, or a folder of pictures"
SPLIT_HELP = "split to measure on (default: the validation split)"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code. An error that the user can fix is one line on standard error."""
    stopped = ""
    try:
        arguments = _parser().parse_args(argv)
        stopped = arguments.stopped
        if arguments.command == "teach":
            warn_renamed("fer-convert teach", "fer-convert distill")
        arguments.run(arguments)
    except FerEdgeError as error:
        sys.stderr.write(f"fer-convert: error: {error}\n")
        return error.exit_code
    except BrokenPipeError:
        # The reader of our lines has closed the pipe; what Python still buffers for it must not raise at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE
    except KeyboardInterrupt:
        sys.stderr.write(f"\nfer-convert: stopped{stopped}\n")
        _exit_now(EXIT_INTERRUPTED)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="fer-convert", description="Faces -> a trained network -> .tflite and its card")
    parser.add_argument("--version", action="version", version=f"fer-convert {__version__}")
    commands = parser.add_subparsers(required=True, dest="command", metavar="COMMAND")
    _add_train(commands.add_parser("train", help="train a network, or go on with a run that was stopped"))
    _add_crop(commands.add_parser("crop", help="cut the faces out of photos, framed as the device frames them"))
    _add_distill(commands.add_parser("distill", help="write soft labels of trained networks, to train a smaller one"))
    _add_average(commands.add_parser("average", help="average the weights of networks that began alike"))
    _add_distill(commands.add_parser("teach"))  # its name until 0.1.0; without help, so that it is not listed
    words = "train the network that says whether a square is a face, and where exactly"
    _add_train_verifier(commands.add_parser("train-verifier", help=words))
    _add_quantize(commands.add_parser("quantize", help="convert a Keras model to four .tflite variants with cards"))
    _add_import(commands.add_parser("import", help="take a .tflite or .onnx that others made: it gets a card"))
    _add_export(commands.add_parser("export", help="convert a float32 .tflite for an accelerator"))
    _add_evaluate(commands.add_parser("evaluate", help="measure a .tflite or Keras model on labelled faces"))
    return parser


def _add_train(parser: argparse.ArgumentParser) -> None:
    parser.description = "Train a network. The same command with the same --out goes on with a run that was stopped."
    parser.add_argument("--data", type=Path, required=True, help=DATA_HELP)
    parser.add_argument("--from", dest="start", type=Path, metavar="MODEL", help="start from this .keras or .hdf5")
    parser.add_argument(
        "--soft-labels", type=Path, metavar="FILE", help="train on these soft labels too, by fer-convert distill"
    )
    parser.add_argument(
        "--votes",
        type=Path,
        metavar="FILE",
        help="train on the votes of people in place of the labels, and validate by their majority: FER+'s "
        "fer2013new.csv, or a CSV with a column of counts for each class (docs/training.md)",
    )
    parser.add_argument("--teachers", dest="soft_labels", type=Path, action=Renamed, new_name="--soft-labels")
    parser.add_argument("--out", type=Path, help="run folder (default: runs/<network>)")
    add_fields(parser.add_argument_group("training"), Recipe)
    parser.add_argument(
        "--label-share", dest="hard_label_weight", type=float, action=Renamed, new_name="--hard-label-weight"
    )
    add_fields(parser.add_argument_group("augmentation (0 switches a change off)"), Augmentation)
    parser.set_defaults(run=_train, stopped="; the same command goes on after the last whole epoch")


def _train(arguments: argparse.Namespace) -> None:
    a = arguments
    # Votes say themselves how sure a label is.
    recipe = recipe_of(arguments, **({"label_smoothing": 0.0} if a.votes else {}))
    out = a.out or Path("runs") / recipe.network
    train = _import("fer_convert.training.train").train
    train(
        recipe, a.data, out, a.start, log=say, size_given="size" in a, soft_label_file=a.soft_labels, vote_file=a.votes
    )


def _add_crop(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Find the largest face in each photo by the device's detector, and write it upright and framed as the device "
        "frames it. Folders are kept, so one folder a class stays one."
    )
    parser.add_argument("photos", type=Path, metavar="PHOTOS", help="a folder of photos, in folders as you like")
    parser.add_argument("--out", type=Path, required=True, metavar="FACES", help="folder to write the faces to")
    parser.set_defaults(run=_crop, stopped="; every face in --out is whole")


def _crop(arguments: argparse.Namespace) -> None:
    importlib.import_module("fer_convert.data.crop").crop_photos(arguments.photos, arguments.out, log=say)


def _add_distill(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Write the soft labels of teachers, networks that are already trained, for augmented training faces; "
        "fer-convert train --soft-labels trains on them. The same command goes on where it was stopped."
    )
    parser.add_argument("--data", type=Path, required=True, help=DATA_HELP)
    parser.add_argument(
        "--teacher", type=Path, default=[], action="append", metavar="MODEL", help="a Keras model; repeat for more"
    )
    parser.add_argument("--votes", type=Path, metavar="FILE", help="use the votes of people too: FER+'s fer2013new.csv")
    parser.add_argument(
        "--per-face",
        action="store_true",
        help="one soft label a face, the mean over its views: the training may make new views in every epoch, and its "
        "settings may differ from these",
    )
    parser.add_argument("--out", type=Path, required=True, help="file to write, .npz")
    views = parser.add_argument_group("views; without --per-face the same as in the training")
    add_fields(views, Recipe, VIEW_SETTINGS)
    add_fields(parser.add_argument_group("augmentation; without --per-face the same as in the training"), Augmentation)
    parser.set_defaults(run=_distill, stopped="; the same command goes on after the last whole view")


def _distill(arguments: argparse.Namespace) -> None:
    a, recipe = arguments, recipe_of(arguments)
    distill = _import("fer_convert.training.distill").distill
    distill(recipe, a.data, a.teacher, a.out, log=say, vote_file=a.votes, per_face=a.per_face)


def _add_average(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Write the network with the mean weights of trained ones that began alike, such as one and another that was "
        "trained on from it: often better than either."
    )
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL", help="Keras models, two or more")
    parser.add_argument("--out", type=Path, required=True, help="file to write, .keras")
    parser.set_defaults(run=_average, stopped="")


def _average(arguments: argparse.Namespace) -> None:
    _import("fer_convert.training.average").average(arguments.models, arguments.out, log=say)


def _add_train_verifier(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Train the face verifier, the second stage of every detector, and convert it. The same command with the same "
        "--out goes on with a run that was stopped."
    )
    parser.add_argument("--data", type=Path, required=True, help=DATA_HELP)
    parser.add_argument(
        "--pictures",
        type=Path,
        metavar="DIR",
        help="a folder of pictures without faces, as backgrounds (default: textures drawn at random alone)",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("runs/face_verifier"), help="run folder (default: %(default)s)"
    )
    add_fields(parser, VerifierRecipe)
    parser.set_defaults(run=_train_verifier, stopped="; the same command goes on after the last whole epoch")


def _train_verifier(arguments: argparse.Namespace) -> None:
    a, recipe = arguments, VerifierRecipe(**given(arguments, VerifierRecipe))
    train_verifier = _import("fer_convert.verifier.train").train_verifier
    train_verifier(recipe, a.data, a.pictures, a.out, log=say)


def _add_quantize(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Convert a Keras model (.keras, .hdf5) to float32, float16, dynamic and int8 .tflite, with cards."
    )
    parser.add_argument("model", type=Path, metavar="MODEL", help="the Keras model")
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        help="the data it was trained on: int8 is calibrated on its training faces, the gate measures on its "
        f"validation faces. {DATA_HELP}",
    )
    parser.add_argument("--out", type=Path, default=Path("models"), help="folder to write to (default: models)")
    parser.add_argument("--name", help="of the network in file names (default: the file's or the run's name)")
    parser.add_argument("--split", help=SPLIT_HELP)
    parser.add_argument(
        "--votes",
        type=Path,
        metavar="FILE",
        help="measure on what most people see, and fit the confidence to their votes: FER+'s fer2013new.csv, or yours",
    )
    parser.add_argument(
        "--prior",
        type=share,
        metavar="0..1",
        help="how far frequent classes stay ahead: 1 as in the training data, 0 not at all (logit adjustment; "
        f"default: {DEFAULT_PRIOR}, with --votes {DEFAULT_VOTES_PRIOR})",
    )
    add_labels(parser)
    add_input_range(parser)
    parser.set_defaults(run=_quantize, stopped="; every file in --out is whole")


def _quantize(arguments: argparse.Namespace) -> None:
    a, input_range = arguments, input_range_of(arguments)
    quantize = _import("fer_convert.export.quantize").quantize
    quantize(
        a.model, a.data, a.out, a.name, input_range, a.split, log=say, prior=a.prior, votes=a.votes, labels=a.labels
    )


def _add_import(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Take a converted model as it is: .tflite, such as Teachable Machine's, or .onnx, which onnx2tf converts. It "
        "is copied with a card; a float model that ends in logits gets a softmax."
    )
    parser.add_argument("model", type=Path, metavar="MODEL", help=".tflite or .onnx")
    parser.add_argument(
        "--labels",
        type=label_list,
        metavar="A,B,C",
        help="labels of its outputs, in their order (default: those in the labels.txt beside it)",
    )
    parser.add_argument("--data", type=Path, help=f"measure it, and the order of its labels, on these: {DATA_HELP}")
    parser.add_argument("--split", help=SPLIT_HELP)
    parser.add_argument("--out", type=Path, default=Path("models"), help="folder to write to (default: models)")
    parser.add_argument("--name", help="of the model in file names (default: the file's name)")
    parser.add_argument(
        "--input-range",
        type=float,
        nargs=2,
        metavar=("LOW", "HIGH"),
        help="input values for pixels 0 and 255 (default: of integers the pixels; of floats -1 1)",
    )
    parser.set_defaults(run=_import_model, stopped="")


def _import_model(arguments: argparse.Namespace) -> None:
    a, input_range = arguments, input_range_of(arguments)
    import_model = _import("fer_convert.export.import_model").import_model
    import_model(a.model, a.labels, a.out, a.name, input_range, a.data, a.split, log=say)


def _add_export(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Convert a float32 .tflite for the sensor of the Raspberry Pi AI Camera: the packerOut.zip that imx500-package "
        "takes on the Pi. It needs the extra imx500, and Java (docs/accelerators.md)."
    )
    parser.add_argument("model", type=Path, metavar="MODEL", help="the -float32.tflite, with its card beside it")
    parser.add_argument("--target", choices=TARGET_CHIPS, required=True, help="what it is for")
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        help="faces to calibrate on (its training split), and to compare with MODEL on (its validation split). "
        f"{DATA_HELP}",
    )
    parser.add_argument("--split", help=SPLIT_HELP)
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="folder to write to")
    parser.set_defaults(run=_export, stopped="; nothing was written")


def _export(arguments: argparse.Namespace) -> None:
    a = arguments
    importlib.import_module("fer_convert.export.imx500").export(a.model, a.data, a.out, a.split, log=say)


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.description = "Measure a model; .tflite files are scored through the device's own classifier."
    parser.add_argument("model", type=Path, metavar="MODEL", help=".tflite with its card beside it, .keras or .hdf5")
    parser.add_argument("--data", type=Path, required=True, help=DATA_HELP)
    parser.add_argument("--split", help=SPLIT_HELP)
    parser.add_argument(
        "--conditions",
        action="store_true",
        help="measure in low light, blurred and shifted too (on the faces at 48 x 48, whatever size the data has), and "
        "compare with the float32 file beside MODEL",
    )
    parser.add_argument(
        "--votes",
        type=Path,
        metavar="FILE",
        help="measure by what most people see, and confidence by how many: FER+'s fer2013new.csv, or your own votes",
    )
    parser.add_argument(
        "--mirror",
        action="store_true",
        help="average the prediction for each face with that for its mirror image, as fer-edge does in single pictures",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure to this file")
    parser.add_argument("--report", type=Path, metavar="DIR", help="write a page and its plots to this folder")
    add_labels(parser)
    add_input_range(parser)
    parser.set_defaults(run=_evaluate, stopped="")


def _evaluate(arguments: argparse.Namespace) -> None:
    a, input_range = arguments, input_range_of(arguments)
    evaluate = _import("fer_convert.evaluation.evaluate").evaluate
    evaluate(
        *(a.model, a.data, a.split, a.json, a.report, input_range, a.conditions, a.votes),
        log=say,
        labels=a.labels,
        mirror=a.mirror,
    )


def _import(module: str) -> Any:
    """A module that needs the `convert` extra, imported only when its command runs. Raises FerEdgeError."""
    importlib.import_module("fer_convert.backend").require("keras", "sklearn", "matplotlib")
    return importlib.import_module(module)


def _exit_now(code: int) -> NoReturn:
    """Leave at once: TensorFlow, interrupted in the middle of a step, sometimes aborts while Python shuts it down."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
