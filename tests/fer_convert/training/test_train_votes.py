"""A run learns what people see: by one command, which goes on after a stop, from FER+'s file or one's own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

from fer_convert import cli, files
from fer_convert.data import batches, dataset, votes
from fer_convert.data.augment import NO_AUGMENTATION
from fer_convert.export import load
from fer_convert.training import distill, soft_labels
from fer_convert.training import train as training
from fer_convert.training.engine import predict
from fer_convert.training.recipe import Recipe
from fer_convert.training.train import train
from fer_edge.errors import DataError, SettingsError

# Whichever test comes first waits for TensorFlow to be imported, which takes long on a busy machine.
pytestmark = [pytest.mark.tensorflow, pytest.mark.slow, pytest.mark.timeout(240)]
MakeVotes = Callable[..., Path]

RECIPE = Recipe(
    network="tiny",
    size=48,
    epochs=15,
    batch=16,
    learning_rate=0.01,
    average=0.9,
    label_smoothing=0.0,
    augmentation=NO_AUGMENTATION,
)


@pytest.fixture(autouse=True)
def _tiny(tiny: str) -> None:
    """Every run in this process trains the small network."""


def run(recipe: Recipe, source: Path, out: Path, **more: Any) -> list[str]:
    lines: list[str] = []
    train(recipe, source, out, log=lines.append, **more)
    return lines


def swap_happy_and_sad(rows: list[list[Any]]) -> list[list[Any]]:
    """What most people see where the label is happy is sad, and the other way round."""
    return [[*row[:3], row[5], row[4], row[3], *row[6:]] for row in rows]


def test_majority_is_learned(faces_csv: Path, make_votes: MakeVotes, tmp_path: Path) -> None:
    """A run learns the votes, not the labels; best.json says so, and has the agreement with the majority."""
    path, out = make_votes(faces_csv, swap_happy_and_sad), tmp_path / "run"
    lines = run(replace(RECIPE, epochs=40), faces_csv, out, vote_file=path)
    assert lines[0].startswith("votes fer2013new.csv: 84 of 84 faces have enough of them to train on; ")
    assert "84 faces to train on, 42 to validate on (PublicTest), 7 classes" in lines[1]
    kept, data = load.load(out / "best.keras"), dataset.read(faces_csv, (48, 48))
    faces, majority = data.validation()[1], votes.read(path, data)["PublicTest"].consensus
    found = predict(kept.model, faces.pixels).argmax(axis=1)
    known = json.loads((out / "best.json").read_text())
    assert known["validation"] == {
        "split": "PublicTest",
        "faces": 42,
        "accuracy": pytest.approx(float((found == majority).mean())),
        "epoch": known["validation"]["epoch"],
    }
    swapped = np.isin(faces.labels, [3, 4])
    assert (majority[swapped] != faces.labels[swapped]).all()
    assert (found == majority)[swapped].mean() > 0.5 > 0.3 > (found == faces.labels)[swapped].mean()
    assert known["learned_from"] == "votes"
    assert known["votes"] == {"name": "fer2013new.csv", "sha256": files.sha256(path)}
    assert json.loads((out / "config.json").read_text())["votes"] == files.sha256(path)


def test_labels_are_said_too(faces_csv: Path, tmp_path: Path) -> None:
    """Without votes best.json says that the labels were learned, and config.json that there were none."""
    run(replace(RECIPE, epochs=1), faces_csv, tmp_path / "run")
    known = json.loads((tmp_path / "run" / "best.json").read_text())
    assert known["learned_from"] == "labels"
    assert "votes" not in known
    assert json.loads((tmp_path / "run" / "config.json").read_text())["votes"] is None


def test_other_votes_are_refused(faces_csv: Path, make_votes: MakeVotes, tmp_path: Path) -> None:
    """A run goes on with its own votes alone: not with others, and not without; a run of labels not with any."""
    path, out, recipe = make_votes(faces_csv), tmp_path / "run", replace(RECIPE, epochs=1)
    run(recipe, faces_csv, out, vote_file=path)
    other = make_votes(faces_csv, swap_happy_and_sad, "other.csv")
    for vote_file in (other, None):
        digest = files.sha256(vote_file) if vote_file else "None"
        with pytest.raises(SettingsError, match=rf"other settings \(votes: {files.sha256(path)} -> {digest}\)"):
            run(recipe, faces_csv, out, vote_file=vote_file)
    assert run(recipe, faces_csv, out, vote_file=path)[0].startswith("going on after epoch 1")
    config = json.loads((out / "config.json").read_text())
    del config["votes"]  # as of a run that was begun before there were any
    (out / "config.json").write_text(json.dumps(config))
    with pytest.raises(SettingsError, match=rf"votes: None -> {files.sha256(path)}"):
        run(recipe, faces_csv, out, vote_file=path)
    run(recipe, faces_csv, out)


def test_refused_votes_leave_no_folder(
    faces_csv: Path, make_votes: MakeVotes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that does not fit is one line, and nothing is written."""
    short = make_votes(faces_csv, lambda rows: rows[:-1])
    command = ["train", "--data", str(faces_csv), "--votes", str(short), "--out", str(tmp_path / "runs" / "new")]
    assert cli.main([*command, "--network", "tiny", "--size", "48"]) == DataError.exit_code
    said = capsys.readouterr().err
    assert "41 lines for PublicTest, where fer2013.csv has 42 faces; give FER+'s" in said
    assert said.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_votes_beside_soft_labels(
    faces_csv: Path, make_votes: MakeVotes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each step gets the mean of both by --hard-label-weight, of the very face, without those that are left out."""
    soft, out = tmp_path / "soft.npz", tmp_path / "run"
    recipe = replace(RECIPE, epochs=1, views=1, hard_label_weight=0.25)
    distill.distill(recipe, faces_csv, [], soft, lambda _: None, vote_file=make_votes(faces_csv), per_face=True)

    def leave_out(rows: list[list[Any]]) -> list[list[Any]]:
        return [[*row[:-2], 900, 900] if n % 5 == 0 else row for n, row in enumerate(swap_happy_and_sad(rows))]

    path, steps = make_votes(faces_csv, leave_out, "swapped.csv"), []

    def recorded(*given: Any) -> Iterator[batches.Batch]:
        for batch in batches.batches(*given):
            steps.append(batch)
            yield batch

    monkeypatch.setattr(training, "batches", recorded)
    run(recipe, faces_csv, out, vote_file=path, soft_label_file=soft)
    data = dataset.read(faces_csv, (48, 48))
    found = votes.read_training(path, data)
    kept = np.arange(84) % 5 > 0
    wanted = 0.25 * found.targets[kept] + 0.75 * soft_labels.read(soft, recipe, data)[0][kept].astype(np.float32)
    order = batches.face_order(67, recipe, 0)
    np.testing.assert_array_equal(
        np.concatenate([faces for faces, *_ in steps])[..., 0], data.training()[1].pixels[kept][order]
    )
    np.testing.assert_allclose(np.concatenate([targets for _, targets, _ in steps]), wanted[order], atol=1e-6)
    shares = found.class_shares[kept]
    weights = np.concatenate([weights for *_, weights in steps])
    np.testing.assert_allclose(weights, (shares / shares.mean())[order], rtol=1e-6)
    config = json.loads((out / "config.json").read_text())
    assert (config["soft_labels"], config["votes"]) == (files.sha256(soft), files.sha256(path))


def test_own_classes_and_votes(picture_folder: Any, tmp_path: Path) -> None:
    """Pictures in folders, votes that name them, with a picture that nobody voted on, from a trained model."""
    folder = picture_folder({"": {"calm": 10, "glad": 10, "tense": 10}})
    pictures = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))
    training = dataset.read(folder, (48, 48)).training()[1]
    without = training.names[0]
    counts = {name: [4 * (label in name) + 1 for label in ("tense", "glad", "calm")] for name in pictures}
    path = tmp_path / "votes.csv"
    rows = [",".join(map(str, [name, *counts[name]])) for name in pictures if name != without]
    path.write_text("\n".join(["file,tense,glad,calm", *rows]))
    run(replace(RECIPE, epochs=1), folder, tmp_path / "first")
    best = tmp_path / "first" / "best.keras"
    lines = run(replace(RECIPE, epochs=2), folder, tmp_path / "second", start=best, vote_file=path)
    assert "23 of 24 faces have enough" in lines[0]
    assert "23 faces to train on, 6 to validate on (validation), 3 classes" in lines[1]
    kept = load.load(tmp_path / "second" / "best.keras")
    assert kept.labels == ("calm", "glad", "tense")
    assert kept.training_data["faces"] == 23


@pytest.mark.process
@pytest.mark.timeout(240)  # two programs begin, each of which imports TensorFlow
def test_trained_and_measured_by_commands(mixed_csv: Path, make_votes: MakeVotes, tmp_path: Path) -> None:
    """Two epochs of the device's network on votes; then the best is measured, and has the accuracy it was kept for."""
    out, figures = tmp_path / "run", tmp_path / "figures.json"
    few = make_votes(mixed_csv, lambda rows: [row if n % 3 else [*row[:2], *[0] * 10] for n, row in enumerate(rows)])
    given = ["--data", str(mixed_csv), "--votes", str(few)]

    def fer_convert(*words: str) -> str:
        command = [sys.executable, "-m", "fer_convert", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    said = fer_convert("train", *given, "--out", str(out), "--size", "48", "--epochs", "2", "--batch", "64")
    assert "58 of 84 faces have enough of them to train on; the majority's word on 26 of 42 to validate" in said
    assert [line.split()[1] for line in said.splitlines() if line.startswith("epoch")] == ["1/2", "2/2"]
    fer_convert("evaluate", str(out / "best.keras"), *given, "--json", str(figures))
    validated = json.loads((out / "best.json").read_text())["validation"]["accuracy"]
    assert json.loads(figures.read_text())["accuracy"] == pytest.approx(validated)
