"""Python imports this by itself wherever it lies on its path: lets picamera2 work with libcamera's virtual camera.

While /opt/pulled is there its ribbon cable is pulled: requests go out, and none comes back. While /opt/stuck is there
its driver hangs: a call does not return.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

# As edge/fer_edge/sources/picamera.py has it, which comes too late: libcamera is loaded here.
os.environ.setdefault("LIBCAMERA_LOG_LEVELS", "*:FATAL")

from virtual_camera import cable, libcamera

PULLED, STUCK = Path("/opt/pulled"), Path("/opt/stuck")


def queue_request(camera: Any, request: Any) -> None:
    """Pass `request` on, unless the cable is pulled."""
    while STUCK.exists():
        time.sleep(0.1)
    if not PULLED.exists():
        cable.queue_request(camera, request)


libcamera.Camera.queue_request = queue_request
