"""The board as JSON objects, made when somebody looks."""

from __future__ import annotations

from typing import Any

from edge.control import Control
from edge.kiosk.board import Board
from edge.palette import colour_of
from edge.sinks.record import record
from edge.types import UNCERTAIN, Face

SHOWN = 6  # faces on the page at once; those that came first
COARSE = 20  # confidence is shown in steps of 1 / COARSE, or the page would never rest


def now(board: Board, control: Control) -> dict[str, Any]:
    """`/api/v1/now`: the newest observation as the log writes it; `time`, `source` and `frame` are null before one."""
    latest = board.latest
    seen = {"time": None, "source": None, "frame": None, "faces": []} if latest is None else record(latest)
    return {"state": board.state, "paused": control.paused, **seen}


def stage(board: Board, control: Control) -> dict[str, Any]:
    """What the page draws: {"state", "paused", "faces": [{"id", "emotion", "confidence", "colour"}], "more": count}."""
    latest = board.latest
    faces = sorted(latest.faces, key=lambda face: face.id) if latest is not None else []
    return {
        "state": board.state,
        "paused": control.paused,
        "faces": [_figure(face) for face in faces[:SHOWN]],
        "more": max(len(faces) - SHOWN, 0),
    }


def _figure(face: Face) -> dict[str, Any]:
    return {
        "id": face.id,
        "emotion": face.emotion,
        "certain": face.emotion != UNCERTAIN,
        "confidence": round(face.confidence * COARSE) / COARSE,
        "colour": "#{:02x}{:02x}{:02x}".format(*colour_of(face.emotion, face.reading.labels)),
    }
