"""What people see in a terminal fits it, says the same without colour, and names every label."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from fer_edge.drawing.terminal import columns_of
from fer_edge.drawing.words import words_in
from fer_edge.report.tally import Summary
from fer_edge.report.terminal import Style, report, style_of
from fer_edge.sinks.kiosk import i18n

Make = Callable[..., Any]
ENGLISH = words_in("en")


@pytest.fixture
def summary(make_entry: Make, add_up: Callable[..., Summary]) -> Summary:
    lines = [make_entry(0, {1: "happy"}, [("came", 1)]), make_entry(30, {1: "a label of my own"}, [("changed", 1)])]
    lines += [make_entry(60, {1: "uncertain"}, [("changed", 1)]), make_entry(66, {}, [("gone", 1)])]
    lines += [make_entry(90000, {1: "happy"}, [("came", 1)], frame=0), make_entry(90004, {}, [("gone", 1)], frame=100)]
    return add_up(lines, now=90004)


def test_it_says_what_the_log_says(summary: Summary) -> None:
    text = report(summary, Style(80, colour=False, blocks=True), ENGLISH)
    lines = text.splitlines()
    assert lines[0] == "Thu 1 Jan 2026, 12:00 to Fri 2 Jan 2026, 13:00"
    assert " ".join(lines[1:3]).startswith("faces 2, changes 2, watched 1 min, faces in view 1 min, not sure 9 %")
    assert re.search(r"^happy +34 s +49 %  █+$", text, re.MULTILINE)
    assert re.search(r"^a label of my own +30 s +43 %  █+", text, re.MULTILINE)
    assert re.search(r"^Fri 2 Jan +4 s +happy \+51 +█", text, re.MULTILINE)
    assert re.search(r"^12:00-13:00 +1 min +as usual +█", text, re.MULTILINE)
    assert f"\nThu 1 Jan  {'·' * 24}██{'·' * 22}\n" in text  # two columns an hour
    assert "\x1b" not in text


@pytest.mark.parametrize("width", [20, 30, 40, 80, 100])
@pytest.mark.parametrize("blocks", [True, False])
def test_it_fits_the_width(summary: Summary, width: int, blocks: bool) -> None:
    text = report(summary, Style(width, colour=False, blocks=blocks), ENGLISH)
    limit = max(width, 34)  # narrower, words would have to go
    assert max(map(len, text.splitlines()[3:])) <= limit
    assert blocks or text.isascii()


def test_note_only_with_what_it_explains(summary: Summary, make_entry: Make, add_up: Callable[..., Summary]) -> None:
    """ "+12" is explained where a row has such a figure: of a day, or of an hour."""
    note = "+12: 12 points above its share"
    style = Style(80, colour=False, blocks=True)
    assert note in report(summary, style, ENGLISH)  # of a day
    hours = [make_entry(0, {1: "happy"}, [("came", 1)]), make_entry(30, {}, [("gone", 1)])]
    usual = report(add_up(hours, now=30), style, ENGLISH)
    assert "as usual" in usual
    assert note not in usual
    hours += [make_entry(7200, {2: "sad"}, [("came", 2)]), make_entry(7230, {}, [("gone", 2)])]
    assert note in report(add_up(hours, now=7230), style, ENGLISH)


def test_colour_changes_nothing_else(summary: Summary) -> None:
    plain, coloured = (report(summary, Style(80, colour, blocks=True), ENGLISH) for colour in (False, True))
    assert "\x1b[38;5;" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain


def test_nobody_is_said(make_entry: Make, add_up: Callable[..., Summary]) -> None:
    text = report(add_up([make_entry(0, {}, [("heartbeat", 0)])]), Style(80, colour=False, blocks=True), ENGLISH)
    assert text.endswith("Nobody was in view.")


class _Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def test_picture_takes_no_time(make_entry: Make, add_up: Callable[..., Summary]) -> None:
    """Its face was there, though for no time that can be shared out."""
    text = report(add_up([make_entry(0, {1: "happy"}, [("came", 1)])], now=0), Style(80, False, True), ENGLISH)
    assert "faces 1, " in text
    assert "Nobody" not in text


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


def test_unwatched_days_are_marked(make_entry: Make, add_up: Callable[..., Summary]) -> None:
    """A run of them has one row; a day that was watched and had nobody is none of them."""
    lines = [make_entry(0, {1: "happy"}, [("came", 1)]), make_entry(50, {}, [("gone", 1)])]
    lines += [make_entry(86400 * n, {}, [("heartbeat", 0)], frame=10**6 * n) for n in (4, 5, 6)]
    lines += [make_entry(86400 * 6 + 30, {}, [("heartbeat", 0)], frame=10**7)]
    found = add_up(lines, now=86400 * 6 + 30)
    found.asked = (date(2025, 12, 30), None)
    text = report(found, Style(80, colour=False, blocks=True), ENGLISH)
    rows = [re.split(r"  +", line) for line in text.partition("\nday\n")[2].partition("\n\n")[0].splitlines()]
    assert rows == [
        ["Tue 30 Dec - Wed 31 Dec", "-", "not watched"],
        ["Thu 1 Jan", "50 s", "as usual", rows[1][-1]],
        ["Fri 2 Jan - Sun 4 Jan", "-", "not watched"],
        ["Mon 5 Jan", "0 s"],
        ["Tue 6 Jan", "0 s"],
        ["Wed 7 Jan", "0 s"],
    ]


@pytest.mark.parametrize("language", i18n.shipped())
def test_report_speaks_each_language(summary: Summary, language: str) -> None:
    """In its words, with bars that begin below each other though some letters are two columns wide."""
    text = report(summary, Style(80, colour=False, blocks=True), words_in(language))
    words = words_in(language)
    for key in ("report_day", "report_heat", "report_busiest", "report_usual", "history_faces"):
        assert words[key] in text
    assert language == "en" or not re.search("busiest|as usual|not sure", text)
    emotions = text.split("\n\n")[1].splitlines()[1:]
    assert len({columns_of(line.partition("█")[0]) for line in emotions if "█" in line}) == 1
    assert max(map(columns_of, text.splitlines()[3:])) <= 80
