"""Keeps OpenCV and FFmpeg from writing to stderr, since each failure is reported once, as a SourceError.

Must run before the first cv2.VideoCapture: FFmpeg's level is read only then. To see their output, set the environment
variables OPENCV_FFMPEG_LOGLEVEL (56 shows everything) and OPENCV_LOG_LEVEL.
"""

from __future__ import annotations

import os

import cv2

FFMPEG_LEVEL, QUIET = "OPENCV_FFMPEG_LOGLEVEL", "-8"


def quiet_opencv(ffmpeg: bool = True) -> None:
    """Silence both, or OpenCV alone, unless the user has set those variables. May be called often."""
    if ffmpeg:
        os.environ.setdefault(FFMPEG_LEVEL, QUIET)
    if "OPENCV_LOG_LEVEL" not in os.environ:
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
