"""The file of soft labels: made from votes alone here, which needs no Keras; refused if it does not fit."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

from fer_convert import file_lock
from fer_convert.data import batches, dataset
from fer_convert.training import distill, soft_labels
from fer_convert.training.recipe import Recipe
from fer_edge.errors import DataError, ModelError, SettingsError, SinkError

RECIPE = Recipe(size=48, batch=16, views=2, hard_label_weight=0.0)
MakeVotes = Callable[..., Path]


def silent(line: str) -> None:
    """Log nothing."""


@pytest.fixture
def vote_file(mixed_csv: Path, make_votes: MakeVotes) -> Path:
    return make_votes(mixed_csv)


def test_votes_alone_make_soft_labels(mixed_csv: Path, vote_file: Path, make_votes: MakeVotes, tmp_path: Path) -> None:
    """Without teachers each face's soft label is in the order of its batches; other votes are refused."""
    out = tmp_path / "soft.npz"
    distill.distill(RECIPE, mixed_csv, [], out, silent, vote_file=vote_file)
    faces = dataset.read(mixed_csv, (48, 48))
    soft, _ = soft_labels.read(out, RECIPE, faces)
    assert soft.shape == (2, 84, 7)
    training = faces.training()[1]
    for epoch in (0, 1):
        hard = np.concatenate([one for _, one, _ in batches.batches(training, 7, RECIPE, epoch)])
        targets = np.concatenate([one for _, one, _ in batches.batches(training, 7, RECIPE, epoch, soft)])
        # The votes follow the labels here, so each face's soft label must be nearest to its own label.
        np.testing.assert_array_equal(targets.argmax(axis=1), hard.argmax(axis=1))
    other = make_votes(mixed_csv, lambda rows: [*rows, ["PrivateTest", "", *[0] * 10]], "other.csv")
    with pytest.raises(SettingsError, match=r"votes: [0-9a-f]{64} -> "):
        distill.distill(RECIPE, mixed_csv, [], out, vote_file=other)


def as_before_the_rename(path: Path, views: int) -> None:
    """Rewrite the file at `path` as fer-convert wrote it until 0.1.0, with its first `views` views."""
    with np.load(path) as arrays:
        np.savez(path, answers=arrays["soft_labels"][:views], settings=arrays["settings"])


@pytest.mark.parametrize("per_face", [False, True])
def test_file_from_before_the_rename(mixed_csv: Path, vote_file: Path, tmp_path: Path, per_face: bool) -> None:
    """A file whose entry is still called `answers` is read, and one that is not complete goes on."""
    out, faces = tmp_path / "soft.npz", dataset.read(mixed_csv, (48, 48))
    distill.distill(RECIPE, mixed_csv, [], out, silent, vote_file=vote_file, per_face=per_face)
    wanted, _ = soft_labels.read(out, RECIPE, faces)
    before = out.read_bytes()
    as_before_the_rename(out, views=2)
    np.testing.assert_array_equal(soft_labels.read(out, RECIPE, faces)[0], wanted)
    out.write_bytes(before)
    as_before_the_rename(out, views=1)
    lines: list[str] = []
    distill.distill(RECIPE, mixed_csv, [], out, lines.append, vote_file=vote_file, per_face=per_face)
    assert [line.split()[1] for line in lines if line.startswith("view")] == ["2/2"]
    np.testing.assert_array_equal(soft_labels.read(out, RECIPE, faces)[0], wanted)


def test_votes_on_a_folder(picture_folder: Callable[..., Path], vote_file: Path, tmp_path: Path) -> None:
    """FER+'s lines are in the order of its CSV, not of a folder's names; votes that name the pictures are used."""
    source, out = picture_folder({"": {"calm": 10, "tense": 10}}), tmp_path / "a.npz"
    with pytest.raises(DataError, match=r"no column for calm, tense; give each class of faces a column of counts"):
        distill.distill(Recipe(views=1), source, [], out, vote_file=vote_file)
    assert not out.exists()
    data = dataset.read(source, (48, 48))
    own = tmp_path / "own.csv"
    pictures = [name for one in data.splits.values() for name in one.names]
    own.write_text("file,tense,calm\n" + "".join(f"{name},{4 * ('tense' in name)},3\n" for name in pictures))
    distill.distill(Recipe(views=1), source, [], out, silent, vote_file=own)
    with np.load(out) as arrays:
        soft = arrays["soft_labels"][0]
    (_, training), order = data.training(), batches.face_order(16, Recipe(views=1), 0)
    np.testing.assert_array_equal(soft.argmax(axis=1), training.labels[order])


