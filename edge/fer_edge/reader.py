"""fer-edge for programs: `Reader` reads the expressions in pictures, videos and cameras. docs/python-api.md shows how.

It puts the parts together with `fer_edge.build` and takes each frame through `fer_edge.loop`, as the commands do.
"""

from __future__ import annotations

import dataclasses
import logging
import operator
import os
import pickle
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fer_edge import loop
from fer_edge.errors import FerEdgeError, SettingsError, SourceError, first_line
from fer_edge.pause import PauseSwitch
from fer_edge.settings import Settings, SourceSettings, load, parse
from fer_edge.sources import Choice, SourceOptions, choose
from fer_edge.stopwatch import Stopwatch
from fer_edge.types import Classifier, Detector, Face, Frame, Observation, Sink
from fer_edge.urls import mask

# OpenCV takes half a second to load: what needs it is imported by what uses it.
if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fer_edge.build import Parts

_log = logging.getLogger(__name__)
KEPT_PARTS = os.cpu_count() or 1  # sets of parts for the next pictures, some 4 MB each: more are of no use at once
_BUILD_LOCK = threading.Lock()  # OpenCV's number of threads is the whole program's
# A fork waits for the thread that holds it: in the child, which has no such thread, it would never be released.
os.register_at_fork(before=_BUILD_LOCK.acquire, after_in_parent=_BUILD_LOCK.release, after_in_child=_BUILD_LOCK.release)


