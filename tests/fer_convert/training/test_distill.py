"""A student sees what its teachers saw, and learns what they said of it."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fer_convert.data import batches, dataset
from fer_convert.data.augment import OFF
from fer_convert.export import load
from fer_convert.training import distill, run_folder
from fer_convert.training.recipe import Recipe
from fer_convert.training.train import train
from fer_edge.errors import DataError, ModelError, SettingsError, SinkError

# The first test to need it waits for TensorFlow, which on a busy machine takes long.
pytestmark = pytest.mark.timeout(180)

RECIPE = Recipe(network="tiny", size=48, epochs=4, batch=16, learning_rate=0.01, average=0.9, views=2, mixup=0.2)


@pytest.fixture(autouse=True)
def _tiny(tiny: str) -> None:
    """Every run here trains the small network."""


@pytest.fixture
def teacher(faces_csv: Path, tmp_path: Path) -> Path:
    """A model that was trained on the faces."""
    return train(replace(RECIPE, views=0), faces_csv, tmp_path / "teacher", report=lambda _: None)


def teach(source: Path, teacher: Path, out: Path, recipe: Recipe = RECIPE) -> list[str]:
    lines: list[str] = []
    distill.teach(recipe, source, [teacher, teacher], out, lines.append)
    return lines


@pytest.mark.slow
def test_the_answers_are_what_the_teachers_say_of_the_faces_that_the_student_sees(
    faces_csv: Path, tmp_path: Path, teacher: Path
) -> None:
    out = tmp_path / "answers.npz"
    lines = teach(faces_csv, teacher, out)
    assert lines[0].startswith("2 teachers together: accuracy")
    faces = dataset.read(faces_csv, (48, 48))
    answers, _ = distill.read(out, RECIPE, faces)
    assert answers.shape == (2, 84, 7)
    model = load.load(teacher).model
    recipe = replace(RECIPE, label_share=0.25)
    for epoch in (1, 3):  # the views repeat
        seen, told = [], []
        for inputs, labels, _ in batches.batches(faces.training()[1], 7, recipe, epoch, answers):
            seen.append(np.asarray(model.predict_on_batch(inputs)))
            told.append(labels)
        plain = [labels for _, labels, _ in batches.batches(faces.training()[1], 7, recipe, epoch)]
        wanted = 0.25 * np.concatenate(plain) + 0.75 * np.concatenate(seen)
        np.testing.assert_allclose(np.concatenate(told), wanted, atol=2e-3)  # float16 on disk


@pytest.mark.slow
def test_answers_for_each_face_are_the_mean_over_the_views_and_fit_any_other_view(
    faces_csv: Path, tmp_path: Path, teacher: Path
) -> None:
    out, recipe = tmp_path / "answers.npz", replace(RECIPE, mixup=0.0)
    distill.teach(recipe, faces_csv, [teacher], out, lambda _: None, per_face=True)
    (_, training), model = dataset.read(faces_csv, (48, 48)).training(), load.load(teacher).model
    said = np.zeros((2, len(training), 7))
    for view in (0, 1):
        seen = [inputs for inputs, _, _ in batches.batches(training, 7, recipe, view)]
        said[view, batches.shuffled(len(training), recipe, view)] = model.predict_on_batch(np.concatenate(seen))
    other = replace(recipe, views=0, batch=32, seed=5, label_share=0.25, augmentation=OFF)
    answers, _ = distill.read(out, other, dataset.read(faces_csv, (48, 48)))
    np.testing.assert_allclose(answers, said.mean(axis=0), atol=2e-3)  # float16 on disk
    told = np.concatenate([labels for _, labels, _ in batches.batches(training, 7, other, 9, answers)])
    wanted = 0.25 * np.eye(7)[training.labels] + 0.75 * said.mean(axis=0)
    np.testing.assert_allclose(told, wanted[batches.shuffled(len(training), other, 9)], atol=2e-3)


@pytest.mark.slow
def test_a_teacher_reads_what_the_student_sees_at_its_own_size(faces_csv: Path, tmp_path: Path, teacher: Path) -> None:
    """A teacher for smaller faces than the student's costs half and knows as much."""
    out, recipe = tmp_path / "answers.npz", replace(RECIPE, size=64, views=1)
    teach(faces_csv, teacher, out, recipe)
    faces, model = dataset.read(faces_csv, (64, 64)), load.load(teacher).model
    answers, _ = distill.read(out, recipe, faces)
    seen = [inputs[..., 0].astype(np.uint8) for inputs, _, _ in batches.batches(faces.training()[1], 7, recipe, 0)]
    smaller = dataset.network_input(dataset.resized(np.concatenate(seen), (48, 48)))
    np.testing.assert_allclose(answers[0], model.predict_on_batch(smaller), atol=2e-3)  # float16 on disk


