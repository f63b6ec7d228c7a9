"""Reads the expressions in a picture that a client sent: in memory, one at a time, and nothing of it is kept."""

from __future__ import annotations

import json
import logging
import mmap
import os
import signal
import subprocess
from dataclasses import replace
from typing import Any

import numpy as np

from fer_edge.drawing.palette import colour_of, to_hex
from fer_edge.errors import FerEdgeError, SourceError
from fer_edge.reader import Reader
from fer_edge.records import face_record
from fer_edge.service.model_update import ModelWatcher
from fer_edge.settings import Settings
from fer_edge.sinks.kiosk.decode import CPU_SECONDS, FORMATS, HEADER_BYTES
from fer_edge.sinks.kiosk.jobs import Job
from fer_edge.sinks.kiosk.uploads import Upload
from fer_edge.sources.array import array_frame
from fer_edge.sources.options import too_many_pixels
from fer_edge.types import UNCERTAIN, Box, Face, Pixels

__all__ = ["FORMATS", "PictureReader"]
_log = logging.getLogger(__name__)

DECODER = "fer_edge.sinks.kiosk.decode"
DECODE_TIMEOUT_S = 30.0  # the processor may be busy; of its time there are CPU_SECONDS
_TOO_LONG = f"picture: takes longer than {CPU_SECONDS} s to decode; save it again as a plain JPEG"


class PictureReader:
    """Has its own detector and classifier, made at the first picture: the loop's are not to be shared."""

    def __init__(self, settings: Settings) -> None:
        # What is ignored, or looked at, is a part of the camera's frame, and a picture that was sent is another one.
        detector, source = replace(settings.detector, ignore=()), replace(settings.source, zone=())
        self._settings = replace(settings, detector=detector, source=source)
        self._watcher = ModelWatcher(settings.classifier)
        self._reader: Reader | None = None

    def read(self, picture: Upload, job: Job) -> dict[str, Any]:
        """{"width", "height", "faces": [as in the log], "colours": label -> its colour}.

        Takes its time, and is called once at a time.

        Raises SourceError, ModelError, CancelledJobError.
        """
        most = int(1e6 * self._settings.kiosk.picture_megapixels)
        target = os.memfd_create("fer-edge-picture")
        try:
            header = _decoded(picture.descriptor, target, most, job)
            width, height = header["size"]
            with mmap.mmap(target, HEADER_BYTES + width * height, access=mmap.ACCESS_READ) as data:
                pixels = np.frombuffer(data, np.uint8, width * height, HEADER_BYTES).reshape(height, width)
                grey = _upright(pixels, header["orientation"]).copy()
                del pixels
        finally:
            os.close(target)
        job.check()
        faces = self._current_reader().observe(array_frame(grey, "picture", most)).faces
        full = (header["width"], header["height"])
        if header["orientation"] >= 5:
            full = full[::-1]
        scale = full[0] / grey.shape[1]
        labels = faces[0].prediction.labels if faces else ()
        colours = {label: to_hex(colour_of(label, labels)) for label in (*labels, UNCERTAIN)}
        found = [face_record(_scaled(face, scale)) for face in faces]
        return {"width": full[0], "height": full[1], "faces": found, "colours": colours}

    def _current_reader(self) -> Reader:
        """With the model that is installed now; the one before it if that is damaged. Raises FerEdgeError."""
        if self._reader is None or (self._watcher.changed() and self._watcher.take_change()):
            try:
                self._reader = Reader(settings=self._settings)
            except FerEdgeError as error:
                if self._reader is None:
                    raise
                _log.error(f"{error}; pictures that are sent are read with the model of before")
        return self._reader


def _decoded(source: int, target: int, most: int, job: Job) -> dict[str, Any]:
    """Decode the picture in `source` into `target`; what the decoder says of it. Raises SourceError."""
    try:
        code, _, _ = job.run_module(DECODER, [str(source), str(target), str(most)], DECODE_TIMEOUT_S, (source, target))
    except subprocess.TimeoutExpired:
        raise SourceError(_TOO_LONG) from None
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        raise SourceError(_TOO_LONG)
    try:
        header: dict[str, Any] = json.loads(os.pread(target, HEADER_BYTES, 0))
        if "too_many" in header:
            header["error"] = f"picture: {too_many_pixels(*map(int, header['too_many']))}"
        if "error" not in header:
            # A decoder that was taken over may write anything.
            sides = [int(header[key]) for key in ("width", "height")] + [int(side) for side in header["size"]]
            fits = HEADER_BYTES + sides[2] * sides[3] <= os.fstat(target).st_size
            if not fits or min(sides) < 1 or sides[2] * sides[3] > most or header["orientation"] not in range(1, 9):
                raise ValueError
    except (ValueError, KeyError, TypeError, IndexError, OverflowError):
        raise SourceError(f"picture: its decoder failed (exit code {code}); save it again as a plain JPEG") from None
    if "error" in header:
        raise SourceError(str(header["error"]))
    return header


def _upright(pixels: Pixels, orientation: int) -> Pixels:
    """`pixels` as EXIF's `orientation`, 1 to 8, says that they are seen; a view."""
    if orientation >= 5:
        pixels = pixels.T
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels[::-1] if orientation in (3, 4, 7, 8) else pixels


def _scaled(face: Face, scale: float) -> Face:
    """`face` in the picture as it was sent, from one that was reduced while it was decoded."""
    if scale == 1:
        return face
    return replace(face, box=Box(*(round(scale * side) for side in face.box)))
