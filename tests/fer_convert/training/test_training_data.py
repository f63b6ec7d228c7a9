"""What a run learns from: votes in place of labels, mixed with soft labels, each of its own face."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

from fer_convert import files
from fer_convert.data import dataset, votes
from fer_convert.training import distill, soft_labels, training_data
from fer_convert.training.recipe import Recipe
from fer_edge.errors import DataError, SettingsError

RECIPE = Recipe(size=48, batch=16, label_smoothing=0)
SIZE = (48, 48)
MakeVotes = Callable[..., Path]


@pytest.fixture
def own_folder(picture_folder: Callable[..., Path]) -> Path:
    """Pictures of two classes, four to train on and two to validate on of each."""
    return picture_folder({"train": {"calm": 4, "tense": 4}, "test": {"calm": 2, "tense": 2}})


def votes_on(folder: Path, path: Path, counts: dict[str, tuple[int, int, int]]) -> Path:
    """Votes for calm, for tense and for neither; four of five are for a picture's own class unless in `counts`."""
    lines = ["file,calm,tense,neither"]
    for picture in sorted(folder.rglob("*.png"), reverse=True):
        name = picture.relative_to(folder).as_posix()
        usual = (4, 1, 0) if "calm" in name else (1, 4, 0)
        lines.append(",".join(map(str, (name, *counts.get(name, usual)))))
    path.write_text("\n".join(lines))
    return path


def test_labels_without_votes(faces_csv: Path) -> None:
    """Without either file the data is what was read, and nothing takes the place of its labels."""
    found = training_data.read(RECIPE, faces_csv, SIZE, None, None)
    assert (len(found.data.training()[1]), len(found.data.validation()[1])) == (84, 42)
    assert (found.targets, found.soft_labels, found.vote_file, found.vote_summary) == (None, None, None, "")


def test_targets_and_weights_by_votes(own_folder: Path, tmp_path: Path) -> None:
    """The target is the share of votes, the weight the share that is for a class; below 30 % a face is left out."""
    path = votes_on(
        own_folder,
        tmp_path / "v.csv",
        {
            "train/calm/0.png": (2, 0, 5),  # 29 % for a class
            "train/calm/1.png": (0, 0, 0),
            "train/calm/2.png": (1, 2, 7),  # 30 %; of ten voters a single one is a slip
            "train/tense/3.png": (3, 1, 0),
        },
    )
    found = training_data.read(RECIPE, own_folder, SIZE, None, path)
    names = ("train/calm/2.png", "train/calm/3.png", *(f"train/tense/{n}.png" for n in range(4)))
    assert found.data.training()[1].names == names
    assert found.targets is not None
    wanted = [[0, 1], [0.8, 0.2], [0.2, 0.8], [0.2, 0.8], [0.2, 0.8], [0.75, 0.25]]
    np.testing.assert_allclose(found.targets.probabilities, wanted, rtol=1e-6)
    np.testing.assert_allclose(found.targets.weights, np.array([0.3, 1, 1, 1, 1, 1]) * 6 / 5.3, rtol=1e-6)
    whole = dataset.read(own_folder, SIZE)
    assert (found.data.sha256, found.data.classes) == (whole.sha256, ("calm", "tense"))
    np.testing.assert_array_equal(found.data.training()[1].pixels, whole.training()[1].pixels[2:])
    assert found.vote_file == {"name": "v.csv", "sha256": files.sha256(path)}


def test_validated_by_the_majority(own_folder: Path, tmp_path: Path) -> None:
    """Its word is the label, whatever the folder says; a face without a majority is left out."""
    counts = {"test/calm/0.png": (1, 3, 1), "test/tense/0.png": (2, 2, 0)}
    more = {"test/calm/1.png": (5, 0, 0), "test/tense/1.png": (0, 5, 0)}
    path = votes_on(own_folder, tmp_path / "v.csv", counts | more)
    found = training_data.read(RECIPE, own_folder, SIZE, None, path)
    split, faces = found.data.validation()
    assert split == "test"
    assert faces.names == ("test/calm/0.png", "test/calm/1.png", "test/tense/1.png")
    assert faces.labels.tolist() == [1, 0, 1]
    # 3 of 5 voters, 5 of 5 and 5 of 5 say what the majority of the others does.
    assert found.vote_summary == (
        "votes v.csv: 8 of 8 faces have enough of them to train on; the majority's word on 3 of 4 to validate on, with "
        "which one voter agrees in 86.7%"
    )


def test_one_vote_a_face(own_folder: Path, tmp_path: Path) -> None:
    """A single rater is enough; there is no other to compare with."""
    names = [path.relative_to(own_folder).as_posix() for path in own_folder.rglob("*.png")]
    path = votes_on(own_folder, tmp_path / "v.csv", {n: (1, 0, 0) if "calm" in n else (0, 1, 0) for n in names})
    found = training_data.read(RECIPE, own_folder, SIZE, None, path)
    assert found.vote_summary.endswith("the majority's word on 4 of 4 to validate on")


