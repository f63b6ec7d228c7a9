"""`GET /metrics`, as Prometheus reads it (prometheus.io/docs/instrumenting/exposition_formats, version 0.0.4).

Names follow prometheus.io/docs/practices/naming: a base unit at the end, `_total` after counters.
"""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

from fer_edge import __version__
from fer_edge.classifiers import tflite
from fer_edge.errors import FerEdgeError
from fer_edge.settings import ClassifierSettings, Settings
from fer_edge.sinks.kiosk.state import KioskState
from fer_edge.sources.thermal import ROOT, celsius
from fer_edge.stopwatch import memory, peak_memory, since_start, written
from fer_edge.types import EVENT_KINDS, UNCERTAIN, State

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MODEL_INTERVAL_S = 30.0  # between two looks at which model is installed


class Metrics:
    """What one kiosk tells Prometheus."""

    def __init__(
        self,
        settings: Settings,
        root: Path = ROOT,
        clock: Callable[[], float] = time.time,
        disk_usage: Callable[[Path], Any] = shutil.disk_usage,
    ) -> None:
        """`root`: where the machine's files are; the others as in Python."""
        self._settings, self._root = settings, root
        self._clock, self._disk_usage = clock, disk_usage
        self._model: tuple[float, str, str] | None = None  # moment, name, sha256

    def text(self, state: KioskState, readers: int) -> str:
        """All metrics."""
        parts = (self._of_program(state, readers), _camera(state), _people(state), self._machine())
        return "".join(f"{line}\n" for part in parts for line in part)

    def _of_program(self, state: KioskState, readers: int) -> Iterator[str]:
        yield from _head("info", "gauge", "The version that runs.")
        yield f'fer_edge_info{{version="{_escaped(__version__)}"}} 1'
        name, digest = self._installed()
        yield from _head("model_info", "gauge", "The model that the settings name, and the SHA-256 of its file.")
        yield f'fer_edge_model_info{{model="{_escaped(name)}",sha256="{_escaped(digest)}"}} 1'
        outputs = sorted(state.program.outputs(), key=lambda one: one.name) if state.program is not None else []
        if outputs:
            yield from _head("output_failing", "gauge", "1 while an output cannot be written, 0 while it can.")
        for output in outputs:
            yield f'fer_edge_output_failing{{output="{_escaped(output.name)}"}} {int(output.troubled)}'
        yield from _head("viewers", "gauge", "Open pages.")
        yield f"fer_edge_viewers {readers}"
        yield from _head("peak_memory_bytes", "gauge", "Memory of the process at most.")
        yield f"fer_edge_peak_memory_bytes {peak_memory()}"
        if (count := written()) is not None:
            yield from _head("written_bytes_total", "counter", "Bytes that the process had written to disks.")
            yield f"fer_edge_written_bytes_total {count}"
        now = self._clock()
        # By these names every client library of Prometheus tells of its process.
        yield from _head("cpu_seconds_total", "counter", "Processor time spent.", "process")
        yield f"process_cpu_seconds_total {time.process_time():.2f}"
        yield from _head("resident_memory_bytes", "gauge", "Memory in use.", "process")
        yield f"process_resident_memory_bytes {memory()}"
        yield from _head("start_time_seconds", "gauge", "When the process started, since 1970.", "process")
        yield f"process_start_time_seconds {now - since_start():.2f}"
        yield from _head("time_seconds", "gauge", "The device's clock, since 1970.")
        yield f"fer_edge_time_seconds {now:.3f}"

    def _machine(self) -> Iterator[str]:
        degrees = celsius(self._root)
        if degrees is not None:
            yield from _head("temperature_celsius", "gauge", "The processor's temperature.")
            yield f"fer_edge_temperature_celsius {degrees:.1f}"
        log = self._settings.log
        folder = Path(log.path).absolute().parent if log.store == "disk" else Path.cwd()
        try:
            usage = self._disk_usage(folder)
        except OSError:
            return
        yield from _head("disk_size_bytes", "gauge", "Size of the file system with the log.")
        yield f"fer_edge_disk_size_bytes {usage.total}"
        yield from _head("disk_free_bytes", "gauge", "Room that is left there.")
        yield f"fer_edge_disk_free_bytes {usage.free}"

    def _installed(self) -> tuple[str, str]:
        now, known = time.monotonic(), self._model
        if known is None or now - known[0] > MODEL_INTERVAL_S:
            known = self._model = (now, *_model(self._settings.classifier))
        return known[1:]


def _model(settings: ClassifierSettings) -> tuple[str, str]:
    """Name and digest; empty for what is no file, or not there any more."""
    if settings.name != "tflite":
        return settings.name, ""
    try:
        card, _ = tflite.chosen(settings)
    except FerEdgeError:
        return "", ""
    return card.name, card.sha256


def _camera(state: KioskState) -> Iterator[str]:
    yield from _head("state", "gauge", "1 for the state that the camera is in.")
    for camera in get_args(State):
        yield f'fer_edge_state{{state="{camera}"}} {int(state.camera == camera)}'
    yield from _head("frames_total", "counter", "Frames read.")
    yield f"fer_edge_frames_total {state.frames}"
    yield from _head("damaged_frames_total", "counter", "Frames left out because they were damaged.")
    yield f"fer_edge_damaged_frames_total {state.damaged}"
    latest = state.latest
    if latest is not None:
        yield from _head("last_frame_timestamp_seconds", "gauge", "When the newest frame was taken.")
        yield f"fer_edge_last_frame_timestamp_seconds {latest.frame.taken.timestamp():.3f}"


def _people(state: KioskState) -> Iterator[str]:
    latest = state.latest
    yield from _head("faces", "gauge", "Faces in view now, by the emotion that they show.")
    if latest is not None:
        showing = Counter(face.emotion for face in latest.faces)
        # 0 for those that nobody shows now, or an average over time would leave out the empty room.
        labels = latest.faces[0].prediction.labels if latest.faces else state.labels
        for emotion in dict.fromkeys((*labels, *((UNCERTAIN,) if labels else ()), *showing)):
            yield f'fer_edge_faces{{emotion="{_escaped(emotion)}"}} {showing[emotion]}'
    yield from _head("events_total", "counter", "Faces that came, changed their emotion, or went.")
    for kind in EVENT_KINDS:
        yield f'fer_edge_events_total{{kind="{kind}"}} {state.events[kind]}'
    yield from _head("emotions_total", "counter", "How often a face began to show an emotion.")
    for emotion in dict.fromkeys((*state.labels, *state.emotions.copy())):
        yield f'fer_edge_emotions_total{{emotion="{_escaped(emotion)}"}} {state.emotions[emotion]}'


def _head(name: str, kind: str, text: str, prefix: str = "fer_edge") -> tuple[str, str]:
    return f"# HELP {prefix}_{name} {text}", f"# TYPE {prefix}_{name} {kind}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
