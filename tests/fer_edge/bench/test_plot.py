"""The plot is drawn where matplotlib is, and asked for in one line where it is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fer_edge.bench import plot
from fer_edge.bench.results import ModelResult
from fer_edge.classifiers.cards import installed
from fer_edge.errors import SinkError


def test_it_is_a_picture(make_row: Callable[..., ModelResult], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    rows = [make_row(variant, threads=n) for variant in ("float32", "int8") for n in range(1, 10)]
    plot.plot([*rows, make_row("dynamic", median=0.1, accuracy=None)], "one face on a Pi", tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_names_are_at_the_points(make_row: Callable[..., ModelResult], tmp_path: Path) -> None:
    """Each model is named once, in letters; whiskers, and the band of what may be as good, are drawn."""
    matplotlib = pytest.importorskip("matplotlib")
    drawn: list[str] = []
    for spread in (0.1, 1.9):
        rows = [
            make_row(variant, threads=n, spread=spread, faces=3000, median=0.001 * k / n)
            for k, variant in enumerate(("float32", "float16", "dynamic", "int8"), 1)
            for n in (1, 2)
        ]
        with matplotlib.rc_context({"svg.fonttype": "none"}):  # letters, not curves
            plot.plot(rows, "one face on a Pi", tmp_path / f"{spread}.svg")
        drawn.append((tmp_path / f"{spread}.svg").read_text())
        for variant in ("float32", "float16", "dynamic", "int8"):
            assert drawn[-1].count(f">mini-{variant}<") == 1
        assert "95 % interval of the best" in drawn[-1]
    assert drawn[0] != drawn[1]


def test_names_cover_no_marker(
    make_row: Callable[..., ModelResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the next number of threads is as fast, so that its marker is beside the first."""
    pytest.importorskip("matplotlib")
    from matplotlib.text import Text

    covered: list[tuple[str, int]] = []
    names: list[str] = []
    write_names = plot._write_names

    def looking(axes: Any, written: Any, rows: list[ModelResult]) -> None:
        write_names(axes, written, rows)
        radius = plot.MARKER_SIZE / 2 * axes.figure.dpi / 72
        for text in axes.texts:
            names.append(text.get_text())
            box = Text.get_window_extent(text).padded(radius)
            places = {row: axes.transData.transform((1000 * row.median, row.accuracy)) for row in rows}
            covered.extend((names[-1], row.threads) for row, place in places.items() if box.contains(*place))

    monkeypatch.setattr(plot, "_write_names", looking)
    for apart in (1.02, 1.03, 1.04, 1.05):
        rows = [
            make_row(variant, threads=n, spread=0.0, median=median * apart ** (n - 1))
            for variant, median in (("int8", 0.0002), ("float32", 0.00035))
            for n in (1, 2)
        ]
        plot.plot(rows, "one face on a Pi", tmp_path / "a.png")
    assert names == 4 * ["mini-int8", "mini-float32"]
    assert covered == []


def test_what_cannot_be_drawn(make_row: Callable[..., ModelResult], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    cards = installed()
    with pytest.raises(SinkError, match="no card states its model's accuracy"):
        plot.check(tmp_path / "a.png", [replace(card, metrics={}) for card in cards])
    with pytest.raises(SinkError, match="cannot be written"):
        plot.plot([make_row()], "", tmp_path / "none" / "a.png")
    with pytest.raises(SinkError, match=r"a plot is a \.png"):
        plot.check(tmp_path / "a.txt", cards)


def test_matplotlib_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SinkError, match="pip install matplotlib"):
        plot.check(Path("a.png"), installed())
