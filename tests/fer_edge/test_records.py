"""The record and its schema are one: what is written is what the schema says, and what is read back."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from fer_edge.records import (
    EVENT_COUNTS_SCHEMA,
    FACE_COLUMNS,
    FACE_SCHEMA,
    FRAME_COLUMNS,
    FRAME_PROPERTIES,
    LINE_START,
    EventRecord,
    FaceRecord,
    Record,
    event_entries,
    event_record,
    face_cells,
    face_record,
    frame_cells,
    line,
    line_time,
    parse,
    percent,
    record,
)
from fer_edge.types import EVENT_KINDS, Box, Event, Face, Frame, Observation, Prediction

Make = Callable[..., Observation]
TIME = datetime(2026, 1, 1, 12, 0, 0, 40_000, tzinfo=UTC)
FACE = Face(3, Box(-4, 2, 108, 107), "happy", 0.958412, Prediction(("sad", "happy"), (0.041588, 0.958412)))
SEEN = Observation(Frame(1, 0.04, TIME, np.zeros((2, 2), np.uint8), "camera:0"), (FACE,), (Event("came", FACE),))
KINDS: dict[str, Any] = {"integer": int, "number": float, "string": str, "array": list, "object": dict}


def check(value: dict[str, Any], properties: dict[str, Any]) -> None:
    assert list(value) == list(properties)
    for name, schema in properties.items():
        assert isinstance(value[name], KINDS[schema["type"]])


def test_face_is_as_its_schema() -> None:
    """Names, their order and their types."""
    check({**face_record(FACE)}, FACE_SCHEMA["properties"])
    assert FACE_SCHEMA["required"] == list(FaceRecord.__annotations__)


def test_record_is_as_its_schema() -> None:
    entry = record(SEEN)
    check({name: value for name, value in entry.items() if name in FRAME_COLUMNS}, FRAME_PROPERTIES)
    assert [*entry, "events"] == list(Record.__annotations__)
    assert list(event_record(SEEN, SEEN.events[0])) == list(EventRecord.__annotations__)


def test_events_count_every_kind() -> None:
    assert tuple(EVENT_COUNTS_SCHEMA["properties"]) == EVENT_KINDS == ("came", "changed", "gone")


def test_line_reads_as_it_did() -> None:
    """Users' programs read these lines: a change of a byte is a change of the format."""
    text = (
        '{"time": "2026-01-01T12:00:00.040000+00:00", "source": "camera:0", "frame": 1, "faces": [{"id": 3, '
        '"box": [-4, 2, 108, 107], "emotion": "happy", "confidence": 0.9584, "scores": {"sad": 0.0416, '
        '"happy": 0.9584}}], "events": [{"kind": "came", "id": 3, "emotion": "happy"}]}\n'
    )
    assert line(record(SEEN) | {"events": event_entries(SEEN.events)}) == text


def test_one_event_reads_as_it_did() -> None:
    text = (
        '{"time": "2026-01-01T12:00:00.040000+00:00", "source": "camera:0", "frame": 1, "kind": "came", "face": '
        '{"id": 3, "box": [-4, 2, 108, 107], "emotion": "happy", "confidence": 0.9584, "scores": {"sad": 0.0416, '
        '"happy": 0.9584}}}\n'
    )
    assert line(event_record(SEEN, SEEN.events[0])) == text


def test_cells_stand_under_their_columns() -> None:
    assert dict(zip(FRAME_COLUMNS, frame_cells(record(SEEN)), strict=True)) == {
        "time": "2026-01-01T12:00:00.040000+00:00",
        "source": "camera:0",
        "frame": 1,
    }
    assert dict(zip(FACE_COLUMNS, face_cells(face_record(FACE)), strict=True)) == {
        "id": 3,
        "x": -4,
        "y": 2,
        "width": 108,
        "height": 107,
        "emotion": "happy",
        "confidence": 0.9584,
    }


def test_a_line_is_read_back() -> None:
    """Rotation and purging know a line by its first bytes, the report reads all of it."""
    text = line(record(SEEN) | {"events": event_entries(SEEN.events)}).encode()
    assert text.startswith(LINE_START)
    assert line_time(text) == TIME
    entry = parse(text)
    assert entry is not None
    assert entry.time == TIME
    assert entry.data == json.loads(text)


@pytest.mark.parametrize("source", ["caf\udce9.mp4", "a\nb"])
def test_any_name_of_a_source_is_one_line(source: str) -> None:
    frame = Frame(0, 0.0, TIME, np.zeros((2, 2), np.uint8), source)
    text = line(record(Observation(frame, (), ()))).encode("utf-8")
    assert text.count(b"\n") == 1
    assert parse(text) is not None


def test_shares_have_four_digits(make_observation: Make) -> None:
    """More is noise, and would double the log's size."""
    (face,) = make_observation(0, "happy").faces
    prediction = Prediction(("happy", "sad"), (2 / 3, 1 / 3))
    entry = face_record(replace(face, confidence=0.123456, prediction=prediction))
    assert entry["confidence"] == 0.1235
    assert entry["scores"] == {"happy": 0.6667, "sad": 0.3333}


def test_no_label_is_left_out(make_observation: Make) -> None:
    """A model with more labels than scores is a mistake, not a shorter record."""
    (face,) = make_observation(0, "happy").faces
    with pytest.raises(ValueError, match="argument"):
        face_record(replace(face, prediction=Prediction(("happy", "sad"), (1.0,))))


def test_an_event_tells_of_its_face_alone(make_observation: Make) -> None:
    """A webhook gets nothing of the others in the room."""
    seen = make_observation(3, "happy", "sad")
    entry = event_record(seen, Event("gone", seen.faces[1]))
    assert list(entry) == ["time", "source", "frame", "kind", "face"]
    assert (entry["kind"], entry["face"]["id"], entry["face"]["emotion"]) == ("gone", 2, "sad")


def test_labels_stand_as_they_are_written(make_observation: Make) -> None:
    """So that `grep müde` finds them; a line is one line whatever they hold."""
    (face,) = make_observation(0, "happy").faces
    seen = replace(make_observation(0), faces=(replace(face, emotion="müde\n嬉"),))
    text = line(record(seen))
    assert "müde\\n嬉" in text
    assert text.count("\n") == 1
    assert text.endswith("}\n")
    assert json.loads(text)["faces"][0]["emotion"] == "müde\n嬉"


@pytest.mark.parametrize(("share", "text"), [(0.0, "0 %"), (0.926, "93 %"), (1.0, "100 %")])
def test_percent_is_whole(share: float, text: str) -> None:
    assert percent(share) == text


@pytest.mark.parametrize(
    "change",
    [
        {"events": [{"kind": "came", "id": [1]}]},
        {"events": [{"kind": "came", "id": {}}]},
        {"events": [{"kind": ["came"], "id": 1}]},
        {"faces": [{"id": [], "emotion": "happy"}]},
    ],
)
def test_other_types_are_no_entry(change: dict[str, Any]) -> None:
    """What somebody wrote into the log is left out, and ends no report."""
    entry = {"time": "2026-01-01T12:00:00+00:00", "source": "x", "frame": 1, "faces": []}
    assert parse(json.dumps(entry).encode()) is not None
    assert parse(json.dumps(entry | change).encode()) is None


def test_deep_json_is_no_entry() -> None:
    assert parse(b'{"time": "2026-01-01T12:00:00+00:00", "faces": ' + b"[" * 100_000) is None
