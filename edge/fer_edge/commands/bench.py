"""`fer-edge bench`: measures models and the whole loop on this machine, and recommends the model to use here."""

from __future__ import annotations

import argparse
import math
import os
import shlex
import sys
from datetime import datetime
from pathlib import Path

from fer_edge import __version__, sources
from fer_edge.bench import apply, compare, machine, plot, report, results
from fer_edge.bench.combinations import combine, find_cards, find_runtimes
from fer_edge.bench.measure import measure_loop, measure_models
from fer_edge.bench.recommendation import Recommendation, recommend
from fer_edge.build import make_classifier, make_parts
from fer_edge.classifiers.cards import is_path
from fer_edge.classifiers.runtimes import RUNTIMES
from fer_edge.commands.options import DEFAULT_CONFIG, add_settings_options, read_settings
from fer_edge.errors import SettingsError, SinkError, SourceError
from fer_edge.settings import Settings
from fer_edge.urls import mask

REPEATABLE_SOURCES = (
    "demo",
    "video",
    "picture",
    "animation",
    "pages",
    "folder",
)  # kinds that give the same frames again


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of this command."""
    add = parser.add_argument
    runtimes = f"interpreter: {', '.join(RUNTIMES)}; default: all that work here"
    add("--models", metavar="NAME", nargs="+", default=["all"], help="models, networks, variants, paths; default: all")
    add("--threads", metavar="N,...", dest="counts", type=counts, help="of the interpreter; default: 1,2,4 or fewer")
    add("--runtime", choices=("all", *RUNTIMES), metavar="NAME", default="all", help=runtimes)
    add("--source", metavar="demo|PATH", default="demo", help="source of the loops' frames; default: demo")
    add("--seconds", metavar="N", type=seconds, default=20.0, help="for each of the three measurements; default: 20")
    add("--json", metavar="FILE", help="write the results ('-': standard output)")
    add("--markdown", action="store_true", help="print tables as Markdown")
    add("--plot", metavar="FILE", type=Path, help="plot accuracy over latency; needs matplotlib")
    add("--compare", metavar="OLD.json", type=Path, help="print ratios to older results")
    add(
        "--apply",
        action="store_true",
        help=f"write the recommendation to the file of --config; default: {DEFAULT_CONFIG}",
    )
    add_settings_options(parser, threads=False)


def counts(text: str) -> list[int]:
    """Whole numbers from 1 to 64, separated by commas."""
    words = text.split(",")
    if not all(word.isascii() and word.isdecimal() and 1 <= int(word) <= 64 for word in words):
        raise argparse.ArgumentTypeError(
            f"{text!r}: must be whole numbers from 1 to 64, separated by commas, as in 1,2,4"
        )
    return sorted({int(word) for word in words})


def seconds(text: str) -> float:
    """A number from 0.1 to 3600."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.1 <= value <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r}: must be a number of seconds from 0.1 to 3600")
    return value


def run(options: argparse.Namespace) -> int:
    """Measure, print each part as soon as it is known, and write the files asked for. Raises FerEdgeError."""
    settings = _prepare(options)
    old = results.read(options.compare) if options.compare else None
    cards = find_cards(options.models)
    if options.plot:
        plot.check(options.plot, cards)
    runtimes = find_runtimes(options.runtime, cards[0])
    # What could fail comes first: an error after a minute of measuring would come too late.
    classifier = make_classifier(settings.classifier)
    make_parts(settings, classifier, still=False)
    before, this = machine.sample(), machine.describe()
    _say(options, report.of_machine(this, *runtimes, before, options.markdown))
    combinations = combine(cards, runtimes.usable, options.counts or _default_counts(this.cores))
    rows = measure_models(combinations, options.seconds, _show_progress)
    middle = machine.sample()
    _say(options, report.of_rows(rows, options.markdown))
    like = old.loop if old and old.loop.source == options.source else None
    loop = measure_loop(settings, classifier, options.source, options.seconds, like, _show_progress)
    _say(options, report.of_loop(loop, options.markdown))
    after, chosen = machine.sample(), recommend(rows)
    found = results.Results(
        made=datetime.now().astimezone().isoformat(timespec="seconds"),
        fer_edge=__version__,
        machine=this,
        before=before,
        after=after,
        held_back=tuple(machine.throttle_reasons([before, middle, after])),
        others=machine.others(before, after),
        missing=runtimes.missing,
        rows=tuple(rows),
        loop=loop,
        verdict=chosen.words,
    )
    if old:
        _say(options, compare.compare(found, old, options.markdown))
    _write(options, found, chosen)
    return 0


