"""A row a face, with its place in the video; as CSV, and as Parquet where PyArrow is."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from fer_edge.cli import main
from fer_edge.demo import PORTRAIT
from fer_edge.errors import SettingsError, SinkError
from fer_edge.sinks import tables
from fer_edge.sinks.tables import SECONDS_COLUMN, TABLE_COLUMNS, Csv, Parquet
from fer_edge.types import EMOTIONS, Observation

Make = Callable[..., Observation]
ROOT = Path(__file__).parents[3]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def test_video_has_seconds_and_a_picture_none(tmp_path: Path, make_observation: Make) -> None:
    seen = make_observation(50, "happy")
    seen = replace(seen, frame=replace(seen.frame, time=2.0004))
    table = Csv(str(tmp_path / "t.csv"), EMOTIONS)
    table.write(seen)
    table.still = True
    table.write(seen)
    table.close()
    assert [row[SECONDS_COLUMN] for row in rows(tmp_path / "t.csv")] == ["2.0", ""]


def test_older_table_goes_on_as_it_is(tmp_path: Path, make_observation: Make) -> None:
    """Without the column that it does not have."""
    (tmp_path / "t.csv").write_text(",".join([*TABLE_COLUMNS, *EMOTIONS]) + "\n")
    table = Csv(str(tmp_path / "t.csv"), EMOTIONS)
    table.write(make_observation(1, "happy"))
    table.close()
    (row,) = rows(tmp_path / "t.csv")
    assert row["emotion"] == "happy"
    assert None not in row
    assert SECONDS_COLUMN not in row


def test_cut_off_table_goes_on_in_a_line_of_its_own(tmp_path: Path, make_observation: Make) -> None:
    """An editor, or a cut, leaves a last line without its end."""
    path = tmp_path / "t.csv"
    for number in (1, 2):
        table = Csv(str(path), EMOTIONS)
        table.write(make_observation(number, "happy"))
        table.close()
        path.write_text(path.read_text().removesuffix("\n"))
    assert [(row["frame"], row["emotion"]) for row in rows(path)] == [("1", "happy"), ("2", "happy")]


def test_pyarrow_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(SettingsError, match=r"--parquet: PyArrow is needed .*'fer-edge\[parquet\]'"):
        Parquet(str(tmp_path / "t.parquet"), EMOTIONS)
    assert not list(tmp_path.iterdir())


SCHEMA = {
    "time": "timestamp[us, tz=UTC]",
    "source": "string",
    **dict.fromkeys(("frame", "id", "x", "y", "width", "height"), "int64"),
    "emotion": "string",
    **dict.fromkeys(("confidence", *EMOTIONS, SECONDS_COLUMN), "double"),
}


def read_parquet(path: Path) -> Any:
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(path)
    assert {field.name: str(field.type) for field in table.schema} == SCHEMA
    assert table.column_names == list(SCHEMA)
    return table


def test_parquet_schema_is_stable(tmp_path: Path) -> None:
    """As docs/archive.md has it; no rows are left behind, and nothing is overwritten."""
    pytest.importorskip("pyarrow")
    out = tmp_path / "t.parquet"
    assert main(["detect", str(PORTRAIT), "--parquet", str(out)]) == 0
    (row,) = read_parquet(out).to_pylist()
    assert (row["emotion"], row["source"], row[SECONDS_COLUMN]) == ("happy", str(PORTRAIT), None)
    assert [path.name for path in tmp_path.iterdir()] == ["t.parquet"]
    with pytest.raises(SinkError, match="exists already, and nothing is overwritten"):
        Parquet(str(out), EMOTIONS)
    documented = (ROOT / "docs" / "archive.md").read_text()
    for name in (*TABLE_COLUMNS, SECONDS_COLUMN):
        assert re.search(rf"^\| .*`{name}`.* \| {re.escape(SCHEMA[name])} \|", documented, re.MULTILINE), name


def test_parquet_without_a_face(tmp_path: Path) -> None:
    """Empty, with the same columns."""
    pytest.importorskip("pyarrow")
    table = Parquet(str(tmp_path / "t.parquet"), EMOTIONS)
    table.finish()
    assert read_parquet(tmp_path / "t.parquet").num_rows == 0


def test_parquet_keeps_words_that_look_like_nothing(
    tmp_path: Path, make_observation: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A source called NA or with a line break, and zones that change between rows; read in many small parts."""
    pytest.importorskip("pyarrow")
    monkeypatch.setattr(tables, "PARQUET_BLOCK_BYTES", 1000)
    table = Parquet(str(tmp_path / "t.parquet"), EMOTIONS)
    taken = datetime(2026, 10, 25, 2, 30, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
    for hours in (2, 1):
        for number, source in enumerate(("NA", "null", "a\nb", 'a"b,c') * 5):
            seen = make_observation(number, "happy")
            moment = taken.replace(tzinfo=timezone(timedelta(hours=hours)))
            table.write(replace(seen, frame=replace(seen.frame, source=source, taken=moment)))
    table.finish()
    rows = read_parquet(tmp_path / "t.parquet").to_pylist()
    assert [row["source"] for row in rows] == ["NA", "null", "a\nb", 'a"b,c'] * 10
    assert [(rows[at]["time"] - taken).total_seconds() for at in (0, -1)] == [0, 3600]
