"""What somebody may have meant by a word that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

MIN_LIKENESS = 0.6  # of two words, 0 to 1, as difflib measures it


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The one of `known` that is most like `word`, as the end of a message: "; did you mean happy?"; "" if none is."""
    by_lower = {name.lower(): name for name in known}
    found = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=MIN_LIKENESS)
    return f"; did you mean {by_lower[found[0]]}?" if found else ""
