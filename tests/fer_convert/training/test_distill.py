"""A student sees what its teachers saw, and trains on their predictions."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

from fer_convert.data import batches, dataset, votes
from fer_convert.data.augment import NO_AUGMENTATION
from fer_convert.data.faces import network_input, resize_faces
from fer_convert.export import load
from fer_convert.training import distill, soft_labels
from fer_convert.training.label_regression import label_probabilities
from fer_convert.training.recipe import Recipe
from fer_convert.training.train import train
from fer_edge.errors import DataError, ModelError, SettingsError

# Whichever test comes first waits for TensorFlow to be imported, which takes long on a busy machine.
pytestmark = [pytest.mark.tensorflow, pytest.mark.slow, pytest.mark.timeout(180)]


RECIPE = Recipe(network="tiny", size=48, epochs=4, batch=16, learning_rate=0.01, average=0.9, views=2, mixup=0.2)


@pytest.fixture(autouse=True)
def _tiny(tiny: str) -> None:
    """Every run here trains the small network."""


@pytest.fixture(scope="module")
def teacher(train_tiny: Callable[..., Path], faces_csv: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that was trained on the faces; nobody writes to its folder."""
    return train_tiny(replace(RECIPE, views=0), faces_csv, tmp_path_factory.mktemp("trained") / "teacher")


def distill_twice(source: Path, teacher: Path, out: Path, recipe: Recipe = RECIPE) -> list[str]:
    lines: list[str] = []
    distill.distill(recipe, source, [teacher, teacher], out, lines.append)
    return lines


def test_soft_labels_of_views(faces_csv: Path, tmp_path: Path, teacher: Path) -> None:
    """The soft labels of a view are the teachers' predictions for the very batches of that epoch."""
    out = tmp_path / "soft.npz"
    lines = distill_twice(faces_csv, teacher, out)
    assert lines[0].startswith("2 teachers together: accuracy")
    faces = dataset.read(faces_csv, (48, 48))
    soft, _ = soft_labels.read(out, RECIPE, faces)
    assert soft.shape == (2, 84, 7)
    model = load.load(teacher).model
    recipe = replace(RECIPE, hard_label_weight=0.25)
    for epoch in (1, 3):  # the views repeat
        seen, targets = [], []
        for inputs, labels, _ in batches.batches(faces.training()[1], 7, recipe, epoch, soft):
            seen.append(np.asarray(model.predict_on_batch(inputs)))
            targets.append(labels)
        plain = [labels for _, labels, _ in batches.batches(faces.training()[1], 7, recipe, epoch)]
        wanted = 0.25 * np.concatenate(plain) + 0.75 * np.concatenate(seen)
        np.testing.assert_allclose(np.concatenate(targets), wanted, atol=2e-3)  # float16 on disk


def test_soft_labels_per_face(faces_csv: Path, tmp_path: Path, teacher: Path) -> None:
    """They are the mean over the views, in the order of the data, and fit any other views."""
    out, recipe = tmp_path / "soft.npz", replace(RECIPE, mixup=0.0)
    distill.distill(recipe, faces_csv, [teacher], out, lambda _: None, per_face=True)
    (_, training), model = dataset.read(faces_csv, (48, 48)).training(), load.load(teacher).model
    said = np.zeros((2, len(training), 7))
    for view in (0, 1):
        seen = [inputs for inputs, _, _ in batches.batches(training, 7, recipe, view)]
        said[view, batches.face_order(len(training), recipe, view)] = model.predict_on_batch(np.concatenate(seen))
    other = replace(recipe, views=0, batch=32, seed=5, hard_label_weight=0.25, augmentation=NO_AUGMENTATION)
    soft, _ = soft_labels.read(out, other, dataset.read(faces_csv, (48, 48)))
    np.testing.assert_allclose(soft, said.mean(axis=0), atol=2e-3)  # float16 on disk
    targets = np.concatenate([labels for _, labels, _ in batches.batches(training, 7, other, 9, soft)])
    wanted = 0.25 * np.eye(7)[training.labels] + 0.75 * said.mean(axis=0)
    np.testing.assert_allclose(targets, wanted[batches.face_order(len(training), other, 9)], atol=2e-3)


