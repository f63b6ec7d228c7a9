"""No picture is kept or sent unless the settings name an output that does so: by construction and from outside."""

from __future__ import annotations

import base64
import http.server
import json
import re
import threading
from pathlib import Path

import pytest
from fer_edge.cli import main
from fer_edge.sinks import SINKS

EDGE = Path(__file__).parents[2] / "edge" / "fer_edge"
# What makes a file or a message of a picture; where it stands, and by which wish of the user it runs.
ENCODERS = re.compile(
    r"\b(imencode|imwrite|VideoWriter|b64encode|imsave|savefig|savez?\(|tofile)|\.save\(|\.write_bytes\("
)
ALLOWED = {
    "sinks/annotated.py": "--annotate FILE",
    "sinks/crops.py": "--save-crops FOLDER",
    "sinks/kiosk/live.py": "kiosk.live = true",
    "sources/v4l2.py": "asks a camera for a format, by VideoWriter.fourcc",
    "bench/plot.py": "--plot FILE, a diagram",
    "demo/picture.py": "the demo's picture for the README",
    "service/detector_install.py": "writes a detector's file",
    "service/model_fetch.py": "writes a model's file",
    "logs/index.py": "writes sums of a log",
    "batch/early.py": "writes results, without pixels",
    "report/quarters.py": "saves sums of a log",
    "sinks/oled/sink.py": "oled.picture, the drawn face of a simulated display",
}
MAGIC = [b"\xff\xd8\xff", b"\x89PNG", b"RIFF", b"ftyp", b"GIF8", b"BM6"]
LONGEST = 2_000  # bytes of one message or line; a face of 48 x 48 pixels has 2,304


def test_only_outputs_that_are_asked_for_by_name_can_make_a_file_of_a_picture() -> None:
    found = {str(path.relative_to(EDGE)) for path in EDGE.rglob("*.py") if ENCODERS.search(path.read_text())}
    assert found == set(ALLOWED)


class Taker(http.server.BaseHTTPRequestHandler):
    """Keeps what is posted."""

    def do_POST(self) -> None:
        self.server.taken.append(self.rfile.read(int(self.headers["Content-Length"])))  # type: ignore[attr-defined]
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.slow
def test_what_is_written_and_sent_holds_no_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All outputs at once on the demo, but for those that are for pictures; what they left is looked through."""
    monkeypatch.chdir(tmp_path)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Taker)
    server.taken = []  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    sinks = [name for name in SINKS if name not in ("kiosk", "crops")]
    (tmp_path / "fer-edge.toml").write_text(
        f"""
run.sinks = {json.dumps(sinks)}
source.name = "demo"
log.mode = "frames"
csv.mode = "frames"
led.chip = "mock"
oled.device = "dummy"
mqtt.client = "fake"
mqtt.device = "hall"
hook.command = ["/bin/sh", "-c", "cat >> {tmp_path}/hook.txt"]
webhook.url = "http://127.0.0.1:{server.server_address[1]}/"
"""
    )
    assert main(["run", "--config", "fer-edge.toml", "--max-frames", "120"]) == 0
    server.shutdown()
    server.server_close()
    sent: list[bytes] = server.taken  # type: ignore[attr-defined]
    files = {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert {"fer-edge.jsonl", "fer-edge.csv", "hook.txt"} <= set(files)
    assert sent
    for name, content in {**files, **{f"message {number}": body for number, body in enumerate(sent)}}.items():
        assert not [magic for magic in MAGIC if magic in content], name
        if not content.startswith(b"SQLite"):
            assert max(map(len, content.split(b"\n"))) < LONGEST, name
            assert not [word for word in re.findall(rb"[A-Za-z0-9+/=]{200,}", content) if _decodes(word)], name
    assert sum(map(len, files.values())) < 1_000_000  # 120 frames, each of 76,800 pixels


def _decodes(word: bytes) -> bool:
    try:
        return bool(base64.b64decode(word, validate=True))
    except ValueError:
        return False


def test_by_default_nothing_but_the_log_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["run", "--source", "demo", "--max-frames", "30"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["fer-edge.jsonl"]