def test_answers_for_each_face_are_blended_with_the_faces(faces_csv: Path) -> None:
    """An answer of one half of a blended face is not the whole answer."""
    (_, training) = dataset.read(faces_csv, (48, 48)).training()
    recipe = replace(RECIPE, mixup=1.0, label_share=0.0, views=0)
    answers = np.eye(7, dtype=np.float16)[training.labels]
    plain = [labels for _, labels, _ in batches.batches(training, 7, recipe, 0)]
    told = [labels for _, labels, _ in batches.batches(training, 7, recipe, 0, answers)]
    np.testing.assert_allclose(np.concatenate(told), np.concatenate(plain), atol=1e-6)
    assert (np.concatenate(plain).max(axis=1) < 0.99).any()


@pytest.mark.slow
def test_answers_for_each_face_are_not_begun_as_those_of_views(faces_csv: Path, tmp_path: Path, teacher: Path) -> None:
    """The two come in different orders: a mixture would teach other faces' answers."""
    out, recipe = tmp_path / "answers.npz", replace(RECIPE, mixup=0.0)
    teach(faces_csv, teacher, out, recipe)
    with pytest.raises(SettingsError, match="per face: False -> True"):
        distill.teach(recipe, faces_csv, [teacher, teacher], out, lambda _: None, per_face=True)
    with pytest.raises(SettingsError, match=r"--mixup 0\.2: with --per-face an answer is for a whole face"):
        distill.teach(RECIPE, faces_csv, [teacher], tmp_path / "b.npz", per_face=True)


@pytest.mark.slow
def test_what_was_stopped_goes_on_and_says_the_same(faces_csv: Path, tmp_path: Path, teacher: Path) -> None:
    class StoppedError(Exception):
        """Stands for Ctrl-C."""

    def stop(line: str) -> None:
        if line.startswith("view 1/"):
            raise StoppedError

    whole, stopped = tmp_path / "whole.npz", tmp_path / "stopped.npz"
    teach(faces_csv, teacher, whole)
    with pytest.raises(StoppedError):
        distill.teach(RECIPE, faces_csv, [teacher, teacher], stopped, stop)
    with pytest.raises(ModelError, match=r"1 of 2 views are done; run fer-convert teach to its end"):
        distill.read(stopped, RECIPE, dataset.read(faces_csv, (48, 48)))
    views = [line for line in teach(faces_csv, teacher, stopped) if line.startswith("view")]
    assert [line.split()[1] for line in views] == ["2/2"]
    with np.load(whole) as a, np.load(stopped) as b:
        np.testing.assert_allclose(a["answers"], b["answers"], atol=2e-3)
    half, recipe = tmp_path / "half.npz", replace(RECIPE, mixup=0.0)
    with pytest.raises(StoppedError):
        distill.teach(recipe, faces_csv, [teacher], half, stop, per_face=True)
    with pytest.raises(ModelError, match=r"1 of 2 views are done"):  # whatever views the training makes
        distill.read(half, replace(recipe, views=1), dataset.read(faces_csv, (48, 48)))


@pytest.mark.slow
def test_a_file_from_before_votes_and_answers_for_each_face_still_counts(
    faces_csv: Path, tmp_path: Path, teacher: Path
) -> None:
    out = tmp_path / "answers.npz"
    teach(faces_csv, teacher, out)
    with np.load(out) as arrays:
        answers, settings = arrays["answers"], json.loads(str(arrays["settings"]))
    del settings["votes"], settings["per face"]
    np.savez(out, answers=answers, settings=np.array(json.dumps(settings)))
    np.testing.assert_array_equal(distill.read(out, RECIPE, dataset.read(faces_csv, (48, 48)))[0], answers)
    assert not any(line.startswith("view") for line in teach(faces_csv, teacher, out))  # nothing is left to do


