"""`fer-edge bench` measures, prints, writes what was asked for, and ends with the choice in one line."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest
from fer_edge.bench import results
from fer_edge.bench.combinations import sample_face
from fer_edge.cli import main

ROOT = Path(__file__).parents[3]


@pytest.fixture
def bench(tmp_path: Path) -> Callable[..., int]:
    """Two models for a moment on a clip of two pictures: seconds, not minutes."""
    folder = tmp_path / "clip"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(folder / name), sample_face()[0])

    def run(*arguments: str) -> int:
        models = ["--models", "mini_xception-float32", "mini_xception-int8"]
        quick = [*models, "--threads", "1", "--seconds", "0.1", "--source", str(folder)]
        return main(["bench", *quick, *arguments])

    return run


@pytest.mark.process
def test_last_line_is_the_recommendation(
    bench: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every part is measured, and the last line is the recommendation."""
    path = tmp_path / "bench.json"
    assert bench("--json", str(path)) == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    for words in ("machine:", "interpreters:", "mini_xception-float32", "mini_xception-int8", "detect", "baseline"):
        assert any(line.startswith(f"{words} ") for line in lines), words
    assert lines[-1].startswith(("use mini_xception-", "no advice: "))  # on a busy machine
    found = results.read(path)
    assert [(row.variant, row.threads) for row in found.rows] == [("float32", 1), ("int8", 1)]
    assert all(row.reads >= 3 and 0 < row.median <= row.p95 <= row.p99 and row.memory > 20e6 for row in found.rows)
    assert (found.loop.frames, found.loop.faces, found.loop.tutorial_frames) == (2, 2, 1)
    assert found.loop.cpu > 0
    assert found.loop.tutorial_cpu > 0
    assert found.loop.pace_frames == 1
    assert found.loop.detector == "haar"  # auto, and none is installed
    assert found.verdict == lines[-1]


