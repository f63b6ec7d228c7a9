"""`fer-edge models` shows what is installed, and --verify finds what is broken."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from fer_edge.classifiers import cards
from fer_edge.cli import main
from fer_edge.commands import models as command
from fer_edge.detectors import face_verifier, files
from fer_edge.settings import load


def test_models_are_listed_with_figures(capsys: pytest.CaptureFixture[str]) -> None:
    """Every model is listed with its figures."""
    assert main(["models"]) == 0
    out = capsys.readouterr().out
    for card in cards.installed():
        (line,) = (line[2:] for line in out.splitlines() if line[2:].startswith(f"{card.name} "))
        for words in (card.variant, f"{card.bytes / 1000:.1f}", f"{card.accuracy:.1%}", "64x64", card.dtype):
            assert words in line
    assert "PublicTest" in out
    assert "labels: angry, disgust" in out
    assert max(map(len, out.splitlines())) <= 80


def test_models_say_what_they_learned_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """If a card says it; the others have a dash."""
    shutil.copytree(cards.models_folder(), tmp_path / "models")
    for path in (tmp_path / "models").glob("*.json"):
        text = json.loads(path.read_text())
        text.pop("learned_from", None)
        path.write_text(json.dumps(text | ({"learned_from": "votes"} if "int8" in path.name else {})))
    monkeypatch.setattr("fer_edge.classifiers.cards.models_folder", lambda: tmp_path / "models")
    assert main(["models"]) == 0
    table = [line.strip("* ").split() for line in capsys.readouterr().out.splitlines()]
    learned = {row[0]: row[6] for row in table if row[0].startswith("mini_xception-")}
    assert learned == {name: "votes" if "int8" in name else "-" for name in learned}
    assert len(learned) == 4


def test_verify_runs_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "--verify"]) == 0
    out = capsys.readouterr().out
    assert out.count("ok      ") == len(cards.installed()) + 1
    assert "ok      face_verifier: loaded" in out
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
    assert captured.out.count("ok      ") == len(cards.installed())
    assert "failed  model" in captured.out
    assert "cut off" in captured.out
    assert captured.err.startswith("fer-edge: error: 1 of ")


def test_verify_tries_what_finds_faces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The face verifier, without which no detector works, and each installed detector."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    damaged = files.user_folder() / "face_detection_back.tflite"
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(bytes(315_332))
    assert main(["models", "--verify"]) == 5
    assert f"failed  detector blazeface: {damaged}: damaged, its sha256" in capsys.readouterr().out
    monkeypatch.setattr(face_verifier, "models_folder", lambda: tmp_path)
    assert main(["models", "--verify"]) == 5
    captured = capsys.readouterr()
    assert "failed  model" in captured.out
    assert "face_verifier.tflite: cannot be read with its card" in captured.out
    assert captured.err.startswith("fer-edge: error: 1 of ")


@pytest.fixture
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in place of /etc/fer-edge, and of the one that commands are given in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cards, "LOCAL_MODELS_FOLDER", tmp_path / "etc" / "models")
    monkeypatch.setattr(command, "SERVICE_SETTINGS", tmp_path / "etc" / "fer-edge.toml")
    (tmp_path / "etc").mkdir()
    return tmp_path / "etc"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A model called "mine_with_a_name_that_leaves_no_room-int8"."""
    shipped = cards.models_folder() / "mini_xception-int8"
    card = json.loads(shipped.with_suffix(".json").read_text())
    name = "mine_with_a_name_that_leaves_no_room"
    card |= {"name": f"{name}-int8", "model": name, "file": "mine.tflite"}
    (tmp_path / "mine.json").write_text(json.dumps(card))
    shutil.copyfile(shipped.with_suffix(".tflite"), tmp_path / "mine.tflite")
    return tmp_path / "mine.tflite"


def marked(out: str) -> list[str]:
    """The names of what is said to be in use."""
    return [line.split()[1] for line in out.splitlines() if line.startswith("* ")]


def test_model_in_use_is_marked(etc: Path, own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By the service's settings, those of --config, or the built-in ones; also one that lies elsewhere."""
    assert main(["models"]) == 0
    out = capsys.readouterr().out
    assert marked(out) == ["mini_xception-int8"]
    assert "*: in use by the default settings" in out
    (etc / "fer-edge.toml").write_text('[classifier]\nvariant = "float16"\n')
    assert main(["models"]) == 0
    assert marked(capsys.readouterr().out) == ["mini_xception-float16"]
    Path("own.toml").write_text(f'[classifier]\nmodel = "{own}"\n')
    assert main(["models", "--config", "own.toml"]) == 0
    out = capsys.readouterr().out
    assert marked(out) == ["mine_with_a_name_that_leaves_no_room-int8"]
    assert f"\n{own.parent}\n" in out
    assert max(len(line) for line in out.splitlines() if str(own.parent) not in line) <= 80
    Path("own.toml").write_text('[classifier]\nmodel = "gone"\n')
    assert main(["models", "--config", "own.toml"]) == 0
    assert "in use by own.toml: gone, which cannot be used" in capsys.readouterr().out


def test_install_ends_with_the_truth(
    etc: Path, own: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A model that no setting names is not in use; the end says what takes it, or that it is taken."""
    install = ["models", "install", str(own), "--to", str(cards.LOCAL_MODELS_FOLDER)]
    assert main(install) == 0
    name = "mine_with_a_name_that_leaves_no_room-int8"
    assert capsys.readouterr().out.splitlines()[-1] == (
        "not in use: mini_xception-int8 is, by the default settings; use this one with: fer-edge run --set "
        f"classifier.model={name}, or install it with --use"
    )
    (etc / "fer-edge.toml").touch()
    assert main([*install, "--use"]) == 0
    assert "load it with: sudo systemctl restart fer-edge" in capsys.readouterr().out
    assert load(etc / "fer-edge.toml").classifier.model == name
    assert main(install) == 0
    assert f"in use by {etc / 'fer-edge.toml'}: a running fer-edge loads it" in capsys.readouterr().out
    assert main(["models"]) == 0
    out = capsys.readouterr().out
    assert f"{etc / 'models'} (installed)" in out
    assert marked(out) == [name]


def test_use_without_a_service(etc: Path, own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file of --config is changed, or made; a model elsewhere is named by its path.

    The service's folder is no service: the first installation of a model makes it.
    """
    folder = tmp_path / "models"
    assert main(["models", "install", str(own), "--to", str(folder), "--use"]) == 0
    assert "load it with: fer-edge run --config fer-edge.toml" in capsys.readouterr().out
    assert load(Path("fer-edge.toml")).classifier.model == str(folder / "mine.tflite")
    assert not list(etc.iterdir())
    Path("own.toml").write_text("# mine\n[classifier]\nthreads = 2\n")
    assert main(["models", "install", str(own), "--to", str(folder), "--use", "--config", "own.toml"]) == 0
    chosen = load(Path("own.toml")).classifier
    assert (chosen.model, chosen.variant, chosen.threads) == (str(folder / "mine.tflite"), "int8", 2)


def test_cure_is_what_was_typed(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["models", "install", str(own), "--card", f"{own.with_suffix('.json')}", "--to", "/proc/a b", "--use"])
        == 5
    )
    typed = f"models install {own} --card {own.with_suffix('.json')} --to '/proc/a b' --use, or install it"
    assert typed in capsys.readouterr().err
