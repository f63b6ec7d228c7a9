"""Folders of pictures: splits by their names, a fifth held out, bad pictures left out and named."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from fer_convert.data import dataset
from fer_edge import preprocess
from fer_edge.errors import DataError
from fer_edge.types import EMOTIONS

SIZE = (64, 64)


def test_fer2013_folders_keep_its_order(picture_folder: Callable[..., Path]) -> None:
    """Folders with FER2013's classes have FER2013's order of labels."""
    each = dict.fromkeys(reversed(EMOTIONS), 2)
    found = dataset.read(picture_folder({"train": each, "test": each}), SIZE)
    assert found.classes == EMOTIONS
    assert found.training()[0] == "train"
    name, faces = found.validation()
    assert (name, len(faces)) == ("test", 14)
    assert faces.pixels.shape == (14, 64, 64)
    with pytest.raises(DataError, match="no split PublicTest to validate on; it has train, test"):
        found.validation("PublicTest")


@pytest.mark.parametrize(
    ("names", "validates"),
    [(("Train", "Test"), "Test"), (("TRAINING", "PublicTest", "PrivateTest"), "PublicTest"), (("train", "Val"), "Val")],
)
def test_split_names_in_any_case(picture_folder: Callable[..., Path], names: tuple[str, ...], validates: str) -> None:
    """Splits are found by their names in any case."""
    found = dataset.read(picture_folder({name: {"calm": 3, "tense": 3} for name in names}), SIZE)
    assert found.classes == ("calm", "tense")
    assert set(found.splits) == set(names)
    assert (found.training()[0], found.validation()[0]) == (names[0], validates)
    assert found.validation(names[-1].lower())[0] == names[-1]


def test_picture_under_any_name(picture_folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    """A data set may name its pictures as it likes; what is no picture is named."""
    folder = picture_folder({"": {"calm": 3, "tense": 3}})
    first, second, _ = sorted((folder / "calm").iterdir())
    first.rename(folder / "calm" / "one.jfif")
    second.rename(folder / "calm" / "two")
    (folder / "tense" / "notes.txt").write_text("tense, all of them")
    faces = dataset.read(folder, SIZE).splits.values()
    assert sum(len(split) for split in faces) == 6
    assert f"left out: 1 file of {folder / 'tense'}: notes.txt (no picture)" in capsys.readouterr().err


@pytest.mark.parametrize("names", [("test",), ("test", "validation"), ("privatetest",)])
def test_data_without_training_split(picture_folder: Callable[..., Path], names: tuple[str, ...]) -> None:
    """Data to measure on needs no training split; training on it is refused."""
    found = dataset.read(picture_folder({name: {"calm": 3, "tense": 3} for name in names}), SIZE)
    assert found.classes == ("calm", "tense")
    assert len(found.validation(names[0])[1]) == 6
    with pytest.raises(DataError, match="to train on; it has"):
        found.training()


def test_folders_beside_splits_are_named(
    picture_folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder beside splits is left out with a line; two folders for one split are refused."""
    folder = picture_folder({"train": {"calm": 3, "tense": 3}, "notes": {"a": 1}})
    assert set(dataset.read(folder, SIZE).splits) == {"train"}
    assert f"left out: {folder / 'notes'}: no split by its name" in capsys.readouterr().err
    (folder / "Train").mkdir()
    with pytest.raises(DataError, match="the same split as"):
        dataset.read(folder, SIZE)


def test_file_name_of_any_bytes(picture_folder: Callable[..., Path]) -> None:
    """A picture whose name is not UTF-8 is read."""
    folder = picture_folder({"": {"calm": 3, "tense": 3}})
    (folder / "calm" / "0.png").rename(folder / "calm" / os.fsdecode(b"\xff.png"))
    assert len(dataset.read(folder, SIZE).training()[1]) == 4


def test_a_fifth_is_held_out(picture_folder: Callable[..., Path]) -> None:
    """Folders without splits hold out a fifth of each class, always the same."""
    folder = picture_folder({"": {"calm": 10, "tense": 5}})
    found, again = dataset.read(folder, SIZE), dataset.read(folder, SIZE)
    assert found.classes == ("calm", "tense")
    assert np.bincount(found.validation()[1].labels).tolist() == [2, 1]
    assert np.bincount(found.training()[1].labels).tolist() == [8, 4]
    assert again.validation()[1].pixels.tobytes() == found.validation()[1].pixels.tobytes()
    assert again.sha256 == found.sha256