def _prepare(options: argparse.Namespace) -> Settings:
    """The loop's settings, after a check that every file can be written and the source read. Raises FerEdgeError."""
    given = options.config
    if options.apply:
        options.config = given or DEFAULT_CONFIG
        _check_folder(options.config)
        given = options.config if os.path.lexists(options.config) else None
    loop_options = argparse.Namespace(**vars(options) | {"config": given})
    settings = read_settings(loop_options, {})
    outputs = [*filter(None, [options.plot]), *(Path(name) for name in [options.json] if name not in (None, "-"))]
    for path in outputs:
        if os.path.lexists(path):
            raise SinkError(f"output {path}: exists already, and nothing is overwritten; choose another file")
        _check_folder(path)
    written = [path.resolve() for path in (*outputs, *([options.config] if options.apply else ()))]
    if len(set(written)) < len(written):
        raise SettingsError("--json, --plot and --config: two of them name one file; give them different ones")
    if options.source == "auto" or sources.choose(options.source).kind not in REPEATABLE_SOURCES:
        raise SourceError(
            f"source {mask(options.source)!r}: not repeatable, but both loops must see the same frames; "
            "give demo or the path of a video"
        )
    sources.open_source(options.source).source.close()
    return settings


def _check_folder(path: Path) -> None:
    if not os.access(path.absolute().parent, os.W_OK | os.X_OK):
        raise SinkError(f"output {path}: its folder does not exist or cannot be written; choose another file")


def _say(options: argparse.Namespace, text: str, end: str = "\n\n") -> None:
    """Print a part and a blank line, on standard error if standard output carries the JSON."""
    print(text, end=end, file=sys.stderr if options.json == "-" else sys.stdout, flush=True)


def _show_progress(text: str) -> None:
    """Tell a waiting user what is being done, on a terminal only."""
    if sys.stderr.isatty():
        print(f"({text} …)", file=sys.stderr, flush=True)


def _default_counts(cores: int) -> list[int]:
    return [count for count in (1, 2, 4) if count <= cores]


def _write(options: argparse.Namespace, found: results.Results, chosen: Recommendation) -> None:
    """Write the files asked for, then print the end of the report, with the recommendation in its last line."""
    if options.json == "-":
        print(results.text_of(found), end="", flush=True)
    elif options.json:
        results.write(found, Path(options.json))
    if options.plot:
        plot.plot(found.rows, f"one prediction on {found.machine.board}", options.plot)
    written = [str(name) for name in (options.json, options.plot) if name not in (None, "-")]
    if options.apply and (row := chosen.row):
        given = [Path(name).with_suffix("") for name in options.models if is_path(name)]  # of the card or the model
        model = os.path.abspath(row.path) if Path(row.path).with_suffix("") in given else row.model  # noqa: PTH100
        values: apply.Values = {"model": model, "variant": row.variant, "runtime": row.runtime, "threads": row.threads}
        apply.apply(options.config, "classifier", values)
        written.append(f"{options.config} (use it with: fer-edge run --config {shlex.quote(str(options.config))})")
    stream = sys.stderr if options.json == "-" else sys.stdout
    _say(options, report.of_end(found, written, options.markdown, wrapped=stream.isatty()), end="\n")
    if options.apply and chosen.row is None:
        raise SinkError(f"settings {options.config}: not changed, since there is no advice; measure again")
