"""The plot is drawn where matplotlib is, and asked for in one line where it is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fer_edge.bench import plot
from fer_edge.bench.results import ModelResult
from fer_edge.errors import SinkError


def test_it_is_a_picture(make_row: Callable[..., ModelResult], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    rows = [make_row(variant, threads=n) for variant in ("float32", "int8") for n in range(1, 10)]
    plot.plot([*rows, make_row("dynamic", median=0.1, accuracy=None)], "one face on a Pi", tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_what_cannot_be_drawn(make_row: Callable[..., ModelResult], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    with pytest.raises(SinkError, match="no card states its model's accuracy"):
        plot.plot([make_row(accuracy=None)], "", tmp_path / "a.png")
    with pytest.raises(SinkError, match="cannot be written"):
        plot.plot([make_row()], "", tmp_path / "none" / "a.png")
    with pytest.raises(SinkError, match=r"a plot is a \.png"):
        plot.check(tmp_path / "a.txt")


def test_matplotlib_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SinkError, match="pip install matplotlib"):
        plot.check(Path("a.png"))