@pytest.mark.slow
def test_a_student_learns_from_wrong_labels_what_teachers_know(faces_csv: Path, tmp_path: Path) -> None:
    recipe = replace(RECIPE, epochs=40, mixup=0.0, label_share=0.0, label_smoothing=0.0, augmentation=OFF)
    teacher = train(replace(recipe, views=0), faces_csv, tmp_path / "teacher", report=lambda _: None)
    with faces_csv.open(newline="") as file:
        head, *rows = csv.reader(file)
    wrong = tmp_path / "wrong.csv"
    with wrong.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(head)
        table.writerows(
            [str(i % 7) if usage == "Training" else label, p, usage] for i, (label, p, usage) in enumerate(rows)
        )
    teach(wrong, teacher, tmp_path / "answers.npz", recipe)
    lines: list[str] = []
    train(recipe, wrong, tmp_path / "student", report=lines.append, answers=tmp_path / "answers.npz")
    best = float(lines[-1].split(":")[1].split(",")[0])
    assert best > 0.4  # one in seven by chance, and by the labels


@pytest.mark.slow
def test_answers_to_other_faces_are_refused(
    faces_csv: Path, tmp_path: Path, teacher: Path, picture_folder: Any
) -> None:
    out = tmp_path / "answers.npz"
    teach(faces_csv, teacher, out)
    faces = dataset.read(faces_csv, (48, 48))
    for change, message in (
        ({"seed": 2}, "--seed: 1 -> 2"),
        ({"batch": 8}, "--batch: 16 -> 8"),
        ({"augmentation": replace(RECIPE.augmentation, blur=0.5)}, r"--augmentation.blur: 0.2 -> 0.5"),
    ):
        with pytest.raises(SettingsError, match=message):
            distill.read(out, replace(RECIPE, **change), faces)
        with pytest.raises(SettingsError, match=message):
            teach(faces_csv, teacher, out, replace(RECIPE, **change))
    folder = dataset.read(picture_folder({"": {"calm": 10, "glad": 10}}), (48, 48))
    with pytest.raises(SettingsError, match="data: "):
        distill.read(out, RECIPE, folder)
    recipe, mean = replace(RECIPE, mixup=0.0), tmp_path / "mean.npz"
    distill.teach(recipe, faces_csv, [teacher], mean, lambda _: None, per_face=True)
    with pytest.raises(SettingsError, match="data: "):
        distill.read(mean, recipe, folder)


@pytest.mark.slow
def test_a_teacher_that_does_not_fit_is_refused(
    faces_csv: Path, tmp_path: Path, teacher: Path, picture_folder: Any
) -> None:
    with pytest.raises(SettingsError, match="--views 0: teachers answer on a fixed number"):
        teach(faces_csv, teacher, tmp_path / "a.npz", replace(RECIPE, views=0))
    with pytest.raises(DataError, match="its labels are angry, disgust"):
        teach(picture_folder({"": {"calm": 10, "glad": 10}}), teacher, tmp_path / "a.npz")
    assert not (tmp_path / "a.npz").exists()


def test_two_of_them_do_not_write_to_one_file(tmp_path: Path) -> None:
    """Each would put its own views in the place of the other's; a link is no second file."""
    out, link = tmp_path / "new" / "answers.npz", tmp_path / "link.npz"
    link.symlink_to(out)

    def second(path: Path) -> None:
        with pytest.raises(SinkError, match=r"which process \d+ on .* holds: another fer-convert teach writes to it"):
            teach(tmp_path / "none.csv", tmp_path / "none.keras", path)

    with run_folder.alone(out.with_name(".answers.npz.lock"), "--out", "fer-convert teach"):
        second(out)
        second(link)
    with pytest.raises(DataError, match="no such file or folder"):  # the lock is free again, and the work begins
        teach(tmp_path / "none.csv", tmp_path / "none.keras", out)


@pytest.mark.parametrize(("name", "message"), [("file/a.npz", "Not a directory"), ("folder", "it is a folder")])
def test_an_out_that_cannot_be_written_is_said_before_the_work(tmp_path: Path, name: str, message: str) -> None:
    """Not after minutes, when the first view is done."""
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(SinkError, match=message):
        teach(tmp_path / "none.csv", tmp_path / "none.keras", tmp_path / name)


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04"])
def test_a_file_that_is_none_is_refused(faces_csv: Path, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "answers.npz"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"not a file of teachers' answers .*make one with fer-convert teach"):
        distill.read(path, RECIPE, dataset.read(faces_csv, (48, 48)))
