"""A model is tried before it is taken, and taken at once or not at all."""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
from fer_edge.classifiers import cards
from fer_edge.classifiers.cards import installed, load_card, models_folder, read_model
from fer_edge.cli import main
from fer_edge.errors import ModelError
from fer_edge.service import model_install
from fer_edge.service.program import as_root

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
        (lambda model: model.unlink(), "no such file; give a .tflite file, or the address of one"),
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


def test_this_folder_is_left_alone(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has a name of its own, though "." has none; the root has none at all."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    with pytest.raises(ModelError, match=rf"models folder {here}: is a folder and not a link"):
        model_install.install_model(model, None, Path())
    with pytest.raises(ModelError, match="models folder /: cannot be replaced by a link"):
        model_install.install_model(model, None, Path("/"))


def test_a_closed_folder_is_told_with_the_cure(model: Path) -> None:
    with pytest.raises(
        ModelError, match=rf"; try: {re.escape(as_root('models install'))} /.*, or install it into another folder"
    ):
        model_install.install_model(model, None, Path("/proc/models"))


def test_many_at_once_all_succeed(model: Path, tmp_path: Path) -> None:
    """One after the other, and none removes what another one installed."""
    folder = tmp_path / "etc/models"
    failures: list[BaseException] = []

    def install(name: str) -> None:
        place = tmp_path / name
        place.mkdir()
        for suffix in (".tflite", ".json"):
            shutil.copy(model.with_suffix(suffix), place / f"{name}{suffix}")
        change_card(place / f"{name}.tflite", file=f"{name}.tflite", name=name)
        try:
            model_install.install_model(place / f"{name}.tflite", None, folder)
        except BaseException as failure:  # noqa: BLE001
            failures.append(failure)

    names = [f"own-{number}" for number in range(8)]
    threads = [threading.Thread(target=install, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert {path.stem for path in folder.iterdir()} == set(names)
    assert sorted(path.name for path in folder.parent.iterdir()) == [".models.lock", "models", "models-a", "models-b"]


@pytest.mark.parametrize("failing", ["copytree", "copyfile"])
def test_full_disk_keeps_both(failing: str, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The models in use, and those before, to which the service goes back."""
    folder = tmp_path / "models"
    for name in (NAME, "mini_xception-float32", "mini_xception-float16"):
        model_install.install_model(models_folder() / f"{name}.tflite", None, folder)

    def files() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in sorted(tmp_path.glob("models-*/*"))}

    before, real = files(), getattr(shutil, failing)

    def full(source: Path, target: Path, **more: Any) -> Any:
        done = real(source, target, **more)
        if ".new" in str(target):
            raise OSError(28, "No space left on device", str(target))
        return done

    monkeypatch.setattr(shutil, failing, full)
    with pytest.raises(ModelError, match="No space left on device"):
        model_install.install_model(models_folder() / "mini_xception-dynamic.tflite", None, folder)
    assert files() == before
    assert len(before) == 10


def test_size_is_looked_at_first(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sparse file of 3 GB takes no place on the disk, until it is copied."""
    with model.open("ab") as file:
        file.truncate(3_000_000_000)
    monkeypatch.setattr(shutil, "copyfile", None)
    with pytest.raises(ModelError, match="has 3000 MB, the limit is 100 MB"):
        model_install.install_model(model, None, tmp_path / "models")
    with pytest.raises(ModelError, match="has 3000000000 bytes, but its card says"):
        read_model(load_card(model))


@pytest.mark.parametrize("name", ["/dev/zero", "pipe"])
def test_device_is_no_model(name: str, model: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ModelError, match="is not a file"):
        model_install.install_model(tmp_path / name, model.with_suffix(".json"), tmp_path / "models")


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({"labels": ["happy", "\ud800"]}, "labels: has characters that cannot be printed"),
        ({"labels": ["happy", "sad\x1b[31m"]}, "labels: has characters that cannot be printed"),
        ({"labels": ["happy", "=HYPERLINK(1)"]}, "labels: begins with one of"),
        ({"labels": ["happy", "@sum"]}, "labels: begins with one of"),
        ({"labels": ["happy", "x" * 65]}, "labels: has 65 characters; must have 1 to 64"),
        ({"labels": ["happy", ""]}, "labels: has 0 characters"),
        ({"labels": ["happy", "a\nb"]}, "labels: has characters"),
        ({"name": "a\u202eb"}, "name: has characters"),
        ({"model": "-rf"}, "model: begins with"),
        ({"bytes": 3_000_000_000}, "bytes 3000000000: must be 1 to"),
    ],
)
def test_names_on_a_card_are_checked(entries: dict[str, Any], words: str, model: Path) -> None:
    """They are printed, logged, published, and opened by spreadsheets."""
    card = model.with_suffix(".json")
    card.write_text(json.dumps(json.loads(card.read_text()) | entries))
    with pytest.raises(ModelError) as refused:
        load_card(model)
    assert words in str(refused.value)
    assert str(refused.value).isprintable()


def test_card_is_small(model: Path) -> None:
    """A card of 3 GB, or one that never ends, is not read."""
    card = model.with_suffix(".json")
    with card.open("ab") as file:
        file.truncate(3_000_000_000)
    with pytest.raises(ModelError, match="has more than 1000000 bytes"):
        load_card(model)
    card.unlink()
    os.mkfifo(card)
    with pytest.raises(ModelError, match="not a file"):
        load_card(model)


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"file": "a\\u0000b"}', '{"file": ".."}', '{"file": ["x"]}', "[]", "7"]
)
def test_odd_card_is_a_message(text: str, model: Path, tmp_path: Path) -> None:
    model.with_suffix(".json").write_text(text)
    with pytest.raises(ModelError, match="model card "):
        model_install.install_model(model, None, tmp_path / "models")
    assert not (tmp_path / "models").exists()