class Reader:
    """Reads the expressions of faces: `read` in one picture, `watch` in a moving one.

    It may be used from several threads at once, sent to other processes (pickle), and used after a fork. Its settings
    and its model stay as they were when it was made. What goes wrong is an `fer_edge.errors.FerEdgeError`.
    """

    def __init__(
        self,
        *,
        model: str | os.PathLike[str] | None = None,
        detector: str | None = None,
        max_faces: int | None = None,
        settings: Settings | Mapping[str, Any] | str | os.PathLike[str] | None = None,
    ) -> None:
        """Load the model and the detector, and try them. Raises SettingsError, ModelError.

        `model`: a name that `fer-edge models` lists, or the path of a .tflite file with its card beside it.
        `detector`: a name in `fer_edge.detectors.DETECTORS`, or "auto", the best one that is installed and works.
        `max_faces`: in one picture at most, 1 to 100.
        `settings`: everything else, as `fer_edge.settings.Settings`, as the same tables in a mapping, or as the path of
        a TOML file. What is None is as in `settings`, and there as shipped.
        """
        named: dict[str, dict[str, Any]] = {"classifier": {}, "detector": {}}
        if model is not None:
            named["classifier"]["model"] = os.fspath(model) if isinstance(model, os.PathLike) else model
        if detector is not None:
            named["detector"]["name"] = detector
        if max_faces is not None:
            named["detector"]["max_faces"] = max_faces
        self._begin(_with_chosen_detector(parse(named, _settings(settings))))
        with self.parts(still=True):  # so that what is wrong is raised here
            pass

    def _begin(self, settings: Settings) -> None:
        self._settings = settings
        self._free: list[tuple[Detector, Classifier]] = []  # for single pictures, and used by no thread now
        self._process = os.getpid()

    @property
    def settings(self) -> Settings:
        """All of its settings; for `detector.name = "auto"` with the detector that was taken, and its file."""
        return self._settings

    @property
    def labels(self) -> tuple[str, ...]:
        """The model's labels, in the order of `Face.scores`."""
        with self.parts(still=True) as parts:
            return parts.classifier.labels

    def read(self, picture: NDArray[Any] | str | os.PathLike[str]) -> tuple[Face, ...]:
        """The faces in one picture, the largest first, with ids 1, 2, ... in that order.

        `picture`: (height, width, 3) BGR or (height, width) grey uint8, up to 50 megapixels, or the path of a JPEG,
        PNG, WebP, BMP or TIFF. A file is turned and mirrored as the settings in [source] say, an array is taken as it
        is. Nothing is averaged, and nothing is left for the next picture. Raises SourceError.
        """
        faces = self.observe(_frame(picture, self._settings.source)).faces
        faces = tuple(sorted(faces, key=lambda face: (-face.box.width * face.box.height, face.box)))
        return tuple(dataclasses.replace(face, id=number) for number, face in enumerate(faces, 1))

    def observe(self, frame: Frame) -> Observation:
        """All that is seen in one picture by itself; the faces have ids 1, 2, ..., the surest first."""
        with self.parts(still=True) as parts:
            newest = _Newest()
            loop.run((frame,), *parts, [newest], Stopwatch())
        return newest.observation

    def watch(
        self, source: str | os.PathLike[str], *, stopped: Callable[[], bool] = lambda: False
    ) -> Generator[Observation, None, None]:
        """An Observation for each frame of `source`: faces keep their ids, their emotions are smoothed, with events.

        `source` is one of `fer-edge run`: "camera:0", "picamera", "auto", "demo", a URL (rtsp, http, https), the path
        of a video or a picture, or of a folder, whose pictures are read one by one, as by `read`. It is opened at the
        first frame, and closed at the last, or as soon as the generator is: `break` does that. A camera gives its
        newest frame each time; if it is lost it is opened again, as the settings in [source] say. `stopped` is asked
        several times a second whether to end, also while a camera is lost.

        Each observation is the caller's to keep. Raises SourceError; SourceLost if a video is cut off, SourceGone if a
        camera stays lost.
        """
        choice = choose(_source(source))
        if choice.kind == "tour":
            raise SourceError("source 'tour': its readings are invented, so `fer-edge run` alone has it; take 'demo'")
        return self._watch(choice, stopped)

    def _watch(self, choice: Choice, stopped: Callable[[], bool]) -> Generator[Observation, None, None]:
        _imported()
        from fer_edge.sources.frame_rate import frame_rate_limit
        from fer_edge.sources.reconnect import open_reconnecting

        _log.info("source: %s", choice.why)
        chosen, newest, stopwatch = self._settings.source, _Newest(), Stopwatch()
        try:
            with closing(open_reconnecting(chosen, choice, PauseSwitch(), lambda _: None, stopped)) as frames:
                limit = frame_rate_limit(chosen, frames.live, stopped)
                with self.parts(frames.still) as parts:
                    for frame in limit.frames(frames):
                        loop.run((frame,), *parts, [newest, limit], stopwatch)
                        yield newest.observation
        except SourceError:
            if not stopped():  # a camera that is cut off while the program ends is no news
                raise

    @contextmanager
    def parts(self, still: bool) -> Iterator[Parts]:
        """Parts of the loop for one moving picture, or for `still` ones; no other thread has them meanwhile.

        They know nothing of earlier pictures. Raises ModelError.
        """
        if not still:
            yield self._make(still)[0]
            return
        if self._process != os.getpid():  # after a fork the interpreter's threads are gone
            self._free, self._process = [], os.getpid()
        try:
            detector, classifier = self._free.pop()  # not looked at first: another thread may be faster
        except IndexError:
            parts, classifier = self._make(still)
        else:
            parts = _imported().make_parts(self._settings, classifier, still, detector)
        try:
            yield parts
        finally:
            if len(self._free) < KEPT_PARTS:
                self._free.append((parts.detector, classifier))

    def _make(self, still: bool) -> tuple[Parts, Classifier]:
        """New parts, and the classifier that they use, without what averages its predictions."""
        build = _imported()
        import cv2

        with _BUILD_LOCK:
            count = cv2.getNumThreads()
            classifier: Classifier = build.make_classifier(self._settings.classifier)
            parts: Parts = build.make_parts(self._settings, classifier, still)
            if not self._settings.detector.threads:
                cv2.setNumThreads(count)  # the program's own choice, which no setting asks to change
        return parts, classifier

    def __reduce__(self) -> tuple[Any, ...]:
        """Only the settings: the parts are made at the first use in the other process, and used again there."""
        return _restored, (type(self), pickle.dumps(self._settings))

    def __repr__(self) -> str:
        chosen = self._settings
        return f"<{type(self).__name__} model={chosen.classifier.model} detector={chosen.detector.name}>"


@lru_cache(maxsize=4)
def _restored(kind: type[Reader], settings: bytes) -> Reader:
    """The reader with these settings in this process: the same one for each task of a pool that brings it along."""
    reader = kind.__new__(kind)
    reader._begin(pickle.loads(settings))
    return reader


class _Newest(Sink):
    """Keeps the loop's last observation."""

    observation: Observation

    def write(self, observation: Observation) -> None:
        self.observation = observation

    def close(self) -> None:
        return


