"""`fer-edge detect`: pictures, videos and folders, once."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import cv2
from tqdm import tqdm

from edge import loop
from edge.build import make_classifier, make_detector
from edge.commands.options import add_settings_options, read_settings
from edge.errors import SourceError
from edge.settings import Settings, SmootherSettings, TrackerSettings
from edge.sinks.annotated import AnnotatedPictures, AnnotatedVideo
from edge.sinks.tables import Csv, JsonLines
from edge.sinks.verdict import PictureVerdict, VideoVerdict
from edge.smoother import Smoother
from edge.sources import open_files
from edge.sources.folder import Folder
from edge.sources.video import VideoFile
from edge.stopwatch import Stopwatch
from edge.tracker import Tracker
from edge.types import Classifier, Frame, Sink

# A single picture is read as it is: one look makes a face, and there is nothing to average.
PICTURE_TRACKER = TrackerSettings(hits=1, hold_seconds=0.0)
PICTURE_SMOOTHER = SmootherSettings(seconds=0.0, hold_seconds=0.0)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of this command."""
    parser.add_argument("paths", nargs="+", metavar="PATH", help="a picture, a video, or a folder of pictures")
    parser.add_argument("--json", metavar="FILE", help="write a JSON line for each frame ('-': standard output)")
    parser.add_argument("--csv", metavar="FILE", help="write a row for each face ('-': standard output)")
    parser.add_argument("--annotate", metavar="DIR", type=Path, help="write pictures and videos with boxes drawn in")
    add_settings_options(parser)


def run(options: argparse.Namespace) -> int:
    """Read every path; a bad one is reported and the rest go on. Raises FerEdgeError where any failed."""
    settings = read_settings(options, {})
    cv2.setNumThreads(settings.detector.threads or -1)
    failed = 0
    with ExitStack() as stack:
        classifier = make_classifier(settings.classifier)
        tables: list[Sink] = []
        if options.json:
            tables.append(stack.enter_context(closing(JsonLines(options.json))))
        if options.csv:
            tables.append(stack.enter_context(closing(Csv(options.csv, classifier.labels))))
        words = sys.stderr if "-" in (options.json, options.csv) else sys.stdout
        job = _Job(settings, classifier, tables, options.annotate, words)
        for path in options.paths:
            try:
                failed += job.read(path)
            except SourceError as error:
                if len(options.paths) == 1:
                    raise
                failed += 1
                print(f"fer-edge: error: {error}", file=sys.stderr)
    if failed:
        raise SourceError(f"{failed} of the files could not be read, as said above; all others were")
    return 0


@dataclass
class _Job:
    """Reads one path after the other with the same model."""

    settings: Settings
    classifier: Classifier
    tables: list[Sink]
    annotate: Path | None
    words: TextIO

    def read(self, path: str) -> int:
        """Read one path; how many files in it could not be. Raises SourceError where there is nothing to read."""
        with closing(open_files(path)) as source:
            if isinstance(source, VideoFile):
                self._video(source)
                return 0
            self._pictures(source)
            return len(source.failed) if isinstance(source, Folder) else 0

    def _video(self, video: VideoFile) -> None:
        detector = make_detector(self.settings.detector, self.settings.detector.width)
        with ExitStack() as stack:
            sinks = [*self.tables, stack.enter_context(closing(VideoVerdict(self.words)))]
            if self.annotate:
                sink = AnnotatedVideo(self.annotate, Path(video.name).stem, video.fps)
                sinks.append(stack.enter_context(closing(sink)))
            frames = tqdm(video, total=video.length, unit=" frames", leave=False, disable=None)
            tracker, smoother = Tracker(self.settings.tracker), Smoother(self.settings.smoother)
            loop.run(frames, detector, tracker, self.classifier, smoother, sinks, Stopwatch())

    def _pictures(self, pictures: Iterable[Frame]) -> None:
        detector = make_detector(self.settings.detector, self.settings.detector.picture_width)
        sinks: list[Sink] = [*self.tables, PictureVerdict(self.words)]
        if self.annotate:
            sinks.append(AnnotatedPictures(self.annotate))
        for picture in pictures:
            tracker, smoother = Tracker(PICTURE_TRACKER), Smoother(PICTURE_SMOOTHER)
            loop.run([picture], detector, tracker, self.classifier, smoother, sinks, Stopwatch())