@pytest.mark.parametrize(("kind", "power"), [("none", 0), ("sqrt", 0.5), ("balanced", 1)])
def test_class_weights_by_votes(own_folder: Path, tmp_path: Path, kind: str, power: float) -> None:
    """A vote for a class weighs by the class's share of the votes, and so changes target and weight."""
    counts = {f"train/calm/{n}.png": (3, 1, 0) for n in range(4)} | {
        f"train/tense/{n}.png": (0, 3, 1) for n in range(4)
    }
    path = votes_on(own_folder, tmp_path / "v.csv", counts)
    found = training_data.read(replace(RECIPE, class_weights=kind), own_folder, SIZE, None, path).targets
    assert found is not None
    calm, tense = 4 * 0.75, 4 * 0.25 + 4 * 0.75  # faces' worth of votes
    votes_for = np.array([0.75 / calm**power, 0.25 / tense**power])
    np.testing.assert_allclose(found.probabilities[0], votes_for / votes_for.sum(), rtol=1e-6)
    np.testing.assert_allclose(found.probabilities[4], [0, 1])
    weights = np.array([votes_for.sum()] * 4 + [0.75 / tense**power] * 4)
    np.testing.assert_allclose(found.weights, weights / weights.mean(), rtol=1e-6)


def test_balanced_classes_weigh_the_same(own_folder: Path, tmp_path: Path) -> None:
    """By votes as by labels: the sum over the faces of weight times target."""
    counts = {f"train/calm/{n}.png": (9, 1 + n, n) for n in range(4)} | {"train/tense/0.png": (2, 5, 3)}
    path = votes_on(own_folder, tmp_path / "v.csv", counts)
    sums = []
    for kind in ("none", "balanced"):
        found = training_data.read(replace(RECIPE, class_weights=kind), own_folder, SIZE, None, path).targets
        assert found is not None
        assert found.weights.mean() == pytest.approx(1)
        sums.append(found.weights @ found.probabilities)
    assert sums[1][0] == pytest.approx(sums[1][1], rel=1e-5)
    assert abs(sums[0][0] - sums[0][1]) > 0.1


def test_soft_labels_stay_with_their_faces(mixed_csv: Path, make_votes: MakeVotes, tmp_path: Path) -> None:
    """Those of faces that are left out are left out, too."""
    soft = tmp_path / "soft.npz"
    recipe = replace(RECIPE, views=2)
    distill.distill(recipe, mixed_csv, [], soft, lambda _: None, vote_file=make_votes(mixed_csv), per_face=True)

    def change(rows: list[list[Any]]) -> list[list[Any]]:
        """In every seventh line nearly all votes are for none of the classes."""
        return [[*row[:-2], 900, 900] if n % 7 == 0 else row for n, row in enumerate(rows)]

    path = make_votes(mixed_csv, change, "fewer.csv")
    data = dataset.read(mixed_csv, SIZE)
    whole, digest = soft_labels.read(soft, recipe, data)
    found = training_data.read(recipe, mixed_csv, SIZE, soft, path)
    kept = votes.read_training(path, data).class_shares >= votes.MIN_SHARE
    assert found.soft_labels is not None
    assert found.soft_labels_sha256 == digest
    np.testing.assert_array_equal(found.soft_labels, whole[kept])


def test_soft_labels_of_views_are_refused(mixed_csv: Path, make_votes: MakeVotes, tmp_path: Path) -> None:
    """They are in the order of all faces' views, and votes leave some faces out."""
    soft, path, recipe = tmp_path / "soft.npz", make_votes(mixed_csv), replace(RECIPE, views=2)
    distill.distill(recipe, mixed_csv, [], soft, lambda _: None, vote_file=path)
    with pytest.raises(SettingsError, match=r"of views, which --votes does not go with; make them with .* --per-face"):
        training_data.read(recipe, mixed_csv, SIZE, soft, path)
    assert training_data.read(recipe, mixed_csv, SIZE, soft, None).soft_labels is not None


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({f"{cls}/{n}.png": (0, 0, 0) for cls in ("test/calm", "test/tense") for n in range(2)}, "not one for test of"),
        ({f"{cls}/{n}.png": (0, 0, 0) for cls in ("train/calm", "train/tense") for n in range(4)}, "not one for train"),
    ],
)
def test_too_few_votes(own_folder: Path, tmp_path: Path, counts: dict[str, Any], message: str) -> None:
    """A split or a class without votes to learn from is refused in one line."""
    path = votes_on(own_folder, tmp_path / "v.csv", counts)
    with pytest.raises(DataError, match=message) as error:
        training_data.read(RECIPE, own_folder, SIZE, None, path)
    assert "\n" not in str(error.value)


def test_class_without_faces_is_refused(own_folder: Path, tmp_path: Path) -> None:
    """Tense leads on its faces, but with a fourth of the votes: none of them is trained on."""
    names = [path.relative_to(own_folder).as_posix() for path in sorted(own_folder.rglob("*.png"))]
    lines = [f"{name},{'5,0,0,0,0,0,0,0' if 'calm' in name else '0,2,1,1,1,1,1,1'}" for name in names]
    path = tmp_path / "v.csv"
    path.write_text("\n".join(["file,calm,tense,a,b,c,d,e,f", *lines]))
    message = r"no face to train on is left for tense: all votes for it are stray ones, or on faces where less than 30%"
    with pytest.raises(DataError, match=message):
        training_data.read(RECIPE, own_folder, SIZE, None, path)
