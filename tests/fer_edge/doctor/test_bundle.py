"""The bundle holds what a bug report needs, and no private text from the settings."""

from __future__ import annotations

import dataclasses
import json
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from fer_edge.doctor import bundle
from fer_edge.doctor.finding import Context, Finding
from fer_edge.errors import SinkError
from fer_edge.settings import Settings

JOURNAL = """2026-01-01T12:00:00+0000 systemd[1]: Started fer-edge.service.
2026-01-01T12:00:00+0000 fer-edge[9]: detector: haar, because no other is installed
2026-01-01T12:00:00+0000 fer-edge[9]: source: demo, as asked for
2026-01-01T12:00:01+0000 fer-edge[9]:    0.04 s  face 1 came: happy (96 %)
2026-01-01T12:00:02+0000 fer-edge[9]: fer-edge: error: webhook: SECRET-webhook-url answers 403; see there
2026-01-01T12:00:02+0000 fer-edge[9]: fer-edge: error: stream rtsp://me:hunter2@camera/1: gave no picture
2026-01-01T12:00:03+0000 fer-edge[9]: {"time": "2026", "faces": [{"emotion": "sad"}]}
"""


def with_secrets() -> tuple[Settings, list[str]]:
    """Settings with a text of its own in every place that takes any, and these texts."""
    secrets: list[str] = []

    def secret(name: str) -> str:
        secrets.append(f"SECRET-{name}")
        return secrets[-1]

    parts = {}
    for part in dataclasses.fields(Settings):
        table: Any = getattr(Settings(), part.name)
        values: dict[str, Any] = {}
        for key in dataclasses.fields(table):
            old, name = getattr(table, key.name), f"{part.name}-{key.name}"
            if "choices" in key.metadata or "each" in key.metadata:
                continue
            if isinstance(old, str):
                values[key.name] = secret(name)
            elif isinstance(old, Mapping):
                values[key.name] = {"key": secret(name)}
            elif isinstance(old, tuple):
                values[key.name] = (secret(name), secret(name + "-2"))
        parts[part.name] = dataclasses.replace(table, **values)
    return Settings(**parts), secrets


def read(path: Path) -> dict[str, str]:
    with tarfile.open(path) as archive:
        files = {}
        for member in archive.getmembers():
            content = archive.extractfile(member)
            assert content is not None
            files[Path(member.name).name] = content.read().decode()
    return files


@pytest.fixture
def files(tmp_path: Path) -> tuple[dict[str, str], list[str]]:
    settings, secrets = with_secrets()
    findings = [Finding("x", "failure", f"said {text} and more", f"echo {text}") for text in secrets]
    context = Context(settings, tmp_path, lambda *command: JOURNAL if command[0] == "journalctl" else "")
    bundle.write(tmp_path / "b.tar.gz", findings, context)
    return read(tmp_path / "b.tar.gz"), secrets


def test_bundle_holds_no_secrets(files: tuple[dict[str, str], list[str]]) -> None:
    """No text of the settings and no password is in the bundle."""
    everything = "\n".join(files[0].values())
    assert len(files[1]) > 15
    assert "SECRET" not in everything
    assert "hunter2" not in everything


def test_no_reading_is_in_it(files: tuple[dict[str, str], list[str]]) -> None:
    everything = "\n".join(text for name, text in files[0].items() if name != "packages.txt")
    for prediction in ("happy", "sad", "face 1"):
        assert prediction not in everything
    assert files[0]["journal.txt"].splitlines() == [
        "2026-01-01T12:00:00+0000 systemd[1]: Started fer-edge.service.",
        "2026-01-01T12:00:00+0000 fer-edge[9]: detector: haar, because no other is installed",
        "2026-01-01T12:00:00+0000 fer-edge[9]: source: demo, as asked for",
        "2026-01-01T12:00:02+0000 fer-edge[9]: fer-edge: error: webhook: ... answers 403; see there",
        "2026-01-01T12:00:02+0000 fer-edge[9]: fer-edge: error: stream rtsp://...@camera: gave no picture",
    ]


def test_bundle_is_complete(files: tuple[dict[str, str], list[str]]) -> None:
    """What a bug report needs is in the bundle."""
    assert set(files[0]) == {"findings.json", "machine.json", "settings.json", "packages.txt", "journal.txt"}
    assert "numpy " in files[0]["packages.txt"].lower()
    shown = json.loads(files[0]["settings.json"])
    assert shown["log"]["mode"] == "changes"
    assert shown["log"]["path"] == "..."
    assert shown["source"]["fps"] == "0.0"


def test_refused_value_is_left_out(tmp_path: Path) -> None:
    """The value of a refused setting is left out."""
    refused = Finding("settings", "failure", "settings f.toml: webhook.url = ['hunter2']: must be text in quotes")
    text = bundle.contents([refused], Context(ask=lambda *_: ""))["findings.json"]
    assert "webhook.url: cannot be used" in text
    assert "hunter2" not in text


def test_nothing_is_overwritten(tmp_path: Path, make_context: Callable[..., Context]) -> None:
    (tmp_path / "b.tar.gz").write_text("mine")
    with pytest.raises(SinkError, match="exists already"):
        bundle.write(tmp_path / "b.tar.gz", [], make_context())
    with pytest.raises(SinkError, match="No such file"):
        bundle.write(tmp_path / "no" / "b.tar.gz", [], make_context())
    assert (tmp_path / "b.tar.gz").read_text() == "mine"
