"""Runs the measurements and collects their results."""

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
from fer_edge.bench.combinations import Combination, face_predictor, peak_memory_of
from fer_edge.bench.results import LoopResult, ModelResult, StageResult
from fer_edge.build import make_classifier, make_parts, make_sink
from fer_edge.classifiers.cards import Card, installed, is_path, load_card
from fer_edge.detectors.auto import choose_detector
from fer_edge.settings import ClassifierSettings, Settings
from fer_edge.sources import open_source
from fer_edge.types import Classifier, Sink

CAMERA_FPS = 10.0  # frames a second of a slow camera

Progress = Callable[[str], None]  # tells a waiting user what is being done


def measure_models(combinations: Sequence[Combination], seconds: float, progress: Progress) -> list[ModelResult]:
    """A row for each of `combinations`, timed for `seconds` altogether. Raises ModelError."""
    progress(f"measuring the memory of {len(combinations)} combinations")
    memory = [peak_memory_of(combination) for combination in combinations]
    progress(f"timing predictions for {seconds:g} s")
    times = latency.measure([face_predictor(combination) for combination in combinations], seconds)
    return [
        ModelResult(
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
            learned_from=card.learned_from,
            faces=_faces(card),
            **dataclasses.asdict(found),
        )
        for (card, runtime, threads), peak, found in zip(combinations, memory, times, strict=True)
    ]


def _faces(card: Card) -> int:
    """On which the accuracy of `card` was measured; 0: it does not say."""
    faces = card.metrics.get("faces")
    return faces if type(faces) is int and faces > 0 else 0


def measure_loop(
    settings: Settings, classifier: Classifier, spec: str, seconds: float, like: LoopResult | None, progress: Progress
) -> LoopResult:
    """The loop that `settings` make, on the source `spec`: compared with the baseline, then at CAMERA_FPS.

    Each run takes `seconds` at most. If `like` is given, for a comparison, each reads as many frames as it did, since
    the cost of a frame depends on what the clip shows. Raises SourceError, ModelError.
    """
    limit, paced_seconds = (like.frames, like.pace_frames / CAMERA_FPS) if like else (None, seconds)
    baseline_classifier = _int8_variant(settings.classifier, classifier)
    tutorial = TutorialLoop(baseline_classifier)
    detector = choose_detector(settings.detector, lambda _: None)  # what cannot be used was logged by who made parts
    settings = dataclasses.replace(settings, detector=detector.settings)
    with _temporary_log(settings) as sinks:
        progress(f"running both loops on {spec} for {f'{limit} frames' if limit else f'{seconds:g} s at most'}")
        with closing(open_source(spec).source) as source:
            make = partial(make_parts, settings, classifier, source.still)
            both = loop_cost.compare_loops(islice(source, limit), make, sinks, tutorial, math.inf if like else seconds)
        progress(f"running the loop at {CAMERA_FPS:g} frames a second for {paced_seconds:g} s at most")
        with closing(open_source(spec).source) as source:
            paced = loop_cost.run_at_fps(source, make(), sinks, CAMERA_FPS, paced_seconds)
    stages = [StageResult(name, times.percentile(0.5), times.percentile(0.95)) for name, times in both.stages.items()]
    return LoopResult(
        source=spec,
        width=both.size[0],
        height=both.size[1],
        model=classifier.name,
        frames=both.frames,
        faces=both.faces,
        stages=tuple(stages),
        fps=both.fps,
        cpu=both.cpu,
        tutorial_model=baseline_classifier.name,
        tutorial_frames=both.tutorial_frames,
        tutorial_faces=both.tutorial_faces,
        tutorial_cpu=both.tutorial_cpu,
        pace=CAMERA_FPS,
        pace_frames=paced.frames,
        pace_reached=paced.fps,
        pace_share=paced.share,
        detector=detector.name,
    )


def _int8_variant(settings: ClassifierSettings, classifier: Classifier) -> Classifier:
    """The baseline's classifier: the int8 variant of the same network, or else the same classifier.

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
def _temporary_log(settings: Settings) -> Iterator[list[Sink]]:
    """The log that `fer-edge run` writes, in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="fer-edge-bench-") as folder:
        log = dataclasses.replace(settings.log, path=str(Path(folder) / "log.jsonl"))
        with closing(make_sink("log", dataclasses.replace(settings, log=log))) as sink:
            yield [sink]
