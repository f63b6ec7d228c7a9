"""The page needs no other file, is well formed, has each chart also as a table, and escapes every label."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest
from fer_edge.drawing.words import words_in
from fer_edge.report.page import page
from fer_edge.report.pictures import FIRST_LINES, pictures
from fer_edge.report.table import table
from fer_edge.report.tally import Summary, Totals
from fer_edge.report.terminal import Style, report
from fer_edge.sinks.kiosk import i18n

Make = Callable[..., Any]
ENGLISH = words_in("en")
VOID = {"meta", "line", "rect"}


class Checked(HTMLParser):
    """Notes elements, and that each end tag fits."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def lines(make_entry: Make, hours: int, label: str = "happy") -> list[Any]:
    found = []
    for n in range(hours):
        found.append(make_entry(3600 * n, {n: label}, [("came", n)]))
        found.append(make_entry(3600 * n + 30, {n: "uncertain"}, [("changed", n)]))
        found.append(make_entry(3600 * n + 40, {}, [("gone", n)]))
    return found


@pytest.mark.parametrize("hours", [1, 5, 60, 2000])
def test_it_is_whole_and_alone(make_entry: Make, add_up: Callable[..., Summary], hours: int) -> None:
    summary = add_up(lines(make_entry, hours), zone=ZoneInfo("Europe/Berlin"), now=3600 * hours)
    assert summary.begin is not None
    text = page(summary, "log.jsonl", 2, summary.begin, ENGLISH)
    found = Checked(text)
    ids = [attributes["id"] for _, attributes in found.seen if "id" in attributes]
    assert len(ids) == len(set(ids))
    for tag, attributes in found.seen:
        assert tag not in ("script", "link", "img", "iframe")
        assert not {"src", "href", "onclick", "onload"} & set(attributes)
        for name in (attributes.get("aria-labelledby") or "").split():
            assert name in ids
        if tag == "svg":
            assert ("aria-hidden" in attributes) != (attributes.get("role") == "img")
    assert "url(" not in text
    assert "@import" not in text
    charts = sum(attributes.get("role") == "img" for _, attributes in found.seen)
    tables = sum(tag == "table" for tag, _ in found.seen)
    assert (charts, tables) == ((1, 2) if hours <= 48 else (3, 4))
    assert "Half-written lines, left out: 2" in text
    assert len(text) < 400 * hours + 300_000


def test_label_is_text_only(make_entry: Make, add_up: Callable[..., Summary]) -> None:
    """A label is text and nothing else."""
    evil = '</title><script>alert("x")</script>'
    summary = add_up(lines(make_entry, 2, evil))
    assert summary.begin is not None
    text = page(summary, evil, 0, summary.begin, ENGLISH)
    assert "<script" not in text
    Checked(text)


def test_columns_stand_for_their_time(make_entry: Make, add_up: Callable[..., Summary]) -> None:
    """Two hours, the second half as busy: half as high."""
    entries = [make_entry(0, {1: "happy"}, [("came", 1)]), make_entry(40, {}, [("gone", 1)])]
    entries += [make_entry(3600, {2: "happy"}, [("came", 2)]), make_entry(3620, {}, [("gone", 2)])]
    summary = add_up(entries, now=3620)
    assert summary.begin is not None
    text = page(summary, "log", 0, summary.begin, ENGLISH)
    heights = [
        float(h)
        for h in re.findall(r'<rect class="c\d" x="[\d.]+%" width="[\d.]+%" y="[\d.]+" height="([\d.]+)"', text)
    ]
    assert heights == pytest.approx([120, 60])
    assert "<title>Thu 1 Jan, 13:00: happy 20 s</title>" in text


def test_empty_log_has_a_page(add_up: Callable[..., Summary], make_entry: Make) -> None:
    """An empty log has a page and a table."""
    summary = add_up([])
    text = page(summary, "log", 0, make_entry(0, {}, None).time, ENGLISH)
    assert "Nobody was in view" in text
    assert "no line in this time" in text
    Checked(text)
    assert table(summary) == "hour,watched_seconds,faces,changes,uncertain\n"


def test_table_has_a_row_each_hour(make_entry: Make, add_up: Callable[..., Summary]) -> None:
    """The table has a row for each hour."""
    summary = add_up(lines(make_entry, 2), zone=ZoneInfo("Asia/Kolkata"), now=3640)
    assert table(summary).splitlines() == [
        "hour,watched_seconds,faces,changes,angry,happy,neutral,uncertain",
        "2026-01-01T17:00+05:30,100.0,1,1,0.0,30.0,0.0,10.0",
        "2026-01-01T18:00+05:30,40.0,1,1,0.0,30.0,0.0,10.0",
    ]


def test_unwatched_time_is_marked(make_entry: Make, add_up: Callable[..., Summary]) -> None:
    """Days without a line are columns of their own, and cells of the map; the tables say it in words."""
    entries = lines(make_entry, 2)
    entries += [make_entry(86400 * 3, {7: "happy"}, [("came", 7)], frame=10**7)]
    entries += [make_entry(86400 * 3 + 20, {}, [("gone", 7)], frame=10**7 + 1)]
    summary = add_up(entries, now=86400 * 3 + 20)
    assert summary.begin is not None
    text = page(summary, "log", 0, summary.begin, ENGLISH)
    assert text.count("Fri 2 Jan 2026: not watched") == 1
    assert text.count("<title>Fri 2 Jan, 04:00: not watched</title>") == 1
    assert text.count('class="cross"') == 4 * 24 - 3
    assert text.count("<td>not watched</td>") == 2
    assert text.count('class="heat"') == 3


@pytest.mark.parametrize("language", i18n.shipped())
def test_pictures_stand_alone(make_entry: Make, add_up: Callable[..., Summary], language: str) -> None:
    """Each is well-formed XML that needs no other file, has a title, and lies within its frame."""
    evil = '</title><script>alert("x")</script>'
    summary = add_up(lines(make_entry, 60, evil), now=3600 * 60)
    found = pictures(summary, words_in(language))
    assert sorted(found) == ["clock.svg", "emotions.svg", "heat.svg", "time.svg"]
    for text in found.values():
        assert text.startswith(FIRST_LINES)
        root = ElementTree.fromstring(text)
        _, _, width, height = map(float, root.attrib["viewBox"].split())
        assert root[0].text
        assert "<script" not in text
        for part in root.iter():
            if "%" not in part.get("x", "0%"):
                assert 0 <= float(part.attrib["x"]) < width
            if part.tag.endswith("}svg") and part is not root:
                assert float(part.attrib["y"]) + float(part.attrib["height"]) <= height
    assert pictures(add_up([]), words_in(language)) == {}


def test_long_log_is_summed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the page does grows as the log does: two months took over a minute when each row summed the whole log."""
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    summary = Summary(UTC, labels=["happy", "sad", "uncertain"], begin=begin, end=begin + timedelta(days=60))
    summary.hours = {
        begin + timedelta(hours=n): Totals({"happy": 60.0 + n % 24, "sad": 30.0}, 3600.0, 3, 1, 2)
        for n in range(60 * 24)
    }
    added, add = [0], Totals.add

    def counted(part: Totals, other: Totals) -> None:
        added[0] += 1
        add(part, other)

    monkeypatch.setattr(Totals, "add", counted)
    page(summary, "log", 0, begin, ENGLISH)
    pictures(summary, ENGLISH)
    report(summary, Style(80, False, True), ENGLISH)
    assert added[0] <= 20 * len(summary.hours)
