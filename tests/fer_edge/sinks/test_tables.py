"""A row a face, with its place in the video; as CSV, and as Parquet where pandas is."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from fer_edge.cli import main
from fer_edge.demo import PORTRAIT
from fer_edge.errors import SettingsError, SinkError
from fer_edge.sinks.tables import SECONDS_COLUMN, TABLE_COLUMNS, Csv, Parquet
from fer_edge.types import EMOTIONS, Observation

Make = Callable[..., Observation]


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


def test_pandas_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(SettingsError, match=r"--parquet: pandas and pyarrow are needed .*'fer-edge\[parquet\]'"):
        Parquet(str(tmp_path / "t.parquet"), EMOTIONS)
    assert not list(tmp_path.iterdir())


def test_parquet_has_types(tmp_path: Path) -> None:
    """Moments, numbers and texts; no rows are left behind, and nothing is overwritten."""
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    out = tmp_path / "t.parquet"
    assert main(["detect", str(PORTRAIT), "--parquet", str(out)]) == 0
    table = pd.read_parquet(out)
    assert list(table.columns) == [*TABLE_COLUMNS, *EMOTIONS, SECONDS_COLUMN]
    assert str(table["time"].dtype).startswith("datetime64[")
    assert (table["emotion"][0], table["id"].dtype.kind, table["happy"].dtype.kind) == ("happy", "i", "f")
    assert [path.name for path in tmp_path.iterdir()] == ["t.parquet"]
    with pytest.raises(SinkError, match="exists already, and nothing is overwritten"):
        Parquet(str(out), EMOTIONS)


def test_parquet_without_a_face(tmp_path: Path) -> None:
    """Empty, with the same columns."""
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    table = Parquet(str(tmp_path / "t.parquet"), EMOTIONS)
    table.finish()
    assert list(pd.read_parquet(tmp_path / "t.parquet").columns) == [*TABLE_COLUMNS, *EMOTIONS, SECONDS_COLUMN]
