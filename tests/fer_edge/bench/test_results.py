"""What was found is kept in a file, and a file of another kind is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fer_edge.bench.results import Results, read, text_of, write
from fer_edge.errors import SettingsError, SinkError


def test_there_and_back(make_results: Callable[..., Results], tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    write(make_results(), path)
    assert read(path) == make_results()
    assert json.loads(path.read_text())["version"] == 1


def test_older_file_is_read(make_results: Callable[..., Results], tmp_path: Path) -> None:
    """One that does not say what its models learned from."""
    path = tmp_path / "bench.json"
    content = json.loads(text_of(make_results()))
    for row in content["rows"]:
        assert row.pop("learned_from") == ""
    path.write_text(json.dumps(content))
    assert read(path) == make_results()


def test_nothing_is_overwritten(make_results: Callable[..., Results], tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    path.write_text("mine")
    with pytest.raises(SinkError, match="File exists"):
        write(make_results(), path)
    assert path.read_text() == "mine"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": "other"}, "another kind of file"),
        ({"version": 2}, "version 2, this fer-edge reads 1"),
        ({"rows": [{}]}, "wrong or missing entry"),
        ({"rows": 3}, "wrong or missing entry"),
        ({"loop": None}, "wrong or missing entry"),
        ({"machine": {"board": "x"}}, "wrong or missing entry"),
        ({"colour": "red"}, "wrong or missing entry"),
    ],
)
def test_another_kind_of_file_is_refused(
    change: dict[str, Any], words: str, make_results: Callable[..., Results], tmp_path: Path
) -> None:
    path = tmp_path / "bench.json"
    path.write_text(json.dumps(json.loads(text_of(make_results())) | change))
    with pytest.raises(SettingsError, match=words):
        read(path)


def test_text_as_figure_is_refused(make_results: Callable[..., Results], tmp_path: Path) -> None:
    """A figure that is not a number is refused."""
    path = tmp_path / "bench.json"
    path.write_text(text_of(make_results()).replace('"median": 0.001', '"median": "fast"', 1))
    with pytest.raises(SettingsError, match="median = 'fast': a number"):
        read(path)


@pytest.mark.parametrize(
    ("old", "new"), [('"frames": ', "-"), ('"frames": ', "0.5e1"), ('"pace_frames": ', "1e9999"), ('"median": ', "-")]
)
def test_impossible_figure_is_refused(old: str, new: str, make_results: Callable[..., Results], tmp_path: Path) -> None:
    """So many frames are read for a comparison: it was a traceback, after minutes of measuring."""
    path = tmp_path / "bench.json"
    path.write_text(text_of(make_results()).replace(old, f"{old}{new}", 1))
    with pytest.raises(SettingsError, match="number, 0 or more"):
        read(path)


@pytest.mark.parametrize("text", ["", "[]", "7", "{", "[" * 100_000, '{"card": 1}'])
def test_other_content_is_refused(text: str, tmp_path: Path) -> None:
    """A file that holds no results is a one-line error."""
    path = tmp_path / "bench.json"
    path.write_text(text)
    with pytest.raises(SettingsError, match="bench --json"):
        read(path)


def test_unreadable_file_is_refused(tmp_path: Path) -> None:
    """A file that is missing or not text is refused."""
    with pytest.raises(SettingsError, match="No such file"):
        read(tmp_path / "none.json")
    (tmp_path / "x.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="not JSON"):
        read(tmp_path / "x.json")
