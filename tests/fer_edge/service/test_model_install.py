"""A model is tried before it is taken, and taken at once or not at all."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from fer_edge.classifiers import cards
from fer_edge.classifiers.cards import installed, load_card, models_folder, read_model
from fer_edge.cli import main
from fer_edge.errors import ModelError
from fer_edge.service import model_install

NAME = "mini_xception-int8"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A copy of a shipped model and its card."""
    for suffix in (".tflite", ".json"):
        shutil.copy(models_folder() / f"{NAME}{suffix}", tmp_path)
    return tmp_path / f"{NAME}.tflite"


def change_card(model: Path, **entries: Any) -> None:
    card = model.with_suffix(".json")
    card.write_text(json.dumps(json.loads(card.read_text()) | entries))


def test_it_is_there_with_its_card_and_over_the_shipped_one(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "etc" / "models"
    monkeypatch.setattr(cards, "LOCAL_MODELS_FOLDER", folder)
    assert main(["models", "install", str(model)]) == 0
    out = capsys.readouterr().out
    assert "tried: the demo's portrait is happy (" in out
    assert f"installed: {folder / model.name}" in out
    assert read_model(load_card(folder / model.name)) == model.read_bytes()
    (found,) = (card for card in installed() if card.name == NAME)
    assert found.path.parent == folder
    assert len(installed()) == 6
    assert main(["models", "--verify"]) == 0
    assert (folder / model.name).stat().st_mode & 0o777 == 0o644


def test_another_joins_it_and_one_turn_of_a_link_changes_both(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    model_install.install_model(model, None, folder)
    first = folder.readlink()
    other = models_folder() / "mini_xception-float32.tflite"
    model_install.install_model(other, None, folder)
    assert {str(first), str(folder.readlink())} == {"models-a", "models-b"}
    assert {path.stem for path in folder.iterdir()} == {NAME, other.stem}
    assert {path.stem for path in (tmp_path / first).iterdir()} == {NAME}  # what was before is still there
    model_install.install_model(model, None, folder)
    assert len(list(folder.iterdir())) == 4


def test_the_card_may_lie_elsewhere(model: Path, tmp_path: Path) -> None:
    card = tmp_path / "card of another name.json"
    model.with_suffix(".json").rename(card)
    renamed = model.rename(tmp_path / "download.tflite")
    assert main(["models", "install", str(renamed), "--card", str(card), "--to", str(tmp_path / "models")]) == 0
    assert (tmp_path / "models" / f"{NAME}.tflite").is_file()


def cut(model: Path) -> None:
    model.write_bytes(model.read_bytes()[:1000])


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (cut, "1000 bytes, but its card says"),
        (lambda model: model.write_bytes(model.read_bytes()[:-1] + b"!"), "the file or the card was changed"),
        (lambda model: change_card(model, labels=["a", "b"], prior=None), "its card has 2 labels"),
        (
            lambda model: change_card(model, input={"height": 48, "width": 48, "dtype": "uint8", "range": [0, 255]}),
            "48",
        ),
        (
            lambda model: change_card(
                model, labels=["sad", "disgust", "fear", "neutral", "angry", "surprise", "happy"]
            ),
            "is neutral (",
        ),
        (
            lambda model: change_card(
                model, prior=None, labels=["Sad", "Disgust", "Fear", "Calm", "Anger", "Surprised", "Happiness"]
            ),
            "is Calm (",
        ),
        (lambda model: model.with_suffix(".json").unlink(), "give it with --card"),
        (lambda model: model.with_suffix(".json").write_text("{"), "not readable as JSON"),
        (lambda model: model.with_suffix(".json").write_text("[]"), "wrong or missing entry"),
        (lambda model: model.unlink(), "No such file"),
    ],
)
def test_what_is_not_as_it_should_be_changes_nothing(
    spoil: Any, words: str, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "models"
    model_install.install_model(model, None, folder)
    before = folder.readlink()
    spoil(model)
    assert main(["models", "install", str(model), "--to", str(folder)]) == 5
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert folder.readlink() == before
    read_model(load_card(folder / f"{NAME}.tflite"))


@pytest.mark.parametrize("step", ["copytree", "copyfile", "symlink_to", "replace"])
def test_a_power_cut_leaves_the_old_models_or_the_new_ones(
    step: str, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "models"
    model_install.install_model(model, None, folder)

    def fails(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(model_install.shutil if hasattr(shutil, step) else Path, step, fails)
        with pytest.raises(KeyboardInterrupt):
            model_install._replace_link(folder, [models_folder() / "mini_xception-float32.tflite"])
    assert [path.name for path in sorted(folder.iterdir())] == [f"{NAME}.json", f"{NAME}.tflite"]
    model_install.install_model(models_folder() / "mini_xception-float32.tflite", None, folder)
    assert len(list(folder.iterdir())) == 4


def test_a_plain_folder_is_left_alone(model: Path, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    with pytest.raises(ModelError, match="is a folder and not a link"):
        model_install.install_model(model, None, tmp_path / "models")


def test_a_closed_folder_is_told_with_the_cure(model: Path) -> None:
    with pytest.raises(ModelError, match="installed with sudo"):
        model_install.install_model(model, None, Path("/proc/models"))
