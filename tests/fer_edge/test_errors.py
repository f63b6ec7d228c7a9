"""The words that messages are made of."""

from __future__ import annotations

import pytest
from fer_edge.errors import ModelError, counted


@pytest.mark.parametrize(("number", "words"), [(0, "0 lines"), (1, "1 line"), (2, "2 lines"), (1000, "1000 lines")])
def test_one_thing_has_no_plural(number: int, words: str) -> None:
    """One thing is named in the singular, any other number in the plural."""
    assert counted(number, "line") == words


@pytest.mark.parametrize("name", ["\r", "a\nb", "\x1b[2Jx", "a\u2028b", "\ud800", "\u202egnp.exe"])
def test_what_is_quoted_makes_no_second_line(name: str) -> None:
    """Nor is it obeyed by a terminal, nor hides what follows."""
    said = str(ModelError(f"model card m.json: belongs to {name}, not to m.tflite"))
    assert said.isprintable()
    assert said.startswith("model card m.json: belongs to ")
    assert said.endswith(", not to m.tflite")