def test_sha256_of_a_folder(picture_folder: Callable[..., Path]) -> None:
    """The sha256 changes with any picture."""
    folder = picture_folder({"": {"calm": 3, "tense": 3}})
    before = dataset.read(folder, SIZE).sha256
    cv2.imwrite(str(folder / "calm" / "0.png"), np.zeros((60, 60), np.uint8))
    assert dataset.read(folder, SIZE).sha256 != before


def test_bad_picture_is_left_out(picture_folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    """A picture that cannot be read is named and left out."""
    folder = picture_folder({"": {"calm": 4, "tense": 4}})
    (folder / "calm" / "0.png").write_bytes(b"")
    cut = folder / "tense" / "1.png"
    cut.write_bytes(cut.read_bytes()[:200])
    found = dataset.read(folder, SIZE)
    assert len(found.training()[1]) + len(found.validation()[1]) == 6
    said = capsys.readouterr().err
    assert f"{folder / 'calm' / '0.png'}: is empty" in said
    assert f"{cut}: is cut off" in said


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        ({"": {"calm": 3}}, "1 class folders"),
        ({"": {"calm": 3, "tense": 0}}, "tense: no picture"),
        ({"": {"calm": 3, "tense": 1}}, "tense: one picture"),
        ({"train": {"calm": 2, "tense": 2}, "test": {"calm": 2}}, "test/tense"),
    ],
)
def test_folders_without_enough_pictures(
    picture_folder: Callable[..., Path], splits: dict[str, dict[str, int]], message: str
) -> None:
    """One class, an empty class and a class of one picture are refused."""
    with pytest.raises(DataError, match=message):
        dataset.read(picture_folder(splits), SIZE)


def test_pictures_have_their_paths(picture_folder: Callable[..., Path]) -> None:
    """Below the folder, with the split if there is one, in the order of the faces."""
    source = picture_folder({"train": {"calm": 2, "tense": 2}, "test": {"calm": 1, "tense": 1}})
    deeper = source / "train" / "calm" / "deeper"
    deeper.mkdir()
    (source / "train" / "calm" / "0.png").rename(deeper / "0.png")
    found = dataset.read(source, SIZE)
    assert found.splits["train"].names == (
        "train/calm/1.png",
        "train/calm/deeper/0.png",
        "train/tense/0.png",
        "train/tense/1.png",
    )
    assert found.splits["test"].names == ("test/calm/0.png", "test/tense/0.png")


def test_held_out_pictures_keep_their_paths(picture_folder: Callable[..., Path]) -> None:
    """Each face has the name of its own picture after the draw."""
    source = picture_folder({"": {"calm": 10, "tense": 5}})
    for one in dataset.read(source, (48, 48)).splits.values():
        for pixels, name in zip(one.pixels, one.names, strict=True):
            picture = cv2.imread(str(source / name), cv2.IMREAD_GRAYSCALE)
            np.testing.assert_array_equal(pixels, preprocess.resize(picture, (48, 48)))


def test_empty_folder_is_refused(tmp_path: Path) -> None:
    """An empty folder is refused with how to arrange pictures."""
    with pytest.raises(DataError, match="0 class folders"):
        dataset.read(tmp_path, SIZE)


def test_hidden_folders_are_no_classes(picture_folder: Callable[..., Path]) -> None:
    """A folder such as .thumbnails is not a class."""
    folder = picture_folder({"": {"calm": 3, "tense": 3, ".thumbnails": 3}})
    assert dataset.read(folder, SIZE).classes == ("calm", "tense")


