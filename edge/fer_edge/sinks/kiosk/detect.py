"""Reads the expressions in a picture that a client sent: in memory, one at a time, and nothing of it is kept."""

from __future__ import annotations

import io
import threading
from dataclasses import replace
from typing import Any

from fer_edge.drawing.palette import colour_of, to_hex
from fer_edge.reader import Reader
from fer_edge.records import face_record
from fer_edge.settings import Settings
from fer_edge.types import UNCERTAIN

FORMATS = ("JPEG", "PNG", "WEBP")


class PictureReader:
    """Has its own detector and classifier, made at the first picture: the loop's are not to be shared."""

    def __init__(self, settings: Settings) -> None:
        # What is ignored, or looked at, is a part of the camera's frame, and a picture that was sent is another one.
        detector, source = replace(settings.detector, ignore=()), replace(settings.source, zone=())
        self._settings = replace(settings, detector=detector, source=source)
        self._busy = threading.Lock()
        self._reader: Reader | None = None

    def read(self, data: bytes) -> dict[str, Any]:
        """{"width", "height", "faces": [as in the log], "colours": label -> its colour}.

        Takes its time. Raises SourceError, ModelError.
        """
        from fer_edge.sources.array import array_frame
        from fer_edge.sources.picture import decode_picture

        with self._busy:
            most = int(1e6 * self._settings.kiosk.picture_megapixels)
            frame = array_frame(decode_picture(io.BytesIO(data), "picture", most, FORMATS), "picture", most)
            if self._reader is None:
                self._reader = Reader(settings=self._settings)
            faces = self._reader.observe(frame).faces
        height, width = frame.grey.shape
        labels = faces[0].prediction.labels if faces else ()
        colours = {label: to_hex(colour_of(label, labels)) for label in (*labels, UNCERTAIN)}
        return {"width": width, "height": height, "faces": [face_record(face) for face in faces], "colours": colours}
