"""What users are told about the shipped model's accuracy is what its card says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fer_edge.classifiers.cards import installed

ROOT = Path(__file__).parents[2]
EDGE = ROOT / "edge" / "fer_edge"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (ROOT / "README.md", r"agrees with the majority of ten people in ([\d.]+) %"),
        (EDGE / "report" / "page.py", r"agrees with the majority of ten people \"\s+\"in ([\d.]+) %"),
    ],
    ids=["readme", "report"],
)
def test_stated_agreement_is_the_cards(path: Path, words: str) -> None:
    """As rounded there, and for the variant that runs by default."""
    (card,) = (card for card in installed() if card.name == "mini_xception-int8")
    assert card.accuracy is not None
    assert card.learned_from == "votes"
    (stated,) = re.findall(words, path.read_text(encoding="utf-8"))
    number = stated.replace(",", ".")
    digits = len(number.partition(".")[2])
    assert number == f"{100 * card.accuracy:.{digits}f}"