def test_pictures_in_any_case_and_depth(
    picture_folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """IMG.PNG is a picture, and so is one in a folder below the class; a folder x.png and a text are not."""
    folder = picture_folder({"": {"calm": 3, "tense": 3}})
    (folder / "calm" / "0.png").rename(folder / "calm" / "IMG.PNG")
    (folder / "tense" / "deeper").mkdir()
    (folder / "tense" / "0.png").rename(folder / "tense" / "deeper" / "0.png")
    (folder / "calm" / "x.png").mkdir()
    (folder / "calm" / "notes.txt").write_text("no picture")
    found = dataset.read(folder, SIZE)
    assert len(found.training()[1]) + len(found.validation()[1]) == 6
    assert capsys.readouterr().err.endswith("1 file of {}: notes.txt (no picture)\n".format(folder / "calm"))


def test_sha256_changes_with_a_name(picture_folder: Callable[..., Path]) -> None:
    """A picture with another name makes other data of the same bytes in the same order."""
    folder = picture_folder({"": {"calm": 4, "tense": 3}})
    before = dataset.read(folder, SIZE).sha256
    (folder / "calm" / "3.png").rename(folder / "calm" / "4.png")
    assert dataset.read(folder, SIZE).sha256 != before


def test_two_pictures_are_enough(picture_folder: Callable[..., Path]) -> None:
    """One to train on and one to validate."""
    found = dataset.read(picture_folder({"": {"calm": 2, "tense": 2}}), SIZE)
    assert found.training()[1].labels.tolist() == found.validation()[1].labels.tolist() == [0, 1]


def test_held_out_pictures_are_drawn(tmp_path: Path) -> None:
    """Not the first of each class, which may be of one person or one place."""
    for name in ("calm", "tense"):
        (tmp_path / "faces" / name).mkdir(parents=True)
        for grey in range(20):
            cv2.imwrite(str(tmp_path / "faces" / name / f"{grey:02}.png"), np.full((60, 60), grey, np.uint8))
    found = dataset.read(tmp_path / "faces", SIZE)
    held_out, training = found.validation()[1], found.training()[1]
    greys = [set(held_out.pixels[held_out.labels == label, 0, 0].tolist()) for label in (0, 1)]
    assert [len(one) for one in greys] == [4, 4]
    assert {0, 1, 2, 3} not in greys
    for label in (0, 1):
        rest = training.pixels[training.labels == label, 0, 0].tolist()
        assert sorted([*rest, *greys[label]]) == list(range(20))


def test_size_is_height_and_width(picture_folder: Callable[..., Path]) -> None:
    found = dataset.read(picture_folder({"": {"calm": 2, "tense": 2}}), (40, 64))
    assert found.training()[1].pixels.shape == (2, 40, 64)


def test_folder_has_its_own_name(picture_folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Given as "." as well, since the name goes onto the cards."""
    monkeypatch.chdir(picture_folder({"": {"calm": 2, "tense": 2}}))
    assert dataset.read(Path(), SIZE).name == "faces"


def test_classes_match_in_any_case(picture_folder: Callable[..., Path]) -> None:
    """A class is the same in each split, whatever its folder is called there; the first split's name stays."""
    source = picture_folder({"test": {"happiness": 1, "SAD": 2, "Calm": 3}, "train": {"Happy": 3, "Sad": 2, "calm": 2}})
    found = dataset.read(source, SIZE)
    assert found.classes == ("Happy", "Sad", "calm")
    assert np.bincount(found.splits["test"].labels).tolist() == [1, 2, 3]
    assert np.bincount(found.splits["train"].labels).tolist() == [3, 2, 2]


def test_the_seven_by_other_names(picture_folder: Callable[..., Path]) -> None:
    """They keep their names, and have FER2013's order."""
    names = ("Anger", "Disgust", "Fearful", "HAPPINESS", "Neutral", "sadness", "Surprised")
    found = dataset.read(picture_folder({"": dict.fromkeys(names, 2)}), SIZE)
    assert found.classes == ("Anger", "Disgust", "Fearful", "HAPPINESS", "sadness", "Surprised", "Neutral")


def test_same_class_twice_is_refused(picture_folder: Callable[..., Path]) -> None:
    """Two spellings in one split are no two classes; two words that may mean the same are."""
    with pytest.raises(DataError, match=r"happy: the same class as Happy; put the pictures into one of them"):
        dataset.read(picture_folder({"": {"Happy": 2, "happy": 2, "sad": 2}}), SIZE)


def test_joy_and_happy_may_be_two(picture_folder: Callable[..., Path]) -> None:
    assert dataset.read(picture_folder({"": {"joy": 2, "happy": 2}}), SIZE).classes == ("happy", "joy")
