"""Every output at once on the demo clip for minutes: neither memory nor threads nor open files may grow.

python3 tests/rigs/all_outputs.py [MINUTES]      # default: 10; ends with 1 where something grew

The clip is played over and over at 25 frames a second. Broker and webhook are real servers on this machine, pins and
display are their libraries' own stand-ins, and somebody reads the kiosk's page all the time.
"""

from __future__ import annotations

import http.client
import http.server
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

import cv2

sys.path.insert(0, str(Path(__file__).parents[2]))

from edge.demo.clip import FPS, LENGTH, Clip
from edge.sinks import SINKS

ROOT = Path(__file__).parents[2]
PAGE = os.sysconf("SC_PAGE_SIZE")
GROWN = 500_000  # bytes that a longer run may hold more than after its first minute: noise of the allocator
# gpiozero's stand-ins for pins keep all that they were ever told, for tests to look at; real ones do not.
PROGRAM = """
from gpiozero.pins.mock import MockPin
from edge.cli import main
change = MockPin._change_state
MockPin._change_state = lambda pin, value: (change(pin, value), pin.states.clear())[0]
raise SystemExit(main())
"""
EVERY = 10.0  # seconds from look to look


class Look(NamedTuple):
    """What the process holds at one moment."""

    seconds: float
    memory: int  # bytes, resident
    threads: int
    files: int


class Taker(http.server.BaseHTTPRequestHandler):
    """Takes whatever is posted."""

    def do_POST(self) -> None:
        """Read all of it, and agree."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


def main(minutes: float) -> int:
    """Run it; print a line a minute, and what grew."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        film(folder / "demo.mp4", minutes)
        posted = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Taker)
        threading.Thread(target=posted.serve_forever, daemon=True).start()
        kiosk, broker = free(), free()
        (folder / "mosquitto.conf").write_text(f"listener {broker} 127.0.0.1\nallow_anonymous true\nuser root\n")
        (folder / "fer-edge.toml").write_text(settings(kiosk, broker, posted.server_address[1], folder))
        mosquitto = shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin") or "mosquitto"
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with subprocess.Popen([mosquitto, "-c", folder / "mosquitto.conf"], **quiet) as server:  # type: ignore[call-overload]
            try:
                return watched(folder, kiosk, minutes)
            finally:
                server.terminate()
                posted.shutdown()


def film(path: Path, minutes: float) -> None:
    """The demo clip as a video of so many minutes."""
    clip = Clip()
    height, width = clip.draw(0).shape[:2]
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FPS, (width, height))
    for number in range(round(minutes * 60 * FPS)):
        video.write(clip.draw(number % LENGTH))
    video.release()


def settings(kiosk: int, broker: int, webhook: int, folder: Path) -> str:
    """The settings file: all outputs on."""
    return f"""
run.sinks = {list(SINKS)}
source = {{name = "{folder / "demo.mp4"}", fps = {FPS}}}
log = {{path = "{folder / "log.jsonl"}", mode = "frames"}}
csv = {{path = "{folder / "log.csv"}"}}
led = {{chip = "mock"}}
oled = {{device = "dummy"}}
mqtt = {{port = {broker}}}
hook = {{command = ["/bin/cat"]}}
webhook = {{url = "http://127.0.0.1:{webhook}/"}}
kiosk = {{port = {kiosk}}}
"""


def watched(folder: Path, kiosk: int, minutes: float) -> int:
    """Run the loop and look at it; 1 where something grew after the first minute, or it failed."""
    command = [sys.executable, "-c", PROGRAM, "run", "--config", str(folder / "fer-edge.toml")]
    looks: list[Look] = []
    with (
        (folder / "out.txt").open("w") as out,
        subprocess.Popen(
            command, stdout=out, stderr=out, cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)}
        ) as loop,
    ):
        began = time.monotonic()
        threading.Thread(target=read_page, args=(kiosk, loop), daemon=True).start()
        while loop.poll() is None:
            time.sleep(EVERY)
            if loop.poll() is None:
                looks.append(look(loop.pid, time.monotonic() - began))
                if len(looks) % 6 == 0:
                    print("{:5.0f} s  {:>11,} bytes  {} threads  {} files".format(*looks[-1]), flush=True)
    print((folder / "out.txt").read_text()[-900:])
    later = [one for one in looks if one.seconds > 60]
    if loop.returncode or not later:
        print(f"ended with {loop.returncode} after {len(looks)} looks")
        return 1
    first, most = later[0], Look(*map(max, zip(*later, strict=True)))
    print(f"after a minute {first}\nat most        {most}")
    return int(most.memory > first.memory + GROWN or most.threads > first.threads or most.files > first.files + 2)


def look(pid: int, seconds: float) -> Look:
    """What the process `pid` holds."""
    process = Path(f"/proc/{pid}")
    memory = int((process / "statm").read_text().split()[1]) * PAGE
    return Look(seconds, memory, len(list((process / "task").iterdir())), len(list((process / "fd").iterdir())))


def read_page(port: int, loop: subprocess.Popen[bytes]) -> None:
    """What a browser that shows the page does: read its stream to the end, and come back."""
    while loop.poll() is None:
        try:
            line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            line.request("GET", "/api/v1/stream")
            answer = line.getresponse()
            while answer.read1(65536):
                pass
        except (OSError, http.client.HTTPException):
            time.sleep(1)


def free() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 10.0))
