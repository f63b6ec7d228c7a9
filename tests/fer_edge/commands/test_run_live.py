"""`fer-edge run` on a live camera: a loss and a pause end nothing, and a paused camera is released.

The camera is a real HTTP server on this machine, read through OpenCV's FFmpeg.
"""

from __future__ import annotations

import http.server
import json
import queue
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import cv2
import pytest
from fer_edge.cli import main
from fer_edge.demo import PORTRAIT
from fer_edge.pause import PauseSwitch
from fer_edge.service import outputs
from fer_edge.settings import Settings
from fer_edge.sinks.console import Console
from fer_edge.sinks.guard import Guarded
from fer_edge.sources import reconnect
from fer_edge.types import Observation, State

SOON = 20.0  # seconds


class Camera(http.server.ThreadingHTTPServer):
    """Streams one picture over and over; hangs up after `last` of them, and turns away the next `away` callers."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.last = 10**9
        self.away = 0
        self.calls: queue.Queue[str] = queue.Queue()
        picture = cv2.resize(cv2.imread(str(PORTRAIT)), (320, 320))
        jpeg = cv2.imencode(".jpg", picture)[1].tobytes()
        self.part = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b\r\n" % (len(jpeg), jpeg)
        self.over = threading.Event()


class Handler(http.server.BaseHTTPRequestHandler):
    server: Camera

    def do_GET(self) -> None:
        self.server.calls.put("opened")
        if self.server.away:
            self.server.away -= 1
            self.send_error(503)
            return
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        last, self.server.last = self.server.last, 10**9
        with suppress(OSError):  # the client hung up
            for _ in range(last):
                self.wfile.write(self.server.part)
                if self.server.over.wait(0.01):
                    return
        self.server.calls.put("closed")

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def camera(monkeypatch: pytest.MonkeyPatch) -> Iterator[Camera]:
    monkeypatch.setattr("fer_edge.retry.FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(reconnect, "SLEEP_STEP_S", 0.005)
    with Camera() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.over.set()
        running.shutdown()
        thread.join()


def run(camera: Camera, log: Path, *more: str) -> int:
    url = f"http://127.0.0.1:{camera.server_port}/"
    return main(["run", "--source", url, "--set", f"log.path={log}", "--set", "log.mode=frames", *more])


@pytest.mark.slow
def test_a_camera_that_goes_is_opened_again_and_the_log_goes_on(
    camera: Camera, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    camera.last = 60
    opened = camera.calls.get
    threading.Thread(target=lambda: (opened(timeout=SOON), setattr(camera, "away", 2)), daemon=True).start()
    assert run(camera, tmp_path / "log.jsonl", "--max-frames", "100") == 0
    out, errors = capsys.readouterr()
    assert "frames 100" in out
    assert out.index("camera is lost") < out.index("camera is on again")
    first = errors.splitlines()[0]
    assert "stopped giving pictures after" in first
    assert first.endswith("it is opened again as soon as it answers")
    entries = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [entry["frame"] for entry in entries] == list(range(100))
    assert entries == sorted(entries, key=lambda entry: str(entry["time"]))
    assert camera.away == 0


class Presser(Console):
    """A console that presses the pause button at the 20th frame, and again when the camera was released."""

    def __init__(self, camera: Camera, pause_switch: PauseSwitch) -> None:
        super().__init__(sys.stdout)
        self.camera, self.pause_switch, self.count = camera, pause_switch, 0
        self.states: list[State] = []

    def write(self, observation: Observation) -> None:
        super().write(observation)
        self.count += 1
        if self.count == 20:
            self.pause_switch.pause()

    def state(self, state: State) -> None:
        super().state(state)
        self.states.append(state)
        if state == "paused":
            threading.Thread(target=self.resume).start()

    def resume(self) -> None:
        assert [self.camera.calls.get(timeout=SOON) for _ in range(2)] == ["opened", "closed"]
        self.pause_switch.resume()


def test_a_paused_camera_is_let_go_of_until_somebody_resumes(
    camera: Camera, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pressers = []

    def make(name: str, settings: Settings, pause_switch: PauseSwitch) -> Guarded:
        pressers.append(Presser(camera, pause_switch))
        return Guarded(name, pressers[-1])

    monkeypatch.setattr(outputs, "make_sink", make)
    assert run(camera, tmp_path / "log.jsonl", "--max-frames", "40", "--only-sink", "console") == 0
    assert pressers[0].states == ["starting", "running", "paused", "running"]
    assert camera.calls.get(timeout=SOON) == "opened"  # again
    out, errors = capsys.readouterr()
    assert "camera is off: paused\ncamera is on again\n" in out
    assert "frames 40" in out
    assert errors == ""