def test_teacher_of_another_size(faces_csv: Path, tmp_path: Path, teacher: Path) -> None:
    """A teacher for smaller faces than the student's costs half and knows as much."""
    out, recipe = tmp_path / "soft.npz", replace(RECIPE, size=64, views=1)
    distill_twice(faces_csv, teacher, out, recipe)
    faces, model = dataset.read(faces_csv, (64, 64)), load.load(teacher).model
    soft, _ = soft_labels.read(out, recipe, faces)
    seen = [inputs[..., 0].astype(np.uint8) for inputs, _, _ in batches.batches(faces.training()[1], 7, recipe, 0)]
    smaller = network_input(resize_faces(np.concatenate(seen), (48, 48)))
    np.testing.assert_allclose(soft[0], model.predict_on_batch(smaller), atol=2e-3)  # float16 on disk


def test_per_face_needs_its_own_file(faces_csv: Path, tmp_path: Path, teacher: Path) -> None:
    """The two come in different orders: a mixture would be the soft labels of other faces."""
    out, recipe = tmp_path / "soft.npz", replace(RECIPE, mixup=0.0)
    distill_twice(faces_csv, teacher, out, recipe)
    with pytest.raises(SettingsError, match="per face: False -> True"):
        distill.distill(recipe, faces_csv, [teacher, teacher], out, lambda _: None, per_face=True)
    with pytest.raises(SettingsError, match=r"--mixup 0\.2: with --per-face a soft label is for a whole face"):
        distill.distill(RECIPE, faces_csv, [teacher], tmp_path / "b.npz", per_face=True)


def test_stopped_distillation_goes_on(faces_csv: Path, tmp_path: Path, teacher: Path) -> None:
    """A stopped distillation goes on with the next view and ends with the same soft labels; half of it is refused."""

    class StoppedError(Exception):
        """Stands for Ctrl-C."""

    def stop(line: str) -> None:
        if line.startswith("view 1/"):
            raise StoppedError

    whole, stopped = tmp_path / "whole.npz", tmp_path / "stopped.npz"
    distill_twice(faces_csv, teacher, whole)
    with pytest.raises(StoppedError):
        distill.distill(RECIPE, faces_csv, [teacher, teacher], stopped, stop)
    with pytest.raises(ModelError, match=r"1 of 2 views are done; run fer-convert distill to its end"):
        soft_labels.read(stopped, RECIPE, dataset.read(faces_csv, (48, 48)))
    views = [line for line in distill_twice(faces_csv, teacher, stopped) if line.startswith("view")]
    assert [line.split()[1] for line in views] == ["2/2"]
    with np.load(whole) as a, np.load(stopped) as b:
        np.testing.assert_allclose(a["soft_labels"], b["soft_labels"], atol=2e-3)
    half, recipe = tmp_path / "half.npz", replace(RECIPE, mixup=0.0)
    with pytest.raises(StoppedError):
        distill.distill(recipe, faces_csv, [teacher], half, stop, per_face=True)
    with pytest.raises(ModelError, match=r"1 of 2 views are done"):  # whatever views the training makes
        soft_labels.read(half, replace(recipe, views=1), dataset.read(faces_csv, (48, 48)))


def test_file_from_before_votes(faces_csv: Path, tmp_path: Path, teacher: Path) -> None:
    """A file without the entries for votes and --per-face still loads, and is complete."""
    out = tmp_path / "soft.npz"
    distill_twice(faces_csv, teacher, out)
    with np.load(out) as arrays:
        soft, settings = arrays["soft_labels"], json.loads(str(arrays["settings"]))
    del settings["votes"], settings["per face"]
    np.savez(out, answers=soft, settings=np.array(json.dumps(settings)))
    np.testing.assert_array_equal(soft_labels.read(out, RECIPE, dataset.read(faces_csv, (48, 48)))[0], soft)
    assert not any(line.startswith("view") for line in distill_twice(faces_csv, teacher, out))  # nothing is left to do


