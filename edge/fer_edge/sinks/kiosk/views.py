"""The kiosk's state as JSON objects, made when a client asks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from fer_edge.classifiers.labels import emotion_of
from fer_edge.drawing.palette import colour_of, to_hex
from fer_edge.pause import PauseSwitch
from fer_edge.records import FRAME_COLUMNS, record
from fer_edge.sinks.kiosk.state import KioskState
from fer_edge.types import INVENTED_SOURCE, UNCERTAIN, Area, Face, Observation

MAX_FACES_SHOWN = 6  # on the page at once; those with the lowest ids
# Confidence, place and size are rounded to 1 / STEPS, or the page would never be still
CONFIDENCE_STEPS, PLACE_STEPS, SIZE_STEPS = 20, 20, 5


def now(state: KioskState, pause_switch: PauseSwitch) -> dict[str, Any]:
    """`/api/v1/now`: the newest observation as the log writes it; `time`, `source` and `frame` are null before one."""
    latest = state.latest
    seen: dict[str, Any] = {**dict.fromkeys(FRAME_COLUMNS), "faces": []} if latest is None else {**record(latest)}
    return {"state": state.camera, "paused": pause_switch.paused, **seen}


def stage(
    state: KioskState,
    pause_switch: PauseSwitch,
    ignored: Sequence[Area] = (),
    zone: Area | tuple[()] = (),
    saved: str = "",
    mirrored: bool = False,
) -> dict[str, Any]:
    """What the pages draw.

    {"state", "paused", "faces": [{"id", "emotion", "pose", "certain", "confidence", "colour", "x", "near"}], "more":
    count, "size": [width, height] of the frame in pixels, null without one, "ignored": [[x, y, width, height]] as
    shares of it, "zone": the same of the one part in which faces are looked for, null: all of it, "invented",
    "resumes_in", "saved"}. `pose` is what the drawn face shows, `x` where its middle is from left to
    right as in a mirror, 0 to 1, and `near` its side as a share of the largest face's. `resumes_in` is the minutes left
    of a pause, rounded up, and null if it does not end by itself. `saved` is the label of pictures of faces that are
    saved as training data; null: none are. `mirrored`: whether the frame is a mirror's already.
    """
    latest = state.latest
    faces = sorted(latest.faces, key=lambda face: face.id) if latest is not None else []
    width = 1 if latest is None else latest.frame.grey.shape[1]
    largest = max((face.box.height for face in faces), default=1)
    return {
        "state": state.camera,
        "paused": pause_switch.paused,
        "faces": [_stage_face(face, width, largest, mirrored) for face in faces[:MAX_FACES_SHOWN]],
        "more": max(len(faces) - MAX_FACES_SHOWN, 0),
        "size": None if latest is None else list(latest.frame.grey.shape[::-1]),
        "ignored": [list(area) for area in ignored],
        "invented": state.source == INVENTED_SOURCE,
        "resumes_in": _minutes(pause_switch.seconds_left) if pause_switch.paused else None,
        "zone": list(zone) or None,
        "saved": saved or None,
    }


def live(observation: Observation) -> dict[str, Any]:
    """What the live page draws over one picture.

    {"width", "height": of the picture in pixels, "faces": [{"id", "box": [x, y, width, height] in pixels, "emotion",
    "confidence", "colour", "scores": [[label, 0 to 1, colour]]}]}, the faces from left to right.
    """
    height, width = observation.frame.grey.shape
    faces = sorted(observation.faces, key=lambda face: face.box.x)
    return {"width": width, "height": height, "faces": [_live_face(face) for face in faces]}


def _live_face(face: Face) -> dict[str, Any]:
    labels = face.prediction.labels
    return {
        "id": face.id,
        "box": list(face.box),
        "emotion": face.emotion,
        "confidence": round(face.confidence, 2),
        "colour": to_hex(colour_of(face.emotion, labels)),
        "scores": [[name, round(score, 2), to_hex(colour_of(name, labels))] for name, score in face.scores.items()],
    }


def _minutes(seconds: float) -> int | None:
    """Rounded up; None: without end."""
    return None if math.isinf(seconds) else math.ceil(seconds / 60)


def _stage_face(face: Face, width: int, largest: int, mirrored: bool) -> dict[str, Any]:
    x = (face.box.x + face.box.width / 2) / width
    x = x if mirrored else 1 - x
    return {
        "id": face.id,
        "emotion": face.emotion,
        "pose": emotion_of(face.emotion) or face.emotion,
        "certain": face.emotion != UNCERTAIN,
        "confidence": round(face.confidence * CONFIDENCE_STEPS) / CONFIDENCE_STEPS,
        "colour": to_hex(colour_of(face.emotion, face.prediction.labels)),
        "x": min(max(round(x * PLACE_STEPS) / PLACE_STEPS, 0.0), 1.0),
        "near": round(face.box.height / max(largest, 1) * SIZE_STEPS) / SIZE_STEPS,
    }
