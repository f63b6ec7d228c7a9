"""The board as JSON objects, made when somebody looks."""

from __future__ import annotations

from typing import Any

from fer_edge.drawing.palette import colour_of, to_hex
from fer_edge.pause import PauseSwitch
from fer_edge.records import FRAME_COLUMNS, record
from fer_edge.sinks.kiosk.state import KioskState
from fer_edge.types import UNCERTAIN, Face

MAX_FACES_SHOWN = 6  # faces on the page at once; those that came first
CONFIDENCE_STEPS = 20  # confidence is shown in steps of 1 / CONFIDENCE_STEPS, or the page would never rest


def now(board: KioskState, pause_switch: PauseSwitch) -> dict[str, Any]:
    """`/api/v1/now`: the newest observation as the log writes it; `time`, `source` and `frame` are null before one."""
    latest = board.latest
    seen: dict[str, Any] = {**dict.fromkeys(FRAME_COLUMNS), "faces": []} if latest is None else {**record(latest)}
    return {"state": board.state, "paused": pause_switch.paused, **seen}


def stage(board: KioskState, pause_switch: PauseSwitch) -> dict[str, Any]:
    """What the page draws: {"state", "paused", "faces": [{"id", "emotion", "confidence", "colour"}], "more": count}."""
    latest = board.latest
    faces = sorted(latest.faces, key=lambda face: face.id) if latest is not None else []
    return {
        "state": board.state,
        "paused": pause_switch.paused,
        "faces": [_figure(face) for face in faces[:MAX_FACES_SHOWN]],
        "more": max(len(faces) - MAX_FACES_SHOWN, 0),
    }


def _figure(face: Face) -> dict[str, Any]:
    return {
        "id": face.id,
        "emotion": face.emotion,
        "certain": face.emotion != UNCERTAIN,
        "confidence": round(face.confidence * CONFIDENCE_STEPS) / CONFIDENCE_STEPS,
        "colour": to_hex(colour_of(face.emotion, face.prediction.labels)),
    }
