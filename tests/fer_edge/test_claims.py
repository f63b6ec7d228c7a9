"""What users are told about the shipped model's accuracy is what its card says."""

from __future__ import annotations

import re
from pathlib import Path

from fer_edge.classifiers.cards import installed, shipped_agreement

ROOT = Path(__file__).parents[2]


def test_stated_agreement_is_the_cards() -> None:
    """As rounded in the README, and for the variant that runs by default; kiosk and report ask the card."""
    (card,) = (card for card in installed() if card.name == "mini_xception-int8")
    assert card.accuracy is not None
    assert card.learned_from == "votes"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (stated,) = re.findall(r"agrees with the majority of ten people in ([\d.]+) %", readme)
    digits = len(stated.partition(".")[2])
    assert stated == f"{100 * card.accuracy:.{digits}f}"
    assert shipped_agreement() == f"{100 * card.accuracy:.0f}"
