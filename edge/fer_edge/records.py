"""The log's record: an observation as JSON, as cells of CSV, and its schema. It is defined only here.

The log, `fer-edge detect --json` and the kiosk's API write it, hook and webhook its events, both CSV outputs its cells;
`fer_edge.logs`, the report and the kiosk's history read it. To change the format, change this file, then its readers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple, NotRequired, TypedDict

from fer_edge.types import EVENT_KINDS, Event, EventKind, Face, Observation

HEARTBEAT = "heartbeat"  # the kind under "events" of a line without a change
GONE: EventKind = "gone"  # the kind of event that ends a face

FRAME_COLUMNS = ("time", "source", "frame")
FACE_COLUMNS = ("id", "x", "y", "width", "height", "emotion", "confidence")

LINE_START = b'{"time"'  # how every line begins
_TIME = re.compile(rb'\{"time": ?"([^"\\]{20,40})"')


class FaceRecord(TypedDict):
    """One face. `emotion` and `confidence` are smoothed over time, `scores` are this frame's own."""

    id: int  # from 1, the same from frame to frame
    box: list[int]  # x, y, width, height: pixels of the frame
    emotion: str  # a label of the model, or UNCERTAIN
    confidence: float  # 0 to 1, four digits
    scores: dict[str, float]  # label -> 0 to 1, four digits, in the model's order


class EventEntry(TypedDict):
    """One event of a line. A heartbeat has a kind alone."""

    kind: str  # an EventKind, or HEARTBEAT
    id: NotRequired[int]  # the face's
    emotion: NotRequired[str]


class Record(TypedDict):
    """One observation. A log of mode `frames` has no "events"."""

    time: str  # RFC 3339 with microseconds
    source: str
    frame: int  # from 0
    faces: list[FaceRecord]
    events: NotRequired[list[EventEntry]]


class EventRecord(TypedDict):
    """One event, as hook and webhook send it."""

    time: str
    source: str
    frame: int
    kind: EventKind
    face: FaceRecord


def face_record(face: Face) -> FaceRecord:
    """A face as the log writes it."""
    labels, scores = face.prediction.labels, face.prediction.scores
    return {
        "id": face.id,
        "box": list(face.box),
        "emotion": face.emotion,
        "confidence": round(face.confidence, 4),
        "scores": {label: round(score, 4) for label, score in zip(labels, scores, strict=True)},
    }


def record(observation: Observation) -> Record:
    """An observation as the log writes it, without its events."""
    return {
        "time": observation.frame.taken.isoformat(timespec="microseconds"),
        # A file's name may have bytes that are not text, which JSON cannot have.
        "source": observation.frame.source.encode("utf-8", "backslashreplace").decode(),
        "frame": observation.frame.number,
        "faces": [face_record(face) for face in observation.faces],
    }


def event_entries(events: Iterable[Event]) -> list[EventEntry]:
    """Events as a line has them under "events"."""
    return [{"kind": event.kind, "id": event.face.id, "emotion": event.face.emotion} for event in events]


def event_record(observation: Observation, event: Event) -> EventRecord:
    """One event of an observation, as hook and webhook send it."""
    seen = record(observation)
    return {
        "time": seen["time"],
        "source": seen["source"],
        "frame": seen["frame"],
        "kind": event.kind,
        "face": face_record(event.face),
    }


def line(entry: Record | EventRecord) -> str:
    """One compact line of JSON, with its newline."""
    return json.dumps(entry, ensure_ascii=False, separators=(", ", ": ")) + "\n"


def percent(share: float) -> str:
    """A share, 0 to 1, as text: "93 %"."""
    return f"{100 * share:.0f} %"


def frame_cells(entry: Record) -> tuple[str, str, int]:
    """The cells of a CSV row under FRAME_COLUMNS."""
    return entry["time"], cell(entry["source"]), entry["frame"]


def face_cells(face: FaceRecord) -> tuple[int | str | float, ...]:
    """The cells of a CSV row under FACE_COLUMNS."""
    return face["id"], *face["box"], cell(face["emotion"]), face["confidence"]


def cell(text: str) -> str:
    """`text` for a CSV file, with a quote before what a spreadsheet would take for a formula, and calculate."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


class Entry(NamedTuple):
    """A line that was read back. An older log may lack some of a face's fields, but never "id" and "emotion"."""

    time: datetime  # UTC
    data: Record


def line_time(line: bytes) -> datetime | None:
    """The time at the start of a line, UTC, without parsing the rest; None if it has no valid one."""
    match = _TIME.match(line)
    if match is None:
        return None
    try:
        time = datetime.fromisoformat(match[1].decode())
        return time.astimezone(UTC) if time.tzinfo else None
    except (ValueError, OverflowError):
        return None


def parse(line: bytes) -> Entry | None:
    """The entry of a line; None if it is torn, or not a line of a log."""
    time = line_time(line)
    if time is None:
        return None
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return Entry(time, data) if _is_record(data) else None


def _is_record(data: Any) -> bool:
    if not isinstance(data, dict):
        return False
    faces, events = data.get("faces"), data.get("events", [])
    return (
        _has(data, "frame", int)
        and _has(data, "source", str)
        and isinstance(faces, list)
        and isinstance(events, list)
        and all(_has(face, "id", int) and _has(face, "emotion", str) for face in faces)
        and all(_has(event, "kind", str) and isinstance(event.get("id", 0), int) for event in events)
    )


def _has(part: Any, key: str, kind: type) -> bool:
    return isinstance(part, dict) and isinstance(part.get(key), kind)


Schema = dict[str, Any]  # a JSON Schema, as OpenAPI 3.1 has it
_SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1}
_COUNT: Schema = {"type": "integer", "minimum": 0}


def closed(properties: Schema) -> Schema:
    """The schema of an object that has all of `properties` and no others."""
    return {
        "type": "object",
        "required": list(properties),
        "properties": properties,
        "additionalProperties": False,
    }


FACE_SCHEMA = closed(
    {
        "id": {"type": "integer", "minimum": 1, "description": "The same from frame to frame."},
        "box": {
            "type": "array",
            "items": {"type": "integer"},
            "minItems": 4,
            "maxItems": 4,
            "description": "x, y, width, height in pixels of the frame; may reach over its edges.",
        },
        "emotion": {"type": "string", "description": "A label of the model, or `uncertain`; smoothed over time."},
        "confidence": _SHARE,
        "scores": {
            "type": "object",
            "additionalProperties": _SHARE,
            "description": "This frame's own probability of each label.",
        },
    }
)
FRAME_PROPERTIES: Schema = {  # those of FRAME_COLUMNS
    "time": {"type": "string", "format": "date-time"},
    "source": {"type": "string"},
    "frame": _COUNT,
}
EVENT_COUNTS_SCHEMA = closed(dict.fromkeys(EVENT_KINDS, _COUNT))