@pytest.mark.process
def test_comparison_reads_the_same_frames(
    bench: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A comparison reads as many frames as the older benchmark."""
    path = tmp_path / "bench.json"
    assert bench("--json", str(path)) == 0
    assert bench("--compare", str(path), "--models", "mini_xception-int8", "--markdown") == 0
    out = capsys.readouterr().out
    assert "only in the old results: mini_xception-float32" in out
    assert "| mini_xception-int8 |" in out
    assert "different number of frames" not in out
    assert "up by more than 10%: " in out


@pytest.mark.process
def test_json_has_standard_output_alone(bench: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    """With `--json -` only the JSON is on standard output."""
    assert bench("--json", "-") == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["format"] == results.FORMAT
    assert captured.err.splitlines()[-1].startswith(("use mini_xception-", "no advice: "))


@pytest.mark.process
def test_apply_changes_only_the_model(
    bench: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The recommendation is applied, and the rest of the file stays."""
    config = tmp_path / "fer-edge.toml"
    config.write_text('[log]\nmode = "frames"  # all of them\n')
    assert bench("--models", "mini_xception-int8", "--apply", "--config", str(config)) == 0
    text = config.read_text()
    assert text.startswith('[log]\nmode = "frames"  # all of them\n')
    chosen = tomllib.loads(text)["classifier"]
    assert chosen.pop("runtime") in ("ai-edge-litert", "tflite-runtime")
    assert chosen == {"model": "mini_xception", "variant": "int8", "threads": 1}
    out = capsys.readouterr().out
    assert f"fer-edge run --config {config}" in out
    run = ["run", "--source", "demo", "--max-frames", "1", "--log", str(tmp_path / "log.jsonl")]
    assert main([*run, "--config", str(config)]) == 0


@pytest.mark.process
@pytest.mark.parametrize("given", ["mine.tflite", "./mine.tflite", "./mine.json", "./mine", "../own/mine.json"])
def test_apply_creates_a_file(
    bench: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    """Without a settings file `--apply` creates one, with a path that works from any folder, however it is given."""
    folder = tmp_path / "own"
    folder.mkdir()
    model = shutil.copy(ROOT / "models" / "mini_xception-int8.tflite", folder / "mine.tflite")
    card = json.loads((ROOT / "models" / "mini_xception-int8.json").read_text())
    (folder / "mine.json").write_text(json.dumps(card | {"name": "mine", "model": "mine", "file": "mine.tflite"}))
    monkeypatch.chdir(folder)
    assert bench("--models", given, "--apply") == 0
    chosen = tomllib.loads(Path("fer-edge.toml").read_text())["classifier"]
    assert chosen["model"] == str(model)  # found from any folder
    monkeypatch.chdir(tmp_path)
    run = ["run", "--source", "demo", "--max-frames", "1", "--log", str(tmp_path / "log.jsonl")]
    assert main([*run, "--config", str(folder / "fer-edge.toml")]) == 0


@pytest.mark.process
def test_a_plot(bench: Callable[..., int], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    assert bench("--models", "mini_xception-int8", "--plot", str(tmp_path / "bench.png")) == 0
    assert (tmp_path / "bench.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--models", "resnet"], 5, "'resnet': not installed"),
        (["--models", "./none.tflite"], 5, "none.tflite: no such file"),
        (["--threads", "0"], 2, "'0': must be whole numbers from 1 to 64"),
        (["--threads", "1,,2"], 2, "'1,,2': must be whole numbers"),
        (["--threads", "65"], 2, "'65'"),
        (["--seconds", "0"], 2, "'0': must be a number of seconds from 0.1 to 3600"),
        (["--seconds", "nan"], 2, "'nan'"),
        (["--seconds", "1e9"], 2, "'1e9'"),
        (["--seconds", "soon"], 2, "'soon'"),
        (["--runtime", "onnx"], 2, "'onnx'"),
        (["--source", "none.mp4"], 3, "'none.mp4': no such file"),
        (["--source", "/dev/null"], 3, "/dev/null"),
        (["--source", "camera:0"], 3, "give demo or the path of a video"),
        (["--source", "auto"], 3, "'auto'"),
        (["--source", "rtsp://user:secret@door/"], 3, "give demo"),
        (["--compare", "none.json"], 2, "none.json: No such file"),
        (["--compare", str(ROOT / "models" / "mini_xception-int8.json")], 2, "another kind of file"),
        (["--json", str(ROOT / "README.md")], 6, "nothing is overwritten"),
        (["--json", "/no/such/folder/x.json"], 6, "its folder does not exist"),
        (["--plot", "x.txt"], 6, "x.txt"),
        (["--plot", "x.png", "--json", "./x.png"], 2, "two of them name one file"),
        (["--apply", "--config", "x.toml", "--json", "x.toml"], 2, "two of them name one file"),
        (["--config", "none.toml"], 2, "none.toml: No such file"),
        (["--set", "detector.name=yunet"], 5, "set detector.model"),
        (["--set", "log.mode=loud"], 2, "log.mode = 'loud'"),
        (["--apply", "--config", "/no/such/folder/x.toml"], 6, "its folder does not exist"),
    ],
)
def test_errors_come_before_measuring(
    arguments: list[str],
    code: int,
    words: str,
    bench: Callable[..., int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What cannot be done is a one-line error before anything is measured."""
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.iterdir())
    assert bench(*arguments) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith("fer-edge: error: ")
    assert words in line
    assert "secret" not in line
    assert set(tmp_path.iterdir()) == before


def test_invalid_toml_is_left_alone(bench: Callable[..., int], tmp_path: Path) -> None:
    """A settings file that is not TOML is left unchanged."""
    config = tmp_path / "fer-edge.toml"
    config.write_text("[classifier\n")
    assert bench("--apply", "--config", str(config)) == 2
    assert config.read_text() == "[classifier\n"


@pytest.mark.process
def test_ctrl_c_is_one_line(tmp_path: Path) -> None:
    """Ctrl-C while measuring ends it with one line."""
    command = [sys.executable, "-m", "fer_edge", "bench", "--seconds", "600", "--json", str(tmp_path / "x.json")]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # background jobs inherit deafness to it
    ) as child:
        try:
            assert child.stdout is not None
            assert any(line.startswith("before") for line in iter(child.stdout.readline, ""))
            os.killpg(child.pid, signal.SIGINT)  # as a terminal does: its children get it too
            _, errors = child.communicate()
        finally:
            child.kill()
    assert child.returncode == 130
    assert errors == "fer-edge: stopped\n"
    assert not list(tmp_path.iterdir())
