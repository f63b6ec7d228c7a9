"""`fer-edge models` shows what is installed, and --verify finds what is broken."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from fer_edge.classifiers import cards
from fer_edge.cli import main


def test_models_are_listed_with_figures(capsys: pytest.CaptureFixture[str]) -> None:
    """Every model is listed with its figures."""
    assert main(["models"]) == 0
    out = capsys.readouterr().out
    for card in cards.installed():
        (line,) = (line for line in out.splitlines() if line.startswith(f"{card.name} "))
        for words in (card.variant, card.sha256[:12], f"{card.accuracy:.1%}", "64x64", card.dtype, "angry, disgust"):
            assert words in line
    assert "PublicTest" in out


def test_models_say_what_they_learned_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """If a card says it; the others have a dash."""
    shutil.copytree(cards.models_folder(), tmp_path / "models")
    for path in (tmp_path / "models").glob("*.json"):
        text = json.loads(path.read_text())
        text.pop("learned_from", None)
        path.write_text(json.dumps(text | ({"learned_from": "votes"} if "int8" in path.name else {})))
    monkeypatch.setattr("fer_edge.commands.models.models_folder", lambda: tmp_path / "models")
    monkeypatch.setattr("fer_edge.classifiers.cards.models_folder", lambda: tmp_path / "models")
    assert main(["models"]) == 0
    table = [line.split() for line in capsys.readouterr().out.splitlines()]
    learned = {row[0]: row[7] for row in table if row[0].startswith("mini_xception-")}
    assert learned == {name: "votes" if "int8" in name else "-" for name in learned}
    assert len(learned) == 4


def test_verify_runs_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "--verify"]) == 0
    out = capsys.readouterr().out
    assert out.count("ok      ") == len(cards.installed())
    assert "auto    mini_xception: " in out


def test_verify_fails_where_one_is_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(cards.models_folder(), tmp_path / "models")
    broken = tmp_path / "models" / "mini_xception-int8.tflite"
    broken.write_bytes(broken.read_bytes()[:5000])
    monkeypatch.setattr("fer_edge.classifiers.cards.models_folder", lambda: tmp_path / "models")
    assert main(["models", "--verify"]) == 5
    captured = capsys.readouterr()
    assert captured.out.count("ok      ") == len(cards.installed()) - 1
    assert "failed  model" in captured.out
    assert "cut off" in captured.out
    assert captured.err.startswith("fer-edge: error: 1 of ")
