"""Kaggle's CSV: every face comes in, in order; what is wrong with a file is said."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from fer_convert.data import dataset
from fer_edge.errors import DataError
from fer_edge.types import EMOTIONS
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
@given(
    rows, st.permutations([0, 1, 2]), st.sampled_from(["\n", "\r\n"]), st.booleans(), st.sampled_from([",", ";", "\t"])
)
def test_csv_columns_in_any_order(
    tmp_path: Path, rows: list[tuple[int, np.ndarray, str]], order: list[int], end: str, quoted: bool, mark_between: str
) -> None:
    """Every face and label comes back, whatever the order of columns, quotes, line ends and what parts the columns."""
    lines = [["emotion", "pixels", " Usage"], *map(text_of, rows)]
    mark = '"' if quoted else ""
    path = tmp_path / "faces.csv"
    path.write_bytes(
        "".join(mark_between.join(f"{mark}{line[i]}{mark}" for i in order) + end for line in lines).encode("utf-8-sig")
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
def test_other_text_is_one_line(tmp_path: Path, text: str) -> None:
    """Whatever else a CSV holds is refused in one line."""
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
        ("emotion,Usage\n" + f"3,{FACE}\n", "no column pixels"),
        ("emotion,pixels\n" + f"3,{FACE}\n", "happy: one picture"),
        (HEADER + "3\n", "line 2: 1 columns where the header has 3"),
        (HEADER + f"3,{FACE},Training\n3,{FACE[:-2]},Training\n", r"line 3: 2303 pixels where a face has 2304"),
        (HEADER + f"3,{FACE}\n", "line 2: 2 columns where the header has 3"),
        (HEADER + f"3,{FACE} 7,Training\n", "line 2: 2305 pixels where a face has 2304"),
        (HEADER + f"7,{FACE},Training\n", r"line 2: emotion '7'; FER2013's are 0 to 6"),
        (HEADER + f"9,{FACE},Training\n", r"line 2: emotion '9'; FER2013's are 0 to 6"),
        (HEADER + f"glad,{FACE},Training\n", "emotion 'glad'"),
        (HEADER + f"3,{FACE[:-1]}300,Training\n", r"line 2: pixel '300'; a pixel is a whole number 0 to 255"),
        (HEADER + f"3,{FACE[:-1]}-1,Training\n", "pixel '-1'"),
        (HEADER + f"3,{FACE},\n", "Usage ''"),
        (HEADER + f"3,{FACE},Trai\n", "line 2: Usage 'Trai'; it is Training, PublicTest, PrivateTest"),
        (HEADER + f'3,"{FACE * 30},Training\n', "not CSV"),
    ],
)
def test_bad_csv_names_line_and_value(tmp_path: Path, text: str, message: str) -> None:
    """The refusal names file, line, value and what to do."""
    path = tmp_path / "faces.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message) as error:
        dataset.read(path, SIZE)
    assert str(path) in str(error.value)


def test_spaces_case_and_blank_lines(tmp_path: Path) -> None:
    """None of them changes a row; 255 is a pixel."""
    path = tmp_path / "faces.csv"
    path.write_text(f"Emotion, PIXELS ,usage\n\n 6 , {FACE[:-1]}255 , TRAINING \n\n")
    name, faces = dataset.read(path, (48, 48)).training()
    assert (name, faces.labels.tolist(), int(faces.pixels[0, -1, -1])) == ("Training", [6], 255)


@pytest.mark.parametrize(
    ("first", "last", "encoding"),
    [
        ("", "", "utf-16"),
        ("sep=;\n", "", "utf-8"),
        ("", ";;\n;;\n", "utf-8-sig"),
        ("SEP=;\r\n", ";;;;\n", "utf-16"),
    ],
)
def test_as_spreadsheets_save_it(tmp_path: Path, first: str, last: str, encoding: str) -> None:
    """With the line that names their delimiter, rows of empty cells, or as Unicode text; lines are counted right."""
    text = first + HEADER.replace(",", ";") + f"3;{FACE};Training\n" + f"4;{FACE};PublicTest\n"
    (tmp_path / "a.csv").write_bytes((text + last).encode(encoding))
    found = dataset.read(tmp_path / "a.csv", SIZE)
    assert {name: split.labels.tolist() for name, split in found.splits.items()} == {"Training": [3], "PublicTest": [4]}
    (tmp_path / "a.csv").write_bytes((text + f"9;{FACE};Training\n").encode(encoding))
    with pytest.raises(DataError, match=f"line {4 + bool(first)}: emotion '9'"):
        dataset.read(tmp_path / "a.csv", SIZE)


@pytest.mark.parametrize(("head", "words"), [(b"\x1f\x8b\x08", "packed with gzip"), (b"PK\3\4", "a ZIP archive")])
def test_packed_file_is_told(tmp_path: Path, head: bytes, words: str) -> None:
    (tmp_path / "a.csv").write_bytes(head + bytes(50))
    with pytest.raises(DataError, match=f"is not CSV, but {words}; unpack it"):
        dataset.read(tmp_path / "a.csv", SIZE)


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_file_without_usage(mark: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A fifth of each class is held out, the same one in each reading, and that is said."""
    names = ["0", "Anger", "3", "HAPPINESS", "happy", "5", "surprised"]
    path = tmp_path / "faces.csv"
    lines = [f"{name}{mark}{' '.join([str(k)] * 2304)}" for k, name in enumerate(names * 10)]
    path.write_text(f"emotion{mark}pixels\n" + "\n".join(lines) + "\n")
    found, again = dataset.read(path, (48, 48)), dataset.read(path, (48, 48))
    counts = [np.bincount(found.splits[name].labels, minlength=7).tolist() for name in ("train", "validation")]
    assert counts == [[16, 0, 0, 24, 0, 16, 0], [4, 0, 0, 6, 0, 4, 0]]
    for name in ("train", "validation"):
        np.testing.assert_array_equal(found.splits[name].pixels, again.splits[name].pixels)
    assert "no column Usage, so 20% of each class, always the same" in capsys.readouterr().err


def test_other_names_of_splits(tmp_path: Path) -> None:
    path = tmp_path / "faces.csv"
    path.write_text(f"emotion;Usage;pixels\n3;train;{FACE}\n4;Test;{FACE}\n")
    found = dataset.read(path, (48, 48))
    assert (found.training()[0], found.validation()[0]) == ("train", "test")