def test_student_learns_from_teachers(faces_csv: Path, tmp_path: Path) -> None:
    """With wrong labels a student learns from the soft labels what the teachers know."""
    recipe = replace(
        RECIPE, epochs=40, mixup=0.0, hard_label_weight=0.0, label_smoothing=0.0, augmentation=NO_AUGMENTATION
    )
    teacher = train(replace(recipe, views=0), faces_csv, tmp_path / "teacher", log=lambda _: None)
    with faces_csv.open(newline="") as file:
        head, *rows = csv.reader(file)
    wrong = tmp_path / "wrong.csv"
    with wrong.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(head)
        table.writerows(
            [str(i % 7) if usage == "Training" else label, p, usage] for i, (label, p, usage) in enumerate(rows)
        )
    distill_twice(wrong, teacher, tmp_path / "soft.npz", recipe)
    lines: list[str] = []
    train(recipe, wrong, tmp_path / "student", log=lines.append, soft_label_file=tmp_path / "soft.npz")
    best = float(lines[-1].split(":")[1].split(",")[0])
    assert best > 0.4  # one in seven by chance, and by the labels


def test_soft_labels_of_other_faces(faces_csv: Path, tmp_path: Path, teacher: Path, picture_folder: Any) -> None:
    """Soft labels of other views, data or votes are refused with the setting that differs."""
    out = tmp_path / "soft.npz"
    distill_twice(faces_csv, teacher, out)
    faces = dataset.read(faces_csv, (48, 48))
    for change, message in (
        ({"seed": 2}, "--seed: 1 -> 2"),
        ({"batch": 8}, "--batch: 16 -> 8"),
        ({"augmentation": replace(RECIPE.augmentation, blur=0.5)}, r"--augmentation.blur: 0.2 -> 0.5"),
    ):
        with pytest.raises(SettingsError, match=message):
            soft_labels.read(out, replace(RECIPE, **change), faces)
        with pytest.raises(SettingsError, match=message):
            distill_twice(faces_csv, teacher, out, replace(RECIPE, **change))
    folder = dataset.read(picture_folder({"": {"calm": 10, "glad": 10}}), (48, 48))
    with pytest.raises(SettingsError, match="data: "):
        soft_labels.read(out, RECIPE, folder)
    recipe, mean = replace(RECIPE, mixup=0.0), tmp_path / "mean.npz"
    distill.distill(recipe, faces_csv, [teacher], mean, lambda _: None, per_face=True)
    with pytest.raises(SettingsError, match="data: "):
        soft_labels.read(mean, recipe, folder)


def test_teacher_with_other_classes(faces_csv: Path, tmp_path: Path, teacher: Path, picture_folder: Any) -> None:
    """A teacher must have the classes of the data."""
    with pytest.raises(SettingsError, match="--views 0: soft labels are of a fixed number"):
        distill_twice(faces_csv, teacher, tmp_path / "a.npz", replace(RECIPE, views=0))
    with pytest.raises(DataError, match="its labels are angry, disgust"):
        distill_twice(picture_folder({"": {"calm": 10, "glad": 10}}), teacher, tmp_path / "a.npz")
    assert not (tmp_path / "a.npz").exists()


def test_votes_and_teachers_together(mixed_csv: Path, make_votes: Callable[..., Path], tmp_path: Path) -> None:
    """Each beside the other's row, or the soft labels would be those of other faces."""
    vote_file = make_votes(mixed_csv)
    recipe = Recipe(network="tiny", size=48, batch=16, views=1, epochs=1, hard_label_weight=0.0)
    teacher = train(replace(recipe, views=0), mixed_csv, tmp_path / "teacher", log=lambda _: None)
    distill.distill(recipe, mixed_csv, [teacher], tmp_path / "soft.npz", lambda _: None, vote_file=vote_file)
    faces = dataset.read(mixed_csv, (48, 48))
    soft, _ = soft_labels.read(tmp_path / "soft.npz", recipe, faces)
    order = batches.face_order(84, recipe, 0)
    model = load.load(teacher).model
    seen = [np.asarray(model.predict_on_batch(one)) for one, _, _ in batches.batches(faces.training()[1], 7, recipe, 0)]
    labels = faces.training()[1].labels[order]
    wanted = label_probabilities(votes.read_training(vote_file, faces)[order], labels, 7, np.concatenate(seen))
    np.testing.assert_allclose(soft[0], wanted, atol=2e-3)  # float16 on disk
    np.testing.assert_array_equal(soft[0].argmax(axis=1), labels)
