"""What people see in a terminal fits it, says the same without colour, and names every label."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from fer_edge.report.tally import Summary
from fer_edge.report.terminal import Style, report, style_of

Make = Callable[..., Any]


@pytest.fixture
def summary(make_entry: Make, add_up: Callable[..., Summary]) -> Summary:
    lines = [make_entry(0, {1: "happy"}, [("came", 1)]), make_entry(30, {1: "a label of my own"}, [("changed", 1)])]
    lines += [make_entry(60, {1: "uncertain"}, [("changed", 1)]), make_entry(66, {}, [("gone", 1)])]
    lines += [make_entry(90000, {1: "happy"}, [("came", 1)], frame=0), make_entry(90004, {}, [("gone", 1)], frame=100)]
    return add_up(lines, now=90004)


def test_it_says_what_the_log_says(summary: Summary) -> None:
    text = report(summary, Style(80, colour=False, blocks=True))
    lines = text.splitlines()
    assert lines[0] == "Thu 1 Jan 2026, 12:00 to Fri 2 Jan 2026, 13:00"
    assert " ".join(lines[1:3]).startswith("2 faces, 2 changes, watched 2 min, faces in view 1 min, uncertain 9 %")
    assert re.search(r"^happy +34 s +49 %  █+$", text, re.MULTILINE)
    assert re.search(r"^a label of my own +30 s +43 %  █+", text, re.MULTILINE)
    assert re.search(r"^Fri 2 Jan +4 s +happy +█", text, re.MULTILINE)
    assert re.search(r"^12:00-13:00 +1 min +happy +█", text, re.MULTILINE)
    assert "\x1b" not in text


@pytest.mark.parametrize("width", [20, 30, 40, 80, 100])
@pytest.mark.parametrize("blocks", [True, False])
def test_it_fits_the_width(summary: Summary, width: int, blocks: bool) -> None:
    text = report(summary, Style(width, colour=False, blocks=blocks))
    limit = max(width, 34)  # narrower, words would have to go
    assert max(map(len, text.splitlines()[3:])) <= limit
    assert blocks or text.isascii()


def test_colour_changes_nothing_else(summary: Summary) -> None:
    plain, coloured = (report(summary, Style(80, colour, blocks=True)) for colour in (False, True))
    assert "\x1b[38;5;" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain


def test_nobody_is_said(make_entry: Make, add_up: Callable[..., Summary]) -> None:
    text = report(add_up([make_entry(0, {}, [("heartbeat", 0)])]), Style(80, colour=False, blocks=True))
    assert text.endswith("nobody was in view")


class _Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def test_colour_only_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal gets colour and a pipe none."""
    for name in ("NO_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert style_of(io.StringIO()) == Style(80, colour=False, blocks=False)
    assert style_of(_Terminal()).colour
    monkeypatch.setenv("COLUMNS", "40")
    assert style_of(io.StringIO()).width == 40
    monkeypatch.setenv("NO_COLOR", "1")
    assert not style_of(_Terminal()).colour
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not style_of(_Terminal()).colour
