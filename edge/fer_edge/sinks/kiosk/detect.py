"""Reads the expressions in a picture that somebody sent: in memory, one at a time, and nothing of it is kept."""

from __future__ import annotations

import io
import threading
from datetime import datetime
from typing import Any

import cv2
import numpy as np

from fer_edge.records import face_record
from fer_edge.settings import Settings
from fer_edge.tracking.smoother import Smoother
from fer_edge.tracking.tracker import NoTracking
from fer_edge.types import Frame

FORMATS = ("JPEG", "PNG", "WEBP")


class PictureReader:
    """Has its own detector and classifier, made at the first picture: the loop's are not to be shared."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._busy = threading.Lock()
        self._parts: Any = None

    def read(self, data: bytes) -> dict[str, Any]:
        """{"width", "height", "faces": [as in the log]}. Takes its time. Raises SourceError, ModelError."""
        from fer_edge.build import make_classifier, make_parts
        from fer_edge.sources.picture import decode_picture

        with self._busy:
            most = int(1e6 * self._settings.kiosk.picture_megapixels)
            colour = decode_picture(io.BytesIO(data), "picture", most, FORMATS)
            if self._parts is None:
                self._parts = make_parts(self._settings, make_classifier(self._settings.classifier), True)
            detector, _, classifier, _ = self._parts
            grey = np.asarray(cv2.cvtColor(colour, cv2.COLOR_BGR2GRAY), np.uint8)
            frame = Frame(0, 0.0, datetime.now().astimezone(), grey, "picture", colour)
            # As `fer-edge detect` does it; new ones, so that nothing of the last picture is left.
            tracks, gone = NoTracking().update(0.0, detector.detect(frame))
            predictions = classifier.predict(grey, [track.box for track in tracks])
            faces, _ = Smoother(self._settings.smoother).update(0.0, tracks, predictions, gone)
        return {"width": grey.shape[1], "height": grey.shape[0], "faces": [face_record(face) for face in faces]}