def test_soft_labels_need_a_source(mixed_csv: Path, vote_file: Path, tmp_path: Path) -> None:
    """Without teachers and votes there is nothing to write; votes are on whole faces, not blended ones."""
    with pytest.raises(SettingsError, match="neither --teacher nor --votes"):
        distill.distill(Recipe(views=2), mixed_csv, [], tmp_path / "a.npz")
    with pytest.raises(SettingsError, match=r"--mixup 0.2: people voted on whole faces"):
        distill.distill(Recipe(views=2, mixup=0.2), mixed_csv, [], tmp_path / "a.npz", vote_file=vote_file)
    with pytest.raises(SettingsError, match=r"--mixup 0.2: with --per-face a soft label is for a whole face"):
        distill.distill(Recipe(views=2, mixup=0.2), mixed_csv, [Path("t.keras")], tmp_path / "a.npz", per_face=True)
    with pytest.raises(SettingsError, match=r"--views 0: soft labels are of a fixed number of views"):
        distill.distill(Recipe(), mixed_csv, [], tmp_path / "a.npz", vote_file=vote_file)
    assert not list(tmp_path.glob("a*"))


def test_one_distillation_at_a_time(tmp_path: Path) -> None:
    """Each would overwrite the other's views; a link is no second file."""
    out, link = tmp_path / "new" / "soft.npz", tmp_path / "link.npz"
    link.symlink_to(out)

    def begin(path: Path) -> None:
        distill.distill(RECIPE, tmp_path / "none.csv", [tmp_path / "none.keras"], path, silent)

    with file_lock.exclusive(out.with_name(".soft.npz.lock"), "--out", "fer-convert distill"):
        for path in (out, link):
            with pytest.raises(SinkError, match=r"which process \d+ on .* holds: another fer-convert distill writes"):
                begin(path)
    with pytest.raises(DataError, match="no such file or folder"):  # the lock is free again, and the work begins
        begin(out)


@pytest.mark.parametrize(("name", "message"), [("file/a.npz", "Not a directory"), ("folder", "it is a folder")])
def test_unwritable_out_is_said_first(tmp_path: Path, name: str, message: str) -> None:
    """Not after minutes, when the first view is done."""
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(SinkError, match=message):
        distill.distill(RECIPE, tmp_path / "none.csv", [tmp_path / "none.keras"], tmp_path / name, silent)


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04"])
def test_file_of_another_kind(faces_csv: Path, tmp_path: Path, content: bytes) -> None:
    """What is no .npz of soft labels is refused with the command that makes one."""
    path = tmp_path / "soft.npz"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"not a file of soft labels .*make one with fer-convert distill"):
        soft_labels.read(path, RECIPE, dataset.read(faces_csv, (48, 48)))


@pytest.mark.parametrize(
    ("change", "message"),
    [({"seed": 2}, "--seed: 1 -> 2"), ({"batch": 8}, "--batch: 16 -> 8"), ({"views": 3}, "--views: 2 -> 3")],
)
def test_soft_labels_of_other_views(
    mixed_csv: Path, vote_file: Path, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    """They fit the views that they were made of alone; those of faces fit all views."""
    out, faces = tmp_path / "soft.npz", dataset.read(mixed_csv, (48, 48))
    distill.distill(RECIPE, mixed_csv, [], out, silent, vote_file=vote_file)
    with pytest.raises(SettingsError, match=rf"--soft-labels .*: made from other faces \(.*{message}"):
        soft_labels.read(out, replace(RECIPE, **change), faces)
    per_face = tmp_path / "per_face.npz"
    distill.distill(RECIPE, mixed_csv, [], per_face, silent, vote_file=vote_file, per_face=True)
    assert soft_labels.read(per_face, replace(RECIPE, **change), faces)[0].shape == (84, 7)


def test_settings_are_those_of_the_views(mixed_csv: Path, vote_file: Path, tmp_path: Path) -> None:
    """The file says what it was made from, so that a later command can be compared with it."""
    out = tmp_path / "soft.npz"
    distill.distill(RECIPE, mixed_csv, [], out, silent, vote_file=vote_file)
    with np.load(out) as arrays:
        settings = json.loads(str(arrays["settings"]))
    assert {"data", "classes", "teachers", "votes", "per face", "--views", "--augmentation"} <= set(settings)
    assert "--hard-label-weight" not in settings  # which the training may choose
