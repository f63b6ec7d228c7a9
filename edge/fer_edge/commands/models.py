"""`fer-edge models`: lists the installed models and tests them; `fer-edge models install` adds one."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from fer_edge.classifiers import cards as model_cards
from fer_edge.classifiers.cards import Card, choose, models_folder, scan
from fer_edge.classifiers.runtimes import find_runtime
from fer_edge.classifiers.tflite import TfliteClassifier
from fer_edge.errors import FerEdgeError, ModelError, counted
from fer_edge.service.model_install import install_model


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of this command."""
    parser.add_argument("--verify", action="store_true", help="check each file's hash and run one inference on it")
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    words = "check a model and install it"
    install = actions.add_parser("install", help=words, description=f"{words.capitalize()}.")
    install.add_argument("model", metavar="FILE.tflite", type=Path)
    install.add_argument("--card", metavar="FILE.json", type=Path, help="its card (default: the one beside it)")
    default = model_cards.LOCAL_MODELS_FOLDER
    install.add_argument("--to", metavar="FOLDER", type=Path, default=default, help="where (default: %(default)s)")


def run(options: argparse.Namespace) -> int:
    """Print a table of the models, or install one. Raises ModelError."""
    if options.action == "install":
        card, test = install_model(options.model, options.card, options.to)
        print(f"{test}\ninstalled: {card.path}")
        print("a running fer-edge loads it within seconds; no restart is needed")
        return 0
    return _list(options.verify)


def _list(verify: bool) -> int:
    """Print the table; with `verify`, test each model. Raises ModelError if one cannot be used."""
    cards, failures = scan()
    print(f"models in {models_folder()}")
    widest = max([len("name"), *(len(card.name) for card in cards)])
    print(
        f"{'name':{widest}} {'variant':8} {'kB':>6}  {'input':17} {'accuracy':>8}  {'learned':7}  {'sha256':12}  labels"
    )
    for card in cards:
        height, width = card.size
        accuracy = "-" if card.accuracy is None else f"{card.accuracy:.1%}"
        print(
            f"{card.name:{widest}} {card.variant:8} {card.bytes / 1000:6.1f}  "
            f"{f'{width}x{height} grey {card.dtype}':17} {accuracy:>8}  {card.learned_from or '-':7}  "
            f"{card.sha256[:12]}  {', '.join(card.labels)}"
        )
    split = {str(card.metrics["split"]) for card in cards if "split" in card.metrics}
    if split:
        print(f"accuracy: share of right answers on {' or '.join(sorted(split))}, as on the cards")
    if any(card.learned_from for card in cards):
        print("learned: from votes of several people on each face, or from labels, one word a face")
    for failure in failures:
        print(f"failed  {failure}")
    if verify:
        _verify(cards)
    if failures:
        raise ModelError(f"{len(failures)} of the models cannot be used, see above; reinstall fer-edge")
    return 0


def _verify(cards: list[Card]) -> None:
    """Test each model with one inference. Raises ModelError if one fails."""
    runtime, _ = find_runtime()
    failed = 0
    for card in cards:
        try:
            classifier = TfliteClassifier(card, runtime)
            scores = classifier.predict_crops(np.full((1, *card.size), 128, np.uint8))
            if not np.isfinite(scores).all() or abs(float(scores.sum()) - 1) > 0.01:
                raise ModelError(f"model {card.path}: one inference gave {scores.tolist()}; convert it again")
            print(f"ok      {card.name}: one inference with {runtime}, sha256 {card.sha256} as on its card")
        except FerEdgeError as error:
            failed += 1
            print(f"failed  {error}")
    for model in sorted({card.model for card in cards}):
        print(f"auto    {model}: {choose(model, 'auto', runtime, cards).variant} with {runtime}")
    if failed:
        raise ModelError(f"{failed} of {counted(len(cards), 'model')} failed; reinstall fer-edge or convert them again")
