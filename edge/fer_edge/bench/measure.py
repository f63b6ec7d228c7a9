"""Runs the measurements and gathers what they find."""

from __future__ import annotations

import dataclasses
import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from itertools import islice
from pathlib import Path

from fer_edge.bench import latency, loop_cost
from fer_edge.bench.baseline import TutorialLoop
from fer_edge.bench.candidates import Candidate, memory_of, reader
from fer_edge.bench.results import Loop, Row, Stage
from fer_edge.build import make_classifier, make_parts, make_sink
from fer_edge.classifiers.cards import installed, is_path, load_card
from fer_edge.settings import ClassifierSettings, Settings
from fer_edge.sources import open_source
from fer_edge.types import Classifier, Sink

PACE = 10.0  # frames a second, a calm camera's

Tell = Callable[[str], None]  # says what is being done to a person who waits


def measure_models(candidates: Sequence[Candidate], seconds: float, tell: Tell) -> list[Row]:
    """A row for each of `candidates`, timed for `seconds` altogether. Raises ModelError."""
    tell(f"measuring the memory of {len(candidates)} combinations")
    memory = [memory_of(candidate) for candidate in candidates]
    tell(f"reading faces for {seconds:g} s")
    times = latency.measure([reader(candidate) for candidate in candidates], seconds)
    return [
        Row(
            name=card.name,
            model=card.model,
            variant=card.variant,
            path=str(card.path),
            sha256=card.sha256,
            bytes=card.bytes,
            runtime=runtime,
            threads=threads,
            accuracy=card.accuracy,
            split=str(card.metrics.get("split", "")),
            memory=peak,
            **dataclasses.asdict(found),
        )
        for (card, runtime, threads), peak, found in zip(candidates, memory, times, strict=True)
    ]


def measure_loop(
    settings: Settings, classifier: Classifier, spec: str, seconds: float, like: Loop | None, tell: Tell
) -> Loop:
    """The loop that `settings` make, on the source `spec`: beside the tutorial's, then at PACE.

    Each takes `seconds` at most; where it is to be compared, it reads as many frames as `like` did, since what happens
    in a clip decides what a frame costs. Raises SourceError, ModelError.
    """
    limit, calm_seconds = (like.frames, like.pace_frames / PACE) if like else (None, seconds)
    plain = _plain_int8(settings.classifier, classifier)
    tutorial = TutorialLoop(plain)
    with _log(settings) as sinks:
        tell(f"running both loops on {spec} for {f'{limit} frames' if limit else f'{seconds:g} s at most'}")
        with closing(open_source(spec).source) as source:
            make = partial(make_parts, settings, classifier, source.still)
            both = loop_cost.side_by_side(islice(source, limit), make, sinks, tutorial, math.inf if like else seconds)
        tell(f"running the loop at {PACE:g} frames a second for {calm_seconds:g} s at most")
        with closing(open_source(spec).source) as source:
            calm = loop_cost.at_pace(source, make(), sinks, PACE, calm_seconds)
    stages = [Stage(name, times.percentile(0.5), times.percentile(0.95)) for name, times in both.stages.items()]
    return Loop(
        source=spec,
        width=both.size[0],
        height=both.size[1],
        model=classifier.name,
        frames=both.frames,
        faces=both.faces,
        stages=tuple(stages),
        fps=both.fps,
        cpu=both.cpu,
        tutorial_model=plain.name,
        tutorial_frames=both.tutorial_frames,
        tutorial_faces=both.tutorial_faces,
        tutorial_cpu=both.tutorial_cpu,
        pace=PACE,
        pace_frames=calm.frames,
        pace_reached=calm.fps,
        pace_share=calm.share,
    )


def _plain_int8(settings: ClassifierSettings, classifier: Classifier) -> Classifier:
    """What the tutorial's loop reads faces with: the int8 variant of the same network; else the same classifier.

    Raises ModelError.
    """
    known = installed()
    own = [load_card(Path(settings.model))] if is_path(settings.model) else known
    networks = [card.model for card in own if card.sha256 == classifier.identity]
    found = [card for card in known if networks and (card.model, card.variant) == (networks[0], "int8")]
    if not found:
        return classifier
    return make_classifier(dataclasses.replace(settings, model=str(found[0].path), threads=1))


@contextmanager
def _log(settings: Settings) -> Iterator[list[Sink]]:
    """The log that `fer-edge run` keeps, in a folder that goes away."""
    with tempfile.TemporaryDirectory(prefix="fer-edge-bench-") as folder:
        log = dataclasses.replace(settings.log, path=str(Path(folder) / "log.jsonl"))
        with closing(make_sink("log", dataclasses.replace(settings, log=log))) as sink:
            yield [sink]
