"""`fer-edge models`: lists the installed models and tests them; `fer-edge models install` adds one."""

from __future__ import annotations

import argparse
import os
import shlex
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from fer_edge.bench import apply
from fer_edge.classifiers import cards as model_cards
from fer_edge.classifiers.cards import Card, choose, is_path, load_card, models_folder, scan
from fer_edge.classifiers.runtimes import find_runtime, runs
from fer_edge.classifiers.tflite import TfliteClassifier
from fer_edge.commands.options import DEFAULT_CONFIG, SERVICE_SETTINGS
from fer_edge.detectors.auto import installed_files, why_not
from fer_edge.detectors.face_verifier import FaceVerifier
from fer_edge.detectors.files import CATALOGUE
from fer_edge.errors import FerEdgeError, ModelError, SettingsError, counted
from fer_edge.service.model_fetch import fetch_model, installed_from, is_url
from fer_edge.service.model_install import install_model
from fer_edge.settings import ClassifierSettings, DetectorSettings, Settings, load

WIDTH = 80  # columns; a longer name has a line of its own


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of this command."""
    parser.add_argument("--verify", action="store_true", help="check each file's hash and run one inference on it")
    config = "settings that say which model is in use (default: the service's, else the built-in ones)"
    parser.add_argument("--config", metavar="FILE", type=Path, help=config)
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    words = "check a model and install it"
    install = actions.add_parser("install", help=words, description=f"{words.capitalize()}.")
    install.add_argument("model", metavar="FILE.tflite|URL", help="its card lies beside it, NAME.json")
    install.add_argument("--sha256", metavar="HEX", help="of the model's file: a URL needs it")
    install.add_argument(
        "--key", metavar="KEY", help="minisign's public key, or its file, by which both files at a URL are signed"
    )
    install.add_argument("--card", metavar="FILE.json", type=Path, help="its card (default: the one beside it)")
    default = model_cards.LOCAL_MODELS_FOLDER
    install.add_argument("--to", metavar="FOLDER", type=Path, default=default, help="where (default: %(default)s)")
    install.add_argument(
        "--use", action="store_true", help="use it from now on: set classifier.model in the file of --config"
    )
    # Not its own default, which would replace what stands before "install".
    install.add_argument("--config", metavar="FILE", type=Path, default=argparse.SUPPRESS, help=config)


def run(options: argparse.Namespace) -> int:
    """Print a table of the models, or install one. Raises ModelError, SettingsError, SinkError."""
    if options.action == "install":
        before = _settings_in_use(options.config)
        card, test = _install(options)
        print(f"{test}\ninstalled: {card.path}")
        if options.use:
            print(_use(card, options))
        else:
            print(_is_used(card, *before, options))
        return 0
    return _list(options)


def _install(options: argparse.Namespace) -> tuple[Card, str]:
    """Install what the options name, unless it is there; what was found. Raises SettingsError, ModelError."""
    if not is_url(options.model):
        if options.sha256 or options.key:
            raise SettingsError("--sha256 and --key: are for a model at a URL; leave them out")
        return install_model(Path(options.model), options.card, options.to, _as_typed(options))
    if not options.sha256 or not options.key or options.card:
        raise SettingsError("models install URL: needs --sha256 and --key, and takes the card beside the model")
    there = installed_from(options.model, options.sha256, options.to)
    if there is not None:
        return there, "already installed, with that hash"
    with TemporaryDirectory() as place:
        model = fetch_model(options.model, options.sha256, options.key, Path(place))
        card, test = install_model(model, None, options.to, _as_typed(options))
    return card, f"signed, and its hash is as given\n{test}"


def _as_typed(options: argparse.Namespace) -> str:
    """The arguments of this command, to give them once more."""
    given = {"--sha256": options.sha256, "--key": options.key, "--card": options.card}
    given["--to"] = options.to if options.to != model_cards.LOCAL_MODELS_FOLDER else None
    given["--config"] = options.config
    named = [word for name, value in given.items() if value is not None for word in (name, str(value))]
    return shlex.join(["models", "install", options.model, *named, *(["--use"] if options.use else [])])


def _settings_in_use(config: Path | None) -> tuple[ClassifierSettings, str]:
    """The settings of the model in use, and in words where they are from. Raises SettingsError."""
    path = config or SERVICE_SETTINGS
    if config is None and not os.path.lexists(SERVICE_SETTINGS):
        return Settings().classifier, "the default settings"
    if config is None and not os.access(path, os.R_OK):
        return Settings().classifier, f"the default settings (you may not read {path})"
    return load(path).classifier, str(path)


def _use(card: Card, options: argparse.Namespace) -> str:
    """Let the settings name `card`; how it is loaded, in words. Raises SettingsError, SinkError."""
    is_service = options.config is None and os.path.lexists(SERVICE_SETTINGS)  # its folder may hold models alone
    path = options.config or (SERVICE_SETTINGS if is_service else DEFAULT_CONFIG)
    apply.apply(path, "classifier", {"model": _setting(card, options.to), "variant": card.variant})
    load_it = "sudo systemctl restart fer-edge" if is_service else f"fer-edge run --config {_quoted(path)}"
    return f"{path}: classifier.model names it; load it with: {load_it}"


def _setting(card: Card, folder: Path) -> str:
    """What classifier.model must be for `card`: its name where fer-edge looks for it, else its path."""
    return card.name if folder == model_cards.LOCAL_MODELS_FOLDER else str(card.path.absolute())


def _is_used(card: Card, settings: ClassifierSettings, origin: str, options: argparse.Namespace) -> str:
    """Whether `settings` take `card`, and else what would, in words."""
    chosen = _chosen(settings)
    if chosen is not None and chosen.path.absolute() == card.path.absolute():
        return f"in use by {origin}: a running fer-edge loads it within seconds, no restart is needed"
    taken = chosen.name if chosen else settings.model
    set_it = f"--set classifier.model={_quoted(_setting(card, options.to))}"
    return f"not in use: {taken} is, by {origin}; use this one with: fer-edge run {set_it}, or install it with --use"


def _quoted(path: Path | str) -> str:
    return shlex.quote(str(path))


def _chosen(settings: ClassifierSettings) -> Card | None:
    """The model that `settings` take here; None if that cannot be used."""
    try:
        if is_path(settings.model):
            return load_card(Path(settings.model))
        runtime = find_runtime()[0] if settings.runtime == "auto" else settings.runtime
        return choose(settings.model, settings.variant, runtime, scan()[0])
    except ModelError:
        return None


def _list(options: argparse.Namespace) -> int:
    """Print the table; with `--verify`, test each model. Raises ModelError if one cannot be used."""
    settings, origin = _settings_in_use(options.config)
    cards, failures = scan()
    chosen = _chosen(settings)
    if chosen is not None and chosen.path not in {card.path for card in cards}:
        cards.append(chosen)
    print(*_table(cards, chosen), sep="\n")
    for labels in dict.fromkeys(card.labels for card in cards):
        of = [card.name for card in cards if card.labels == labels]
        print(_filled(f"labels{'' if len(of) == len(cards) else ' of ' + ', '.join(of)}: {', '.join(labels)}"))
    split = {str(card.metrics["split"]) for card in cards if "split" in card.metrics}
    if split:
        print(_filled(f"right: share of right answers, by the cards, on {' or '.join(sorted(split))}"))
    if any(card.learned_from for card in cards):
        print("learned: from votes of several people on each face, or from labels, one a face")
    print(f"*: in use by {origin}" if chosen else f"in use by {origin}: {settings.model}, which cannot be used")
    for failure in failures:
        print(f"failed  {failure}")
    if options.verify:
        _verify(cards)
    if failures:
        raise ModelError(
            f"{len(failures)} of the models cannot be used, see above; reinstall fer-edge, or install them again"
        )
    return 0


def _filled(text: str) -> str:
    return textwrap.fill(text, WIDTH, subsequent_indent="  ", break_on_hyphens=False)


def _table(cards: Sequence[Card], chosen: Card | None) -> Iterator[str]:
    """The lines of the table: the models of each folder below its path."""
    row = "{:7} {:>6}  {:14} {:>6}  {:7}".format
    room = WIDTH - 2 - 1 - len(row("", "", "", "", ""))
    widest = min(max(len(card.name) for card in cards), room)
    titles = row("variant", "kB", "input", "right", "learned")
    for folder in dict.fromkeys(card.path.parent for card in cards):
        kind = {models_folder(): " (shipped)", model_cards.LOCAL_MODELS_FOLDER: " (installed)"}.get(folder, "")
        yield f"{folder}{kind}"
        yield f"  {'name':{widest}} {titles}"
        for card in (card for card in cards if card.path.parent == folder):
            height, width = card.size
            accuracy = "-" if card.accuracy is None else f"{card.accuracy:.1%}"
            shape = f"{width}x{height} {card.dtype}"
            learned = card.learned_from or "-"
            figures = row(card.variant, f"{card.bytes / 1000:.1f}", shape, accuracy, learned)
            mark = "*" if chosen is not None and card.path == chosen.path else " "
            name = card.name
            if len(name) > room:
                yield f"{mark} {name}"
                mark, name = " ", ""
            yield f"{mark} {name:{widest}} {figures}".rstrip()


def _verify(cards: list[Card]) -> None:
    """Test each model with one inference, and what finds faces. Raises ModelError if one fails."""
    runtime, _ = find_runtime()
    failed = 0
    for card in cards:
        if not runs(runtime, card.variant):
            print(f"unused  {card.name}: {runtime} runs float models alone")
            continue
        try:
            classifier = TfliteClassifier(card, runtime)
            scores = classifier.predict_crops(np.full((1, *card.size), 128, np.uint8))
            if not np.isfinite(scores).all() or abs(float(scores.sum()) - 1) > 0.01:
                raise ModelError(f"model {card.path}: one inference gave {scores.tolist()}; convert it again")
            print(f"ok      {card.name}: one inference with {runtime}, sha256 {card.sha256} as on its card")
        except FerEdgeError as error:
            failed += 1
            print(f"failed  {error}")
    found = list(_detector_failures())
    for name, failure in found:
        print(f"failed  {failure}" if failure else f"ok      {name}: loaded, sha256 as it was published")
    for model in sorted({card.model for card in cards}):
        print(f"auto    {model}: {choose(model, 'auto', runtime, cards).variant} with {runtime}")
    failed += sum(bool(failure) for _, failure in found)
    if failed:
        whole = counted(len(cards) + len(found), "file")
        raise ModelError(f"{failed} of {whole} failed; reinstall fer-edge, or install or convert them again")


def _detector_failures() -> Iterator[tuple[str, str]]:
    """The face verifier, and each installed file of a detector, with why it cannot be used; "" if it can."""
    try:
        FaceVerifier()
        yield "face_verifier", ""
    except FerEdgeError as error:
        yield "face_verifier", str(error)
        return  # no detector works without it
    for entry in CATALOGUE:
        for path in installed_files(entry):
            settings = replace(DetectorSettings(), name=entry.detector, model=str(path))
            yield f"{entry.name}, {path}", why_not(entry, path, settings)
