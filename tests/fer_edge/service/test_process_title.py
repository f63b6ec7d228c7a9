"""Everybody on a device sees the arguments of all programs."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.process
def test_arguments_show_no_password() -> None:
    """While it connects to a camera that does not answer, ps shows neither the camera's password nor the webhook's."""
    with socket.create_server(("127.0.0.1", 0)) as camera:
        url = f"rtsp://ann:S3cr%23t@127.0.0.1:{camera.getsockname()[1]}/live"
        hook = 'webhook.headers={Authorization="Bearer S3cr-t"}'
        command = [sys.executable, "-m", "fer_edge", "run", "--source", url, "--set", hook, "--set", "source.fps=5"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                connection, _ = camera.accept()
                shown = Path(f"/proc/{process.pid}/cmdline").read_bytes().split(b"\0")
                connection.close()
            finally:
                process.kill()
    assert [word.strip() for word in shown if b"S3cr" in word] == []
    assert shown[5].strip() == b"rtsp://127.0.0.1"
    assert shown[7].strip() == b"webhook.headers=***"
    assert shown[9] == b"source.fps=5"
