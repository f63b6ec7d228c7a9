"""Pictures of one's own face as training data: only if `fer-edge run --save-crops` or run.sinks says so.

Each is framed, turned upright and grey as the model gets it, so that what is trained on them fits what is read. Others
who come into view are not collected: a frame with more than one face is left out.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

import cv2

from fer_edge import preprocess
from fer_edge.errors import SettingsError, SinkError, counted
from fer_edge.files import new_file
from fer_edge.pause import PauseSwitch
from fer_edge.settings import CropsSettings, Settings
from fer_edge.sinks.output import output
from fer_edge.types import Observation, Sink

_log = logging.getLogger(__name__)

MAX_SIDE_PX = 256  # of a picture: networks take less
FILE_MODE, FOLDER_MODE = 0o600, 0o700  # for this user alone


@output(in_thread=True)
def open_crops(settings: Settings, pause_switch: PauseSwitch) -> Crops:  # noqa: ARG001 (every output is opened alike)
    """The folder that the settings name. Raises SettingsError."""
    return Crops(settings.crops)


class Crops(Sink):
    """Saves the face in view now and then, until there are enough."""

    def __init__(self, settings: CropsSettings) -> None:
        """Make the folder, and say what is saved where. Raises SettingsError."""
        for key in ("folder", "label"):
            if not getattr(settings, key):
                raise SettingsError(f"crops.{key}: is empty; give both, as in --save-crops faces --label smile")
        self._settings = settings
        self.path = Path(settings.folder).expanduser() / settings.label
        self._next = float("-inf")  # frame time from which on the next one is saved
        self.saved = 0  # by this run
        try:
            Path(settings.folder).expanduser().mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            self.path.mkdir(mode=FOLDER_MODE, exist_ok=True)
            self._there = sum(1 for path in self.path.iterdir() if path.suffix == ".png")
        except OSError as cause:
            raise SettingsError(f"crops.folder: {self.path}: {cause.strerror}; choose another folder") from None
        most = counted(settings.max_pictures, "picture")
        if self._is_full():
            _log.warning(f"crops: {self.path} has {most}, the most (crops.max_pictures): no more are saved")
        else:
            _log.warning(f"crops: pictures of the face in view are saved in {self.path}, until it has {most}")

    def _is_full(self) -> bool:
        return self._there >= self._settings.max_pictures

    def write(self, observation: Observation) -> None:
        """Save the face, if it is the only one and it is time. Raises SinkError if the disk is full or gone."""
        frame = observation.frame
        if self._is_full() or frame.time < self._next or len(observation.faces) != 1:
            return
        box = observation.faces[0].box
        side = min(max(box.width, box.height), MAX_SIDE_PX)
        if side < self._settings.min_pixels:
            return
        _, data = cv2.imencode(".png", preprocess.face_pixels(frame.grey, box, (side, side)))
        name = frame.taken.strftime("%Y%m%dT%H%M%S.%f")
        try:
            with new_file(self.path / f"{name}-{frame.number}.png") as file:
                os.fchmod(file.fileno(), FILE_MODE)
                file.write(data.tobytes())
        except OSError as cause:
            raise SinkError(f"crops {self.path}: cannot be written ({cause.strerror}); make room") from None
        self._next = frame.time + self._settings.seconds
        self._there += 1
        self.saved += 1
        if self._is_full():
            _log.warning(f"crops: {self.path} has {counted(self._there, 'picture')}: no more are saved")

    def close(self) -> None:
        """Say how many there are. May be called twice."""
        if self.saved:
            _log.info(f"crops: {counted(self.saved, 'picture')} saved in {self.path}")
            self.saved = 0
