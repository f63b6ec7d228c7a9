"""What stands in a log, a card, settings or an address is read, or refused in one line. `make fuzz`: 10,000 each."""

from __future__ import annotations

import copy
import dataclasses
import json
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from fer_edge.classifiers.cards import load_card, models_folder
from fer_edge.errors import FerEdgeError
from fer_edge.records import parse as parse_line
from fer_edge.settings import Settings, load
from fer_edge.sources import choose
from fer_edge.urls import mask
from fer_edge.urls import parse as parse_url
from hypothesis import given
from hypothesis import strategies as st

NUMBERS = st.integers() | st.floats() | st.sampled_from([2**63, -1, 1e308, 10**400])
SCALARS = st.none() | st.booleans() | NUMBERS | st.text(max_size=30)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4)
)
RECORD = {
    "time": "2026-01-01T12:00:00+00:00",
    "source": "camera:0",
    "frame": 3,
    "faces": [{"id": 1, "box": [1, 2, 3, 4], "emotion": "happy", "confidence": 0.9}],
    "events": [{"kind": "came", "id": 1, "emotion": "happy"}],
}
CARD_NAME = "mini_xception-int8"
CARD = json.loads((models_folder() / f"{CARD_NAME}.json").read_text())
TABLES = {
    each.name: [part.name for part in dataclasses.fields(getattr(Settings(), each.name))]
    for each in dataclasses.fields(Settings)
}
PLACE = tempfile.TemporaryDirectory()


def held(read: Callable[[], Any]) -> None:
    """An answer, or an error of fer-edge's own in one line; any other fails the test."""
    try:
        read()
    except FerEdgeError as error:
        said = str(error)
    else:
        return
    assert len(said.splitlines()) == 1


def places_of(value: Any, above: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The way to each value in an object, at any depth."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, each in inner for place in ((*above, key), *places_of(each, (*above, key)))]


def changed(whole: dict[str, Any]) -> st.SearchStrategy[Any]:
    """A whole object with up to four other values, at any depth, or without some, or with others beside them.

    Drawn by few choices: one for each value of a card takes fifty times as long.
    """
    change = st.tuples(st.sampled_from(places_of(whole)), st.sampled_from(["other", "none", "beside"]), VALUES)
    return st.lists(change, max_size=4).map(lambda changes: with_changes(whole, changes))


def with_changes(whole: dict[str, Any], changes: list[tuple[tuple[str | int, ...], str, Any]]) -> Any:
    made = copy.deepcopy(whole)
    for (*above, last), what, value in changes:
        inside: Any = made
        with suppress(LookupError, TypeError):  # an earlier one has taken it away
            for key in above:
                inside = inside[key]
            if what == "none":
                del inside[last]
            elif what == "beside" and isinstance(inside, dict):
                inside[str(value)[:8]] = value
            else:
                inside[last] = value
    return made


@given(st.binary(max_size=300) | changed(RECORD).map(lambda value: json.dumps(value).encode()))
def test_log_line_is_read_or_left_out(line: bytes) -> None:
    held(lambda: parse_line(line))


@given(st.binary(max_size=300) | changed(CARD).map(lambda value: json.dumps(value).encode()))
def test_card_is_read_or_refused(text: bytes) -> None:
    model = Path(PLACE.name) / CARD["file"]
    model.write_bytes(b"x")
    model.with_suffix(".json").write_bytes(text)
    held(lambda: load_card(model))


@st.composite
def settings_texts(draw: st.DrawFn) -> str:
    """Tables and keys that there are, mostly, with any values."""
    lines = []
    for _ in range(draw(st.integers(1, 4))):
        table = draw(st.sampled_from(sorted(TABLES)) | st.text(max_size=8))
        lines.append(f"[{table}]" if draw(st.integers(0, 3)) else json.dumps(table) + " = 1")
        for _ in range(draw(st.integers(0, 3))):
            key = draw(st.sampled_from(TABLES.get(table) or ["x"]) | st.text(max_size=8).map(json.dumps))
            lines.append(f"{key} = {json.dumps(draw(VALUES))}")
    return "\n".join(lines)


@given(st.binary(max_size=200) | settings_texts().map(lambda text: text.encode(errors="surrogatepass")))
def test_settings_are_read_or_refused(text: bytes) -> None:
    path = Path(PLACE.name) / "fer-edge.toml"
    path.write_bytes(text)
    held(lambda: load(path))


PARTS = [
    "rtsp",
    "http",
    "https",
    ":",
    "//",
    "/",
    "@",
    "ann",
    "s3cret",
    "[",
    "]",
    "::1",
    "%",
    "%40",
    "?",
    "#",
    "&",
    "=",
    "\\",
]
ADDRESSES = st.lists(st.sampled_from(PARTS) | st.text(max_size=4), max_size=12).map("".join)


@given(ADDRESSES)
def test_address_is_read_or_refused(text: str) -> None:
    assert isinstance(mask(text), str)
    with suppress(ValueError):
        parse_url(text)
    held(lambda: choose(text))
