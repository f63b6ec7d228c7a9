"""Keeps OpenCV and FFmpeg from writing to stderr: what goes wrong is told once, by our own errors.

Must run before the first cv2.VideoCapture: FFmpeg's level is read once. Whoever wants the noise back sets the
environment variables OPENCV_FFMPEG_LOGLEVEL (56 is everything) and OPENCV_LOG_LEVEL.
"""

from __future__ import annotations

import os

import cv2


def quiet_opencv() -> None:
    """Silence both, where the user has not asked otherwise. May be called often."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    if "OPENCV_LOG_LEVEL" not in os.environ:
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
