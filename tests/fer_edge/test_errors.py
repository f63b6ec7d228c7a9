"""The words that messages are made of."""

from __future__ import annotations

import pytest
from fer_edge.errors import counted


@pytest.mark.parametrize(("number", "words"), [(0, "0 lines"), (1, "1 line"), (2, "2 lines"), (1000, "1000 lines")])
def test_one_thing_has_no_plural(number: int, words: str) -> None:
    """One thing is named in the singular, any other number in the plural."""
    assert counted(number, "line") == words
