"""Faces come in whole and in order, resized as the device resizes them; what is wrong with a file is said."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from fer_convert.data import dataset
from fer_edge import preprocess
from fer_edge.errors import DataError
from fer_edge.types import EMOTIONS, Box
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as some

SIZE = (64, 64)
FACE = " ".join(["7"] * 2304)
HEADER = "emotion,pixels,Usage\n"

rows = st.lists(
    st.tuples(
        st.integers(0, 6),
        some.arrays(np.uint8, (48, 48), elements=st.integers(0, 255), fill=st.integers(0, 255)),
        st.sampled_from(["Training", "PublicTest", "PrivateTest"]),
    ),
    min_size=1,
    max_size=4,
)


def text_of(row: tuple[int, np.ndarray, str]) -> list[str]:
    return [str(row[0]), " ".join(map(str, row[1].ravel())), row[2]]


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows, st.permutations([0, 1, 2]), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_every_face_comes_back_whatever_the_order_of_columns(
    tmp_path: Path, rows: list[tuple[int, np.ndarray, str]], order: list[int], end: str, quoted: bool
) -> None:
    lines = [["emotion", "pixels", " Usage"], *map(text_of, rows)]
    mark = '"' if quoted else ""
    path = tmp_path / "faces.csv"
    path.write_bytes(
        "".join(",".join(f"{mark}{line[i]}{mark}" for i in order) + end for line in lines).encode("utf-8-sig")
    )
    found = dataset.read(path, (48, 48))
    for split in {row[2] for row in rows}:
        wanted = [row for row in rows if row[2] == split]
        np.testing.assert_array_equal(found.splits[split].pixels, np.stack([face for _, face, _ in wanted]))
        assert found.splits[split].labels.tolist() == [label for label, _, _ in wanted]
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert found.classes == EMOTIONS


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(codec="utf-8"), max_size=200) | st.binary(max_size=200).map(lambda b: b.decode("latin-1")))
def test_any_other_text_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "faces.csv"
    path.write_text(HEADER + text, encoding="utf-8")
    with pytest.raises(DataError) as error:
        dataset.read(path, SIZE)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        (HEADER, "holds no face"),
        ("emotion,pixels\n" + f"3,{FACE}\n", "no column usage"),
        (HEADER + "3\n", "line 2: 1 columns where the header has 3"),
        (HEADER + f"3,{FACE},Training\n3,{FACE[:-2]},Training\n", r"line 3: 2303 pixels where a face has 2304"),
        (HEADER + f"9,{FACE},Training\n", r"line 2: emotion '9'; FER2013's are 0 to 6"),
        (HEADER + f"happy,{FACE},Training\n", "emotion 'happy'"),
        (HEADER + f"3,{FACE[:-1]}300,Training\n", r"line 2: pixel '300'; a pixel is a whole number 0 to 255"),
        (HEADER + f"3,{FACE[:-1]}-1,Training\n", "pixel '-1'"),
        (HEADER + f"3,{FACE},\n", "Usage ''"),
        (HEADER + f"3,{FACE},Trai\n", "line 2: Usage 'Trai'; it is Training, PublicTest, PrivateTest"),
        (HEADER + f'3,"{FACE * 30},Training\n', "not CSV"),
    ],
)
def test_a_bad_file_is_named_with_row_value_and_cure(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "faces.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message) as error:
        dataset.read(path, SIZE)
    assert str(path) in str(error.value)


def test_a_path_that_is_no_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file or folder"):
        dataset.read(tmp_path / "none.csv", SIZE)
    (tmp_path / "faces.txt").write_text("x")
    with pytest.raises(DataError, match=r"not a \.csv file and not a folder"):
        dataset.read(tmp_path / "faces.txt", SIZE)


def test_training_and_device_see_the_same_bytes(faces_csv: Path) -> None:
    native, resized = dataset.read(faces_csv, (48, 48)).training()[1], dataset.read(faces_csv, SIZE).training()[1]
    for face, trained in zip(native.pixels, resized.pixels, strict=True):
        frame = np.full((120, 160), 9, np.uint8)
        frame[30:78, 50:98] = face
        seen = preprocess.face_pixels(frame, Box(50, 30, 48, 48), SIZE)
        assert seen.tobytes() == trained.tobytes()
    assert dataset.network_input(resized.pixels).astype(np.uint8)[..., 0].tobytes() == resized.pixels.tobytes()


def test_fer2013s_folders_keep_its_order_and_splits(picture_folder: Callable[..., Path]) -> None:
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
def test_splits_are_told_by_their_names_in_any_case(
    picture_folder: Callable[..., Path], names: tuple[str, ...], validates: str
) -> None:
    found = dataset.read(picture_folder({name: {"calm": 3, "tense": 3} for name in names}), SIZE)
    assert found.classes == ("calm", "tense")
    assert set(found.splits) == set(names)
    assert (found.training()[0], found.validation()[0]) == (names[0], validates)
    assert found.validation(names[-1].lower())[0] == names[-1]


@pytest.mark.parametrize("names", [("test",), ("test", "validation"), ("privatetest",)])
def test_splits_to_measure_on_need_none_to_train_on(
    picture_folder: Callable[..., Path], names: tuple[str, ...]
) -> None:
    found = dataset.read(picture_folder({name: {"calm": 3, "tense": 3} for name in names}), SIZE)
    assert found.classes == ("calm", "tense")
    assert len(found.validation(names[0])[1]) == 6
    with pytest.raises(DataError, match="to train on; it has"):
        found.training()


def test_what_stands_beside_splits_is_named(
    picture_folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = picture_folder({"train": {"calm": 3, "tense": 3}, "notes": {"a": 1}})
    assert set(dataset.read(folder, SIZE).splits) == {"train"}
    assert f"left out: {folder / 'notes'}: no split by its name" in capsys.readouterr().err
    (folder / "Train").mkdir()
    with pytest.raises(DataError, match="the same split as"):
        dataset.read(folder, SIZE)


def test_a_file_name_may_be_any_bytes(picture_folder: Callable[..., Path]) -> None:
    folder = picture_folder({"": {"calm": 3, "tense": 3}})
    (folder / "calm" / "0.png").rename(folder / "calm" / os.fsdecode(b"\xff.png"))
    assert len(dataset.read(folder, SIZE).training()[1]) == 4


def test_own_folders_hold_out_a_fifth_of_each_class(picture_folder: Callable[..., Path]) -> None:
    folder = picture_folder({"": {"calm": 10, "tense": 5}})
    found, again = dataset.read(folder, SIZE), dataset.read(folder, SIZE)
    assert found.classes == ("calm", "tense")
    assert np.bincount(found.validation()[1].labels).tolist() == [2, 1]
    assert np.bincount(found.training()[1].labels).tolist() == [8, 4]
    assert again.validation()[1].pixels.tobytes() == found.validation()[1].pixels.tobytes()
    assert again.sha256 == found.sha256


def test_a_folder_counts_as_other_data_when_one_picture_changes(picture_folder: Callable[..., Path]) -> None:
    folder = picture_folder({"": {"calm": 3, "tense": 3}})
    before = dataset.read(folder, SIZE).sha256
    cv2.imwrite(str(folder / "calm" / "0.png"), np.zeros((60, 60), np.uint8))
    assert dataset.read(folder, SIZE).sha256 != before


def test_a_bad_picture_is_reported_and_the_rest_go_on(
    picture_folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
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
def test_folders_that_cannot_be_learnt_from_are_refused(
    picture_folder: Callable[..., Path], splits: dict[str, dict[str, int]], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        dataset.read(picture_folder(splits), SIZE)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="0 class folders"):
        dataset.read(tmp_path, SIZE)


def test_where_nobody_may_look_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A closed folder, and a path that no system takes, are no bugs with a traceback."""
    with pytest.raises(DataError, match=r"cannot be read \(File name too long\); check the path and its rights"):
        dataset.read(Path("x" * 5000), SIZE)

    def closed(path: Path, **_: object) -> os.stat_result:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "stat", closed)
    with pytest.raises(DataError, match=r"faces.csv: cannot be read \(Permission denied\); check the path"):
        dataset.read(tmp_path / "faces.csv", SIZE)