def _imported() -> Any:
    """The module `fer_edge.build`, and with it OpenCV. Raises FerEdgeError where that does not load."""
    try:
        from fer_edge import build
    except ImportError as cause:
        cure = "fix it with: pip install --force-reinstall 'opencv-python-headless<5'"
        raise FerEdgeError(f"{cause.name or 'OpenCV'}: cannot be imported ({first_line(cause)}); {cure}") from cause
    return build


def _with_chosen_detector(settings: Settings) -> Settings:
    """`settings` with the name of a detector that works in place of "auto". Raises FerEdgeError."""
    choice = _imported().choose_detector(settings.detector)
    return dataclasses.replace(settings, detector=choice.settings)


def _settings(given: Settings | Mapping[str, Any] | str | os.PathLike[str] | None) -> Settings:
    """`given` as checked settings. Raises SettingsError."""
    if given is None:
        return Settings()
    if isinstance(given, Settings):
        return parse(dataclasses.asdict(given))  # a program may have put it together, unchecked
    if isinstance(given, Mapping):
        return parse(given)
    if isinstance(given, str | os.PathLike):
        try:
            return load(Path(given))
        except SettingsError as error:
            raise SettingsError(str(error).removesuffix(" with --config")) from error.__cause__
        except ValueError as cause:  # a zero character
            raise SettingsError(f"settings {str(given)!r}: is not a path ({cause}); check it") from cause
    raise SettingsError(
        f"settings: is {type(given).__name__}; give a Settings, a mapping of its tables, or the path of a TOML file"
    )


def _source(source: Any) -> str:
    """What `fer_edge.sources.choose` takes. Raises SourceError."""
    if isinstance(source, str):
        return source
    path = os.fspath(source) if isinstance(source, os.PathLike) else None
    if isinstance(path, str):
        return os.path.join(os.curdir, path)  # noqa: PTH118 - Path drops the dot: Path("demo") is a file, not the demo
    try:
        number = None if isinstance(source, bool) else operator.index(source)  # NumPy's numbers too
    except TypeError:
        number = None
    if number is None:
        shown = "source" if isinstance(source, bytes | bytearray) else f"source {source!r}"  # an address has a password
        raise SourceError(f"{shown}: is {type(source).__name__}; give a name, a URL or a path as text")
    raise SourceError(f"source {number}: is {type(source).__name__}; write it as 'camera:{number}'")


def _frame(picture: Any, settings: SourceSettings) -> Frame:
    """One picture, in memory or in a file, as a frame. Raises SourceError."""
    _imported()
    import numpy as np

    from fer_edge.sources.array import EXPECTED_PICTURE, array_frame

    if isinstance(picture, np.ndarray):
        return array_frame(picture)
    path = os.fspath(picture) if isinstance(picture, str | os.PathLike) else None
    if isinstance(path, str):
        return _file_frame(path, settings)
    if picture is None:
        why = "cv2.imread gives None for a file that it cannot read; give its path here, and what is wrong is said"
        raise SourceError(f"picture None: is not a picture; {why}")
    raise SourceError(f"picture: is {type(picture).__name__}; give a path, or a NumPy array: {EXPECTED_PICTURE}")


def _file_frame(path: str, settings: SourceSettings) -> Frame:
    from fer_edge.sources.mounting import Mounting
    from fer_edge.sources.options import PICTURE_SUFFIXES
    from fer_edge.sources.picture import read_frame

    hint = "a camera, a URL, a video or a folder is for watch()"
    if "://" in path:
        raise SourceError(f"picture {mask(path)}: is a URL, not a file; {hint}")
    try:
        if not path or Path(path).is_dir():
            raise SourceError(f"picture {path!r}: is {'a folder' if path else 'empty'}, not a file; {hint}")
        mounting = Mounting(settings.rotate, settings.flip)
        return read_frame(Path(path), 0, SourceOptions().max_pixels, mounting)
    except ValueError as cause:  # a zero character
        raise SourceError(f"picture {path!r}: is not a path ({cause}); check it") from cause
    except SourceError as error:
        if path.lower().endswith(PICTURE_SUFFIXES) or hint in str(error):
            raise
        raise type(error)(f"{error}; {hint}") from error.__cause__
