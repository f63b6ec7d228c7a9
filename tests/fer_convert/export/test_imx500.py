"""The export for the AI Camera's sensor: real tools where they are installed, one line where they are not."""

from __future__ import annotations

import importlib.util
import re
import shutil
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn")

from fer_convert import cli
from fer_convert.export import imx500
from fer_edge.classifiers.cards import models_folder
from fer_edge.errors import FerEdgeError, ModelError

FLOAT32 = models_folder() / "mini_xception-float32.tflite"
INSTALLED = importlib.util.find_spec("model_compression_toolkit") is not None and shutil.which("java") is not None


def program(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mini_xception.keras", "not .tflite; give the -float32.tflite that fer-convert quantize makes"),
        ("mini_xception-int8.tflite", "it is int8, and the sensor has a quantization of its own; give the float32"),
        ("none.tflite", "no such file"),
    ],
)
def test_other_models_are_refused(name: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Before any tool is looked for: the line says which file is wanted."""
    out = tmp_path / "out"
    command = ["export", str(models_folder() / name), "--target", "imx500", "--data", "x.csv", "--out", str(out)]
    assert cli.main(command) == ModelError.exit_code
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert not out.exists()


@pytest.mark.skipif(INSTALLED, reason="the tools are installed here")
def test_missing_tools_are_named() -> None:
    """With the command that installs them."""
    with pytest.raises(FerEdgeError, match=r"cannot be imported \(.*install it.*(imx500|torch)"):
        imx500.find_tools()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "java is missing, in which imxconv-pt runs; install it with: sudo apt install openjdk-17"),
        ("echo 'openjdk version \"11.0.2\" 2019-01-15' >&2", "java: is version 11, imxconv-pt needs 17 or newer"),
        ("echo 'java version \"1.8.0_291\"' >&2", "java: is version 1, imxconv-pt needs 17 or newer"),
        ("exit 1", "java: does not say its version"),
    ],
)
def test_java_must_be_new(text: str | None, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The converter would end with a trace of its own."""
    if text is not None:
        program(tmp_path / "bin", "java", text)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(FerEdgeError, match=re.escape(words)):
        imx500._check_java()


def test_newer_java_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "bin", "java", "echo 'openjdk version \"21\" 2023-09-19' >&2")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    imx500._check_java()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "echo 'Error: layer 3 does not fit' >&2; echo done; exit 2",
            "cannot convert it (Error: layer 3 does not fit)",
        ),
        ("exit 0", "cannot convert it (it said nothing); nothing was written"),
    ],
)
def test_failed_conversion_is_one_line(text: str, words: str, tmp_path: Path) -> None:
    """Also of a converter that ends well and writes no package."""
    converter = program(tmp_path / "bin", imx500.CONVERTER, text)
    with pytest.raises(ModelError, match=re.escape(words)):
        imx500._convert(str(converter), tmp_path / "m.onnx", tmp_path / "out")


def test_memory_is_read_from_the_report(tmp_path: Path) -> None:
    """Wherever in it; a report without it, or none, says nothing."""
    assert imx500._memory(tmp_path) == ""
    (tmp_path / "m_MemoryReport.json").write_text('{"Memory Report": {"Networks": [{"Name": "m"}]}}')
    assert imx500._memory(tmp_path) == ""
    summary = '{"Name": "m", "Memory Usage": "241KB", "Memory Utilization": "3%"}'
    (tmp_path / "m_MemoryReport.json").write_text(f'{{"Memory Report": {{"Networks": [{summary}]}}}}')
    assert imx500._memory(tmp_path) == "241KB, 3%"


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.skipif(not INSTALLED, reason="needs Sony's tools and Java: pip install 'fer-edge[imx500]'")
def test_shipped_model_is_converted(faces_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the real tools: a package for the Pi that agrees with float32, and fits the sensor."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{Path('/usr/bin')}:{Path('/bin')}")
    done = imx500.export(FLOAT32, faces_csv, tmp_path / "out", log=lambda line: None)
    assert zipfile.ZipFile(done.package).testzip() is None
    assert 10_000 < done.bytes < 1_000_000
    assert done.memory
    assert done.agreement > 0.9
    assert (tmp_path / "out" / "labels.txt").read_text().split()[0] == "angry"
    assert np.isfinite(done.seconds)
