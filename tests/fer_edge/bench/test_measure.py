"""What the cards say stands beside what was measured."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest
from fer_edge.bench import latency, measure
from fer_edge.bench.combinations import Combination, find_cards
from fer_edge.bench.latency import Latency


def test_row_has_the_cards_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Accuracy, split and what the model learned from are the card's."""
    times = Latency(reads=3, median=0.001, p95=0.002, p99=0.003, mean=0.001, spread=0.1)
    monkeypatch.setattr(latency, "measure", lambda *_: [times])
    monkeypatch.setattr(measure, "peak_memory_of", lambda _: 7)
    (card,) = find_cards(["mini_xception-int8"])
    card = replace(card, learned_from="votes", metrics={"split": "mine", "accuracy": 0.8})
    (row,) = measure.measure_models([Combination(card, "auto", 1)], 0.0, str)
    assert (row.learned_from, row.split, row.accuracy, row.memory) == ("votes", "mine", 0.8, 7)
    assert asdict(row).items() >= asdict(times).items()
