"""`GET /metrics`, as Prometheus reads it (prometheus.io/docs/instrumenting/exposition_formats, version 0.0.4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import get_args

from fer_edge import __version__
from fer_edge.sinks.kiosk.state import KioskState
from fer_edge.stopwatch import peak_memory, written
from fer_edge.types import EVENT_KINDS, State

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def metrics(state: KioskState, readers: int) -> str:
    """All metrics, as text."""
    return "".join(f"{line}\n" for line in _lines(state, readers))


def _lines(state: KioskState, readers: int) -> Iterator[str]:
    yield from _head("info", "gauge", "The version that runs.")
    yield f'fer_edge_info{{version="{_escaped(__version__)}"}} 1'
    yield from _head("state", "gauge", "1 for the state that the camera is in.")
    for camera in get_args(State):
        yield f'fer_edge_state{{state="{camera}"}} {int(state.camera == camera)}'
    yield from _head("frames_total", "counter", "Frames read.")
    yield f"fer_edge_frames_total {state.frames}"
    yield from _head("damaged_frames_total", "counter", "Frames left out because they were damaged.")
    yield f"fer_edge_damaged_frames_total {state.damaged}"
    latest = state.latest
    yield from _head("faces", "gauge", "Faces in view now, by the emotion that they show.")
    if latest is not None:
        showing = Counter(face.emotion for face in latest.faces)
        labels = latest.faces[0].prediction.labels if latest.faces else ()
        for emotion in dict.fromkeys((*labels, *showing)):
            yield f'fer_edge_faces{{emotion="{_escaped(emotion)}"}} {showing[emotion]}'
    yield from _head("events_total", "counter", "Faces that came, changed their emotion, or went.")
    for kind in EVENT_KINDS:
        yield f'fer_edge_events_total{{kind="{kind}"}} {state.events[kind]}'
    if latest is not None:
        yield from _head("last_frame_timestamp_seconds", "gauge", "When the newest frame was taken.")
        yield f"fer_edge_last_frame_timestamp_seconds {latest.frame.taken.timestamp():.3f}"
    yield from _head("viewers", "gauge", "Open pages.")
    yield f"fer_edge_viewers {readers}"
    yield from _head("peak_memory_bytes", "gauge", "Memory of the process at most.")
    yield f"fer_edge_peak_memory_bytes {peak_memory()}"
    if (count := written()) is not None:
        yield from _head("written_bytes_total", "counter", "Bytes that the process had written to disks.")
        yield f"fer_edge_written_bytes_total {count}"


def _head(name: str, kind: str, text: str) -> tuple[str, str]:
    return f"# HELP fer_edge_{name} {text}", f"# TYPE fer_edge_{name} {kind}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
