"""An observation as the JSON object that logs and `fer-edge detect --json` write."""

from __future__ import annotations

import json
from typing import Any

from fer_edge.types import Event, Face, Observation


def face_record(face: Face) -> dict[str, Any]:
    """`emotion` and `confidence` are the steadied ones; `scores` are this frame's own, in the model's order."""
    return {
        "id": face.id,
        "box": list(face.box),
        "emotion": face.emotion,
        "confidence": round(face.confidence, 4),
        "scores": {
            label: round(score, 4) for label, score in zip(face.prediction.labels, face.prediction.scores, strict=True)
        },
    }


def record(observation: Observation) -> dict[str, Any]:
    """{"time": RFC 3339, "source", "frame": from 0, "faces": [...]}."""
    return {
        "time": observation.frame.taken.isoformat(timespec="microseconds"),
        # A file's name may hold bytes that are no text; JSON must.
        "source": observation.frame.source.encode("utf-8", "backslashreplace").decode(),
        "frame": observation.frame.number,
        "faces": [face_record(face) for face in observation.faces],
    }


def event_record(observation: Observation, event: Event) -> dict[str, Any]:
    """{"time", "source", "frame", "kind": "came", "changed" or "gone", "face": {...}}: one event, by itself."""
    entry = record(observation)
    del entry["faces"]
    return entry | {"kind": event.kind, "face": face_record(event.face)}


def percent(share: float) -> str:
    """A share, 0 to 1, as people read it: "93 %"."""
    return f"{100 * share:.0f} %"


def line(entry: dict[str, Any]) -> str:
    """One compact line of JSON, with its newline."""
    return json.dumps(entry, ensure_ascii=False, separators=(", ", ": ")) + "\n"
