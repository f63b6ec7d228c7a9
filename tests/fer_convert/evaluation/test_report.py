"""An evaluation as a table, a page and two plots."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("matplotlib")

from fer_convert.evaluation import report
from fer_convert.evaluation.metrics import measure
from fer_convert.evaluation.result import Evaluation
from fer_edge.types import EMOTIONS


@pytest.fixture
def result() -> Evaluation:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 7, 200)
    scores = rng.random((200, 7)).astype(np.float32)
    scores[np.arange(200), labels] += 0.7
    found = measure(scores / scores.sum(axis=1, keepdims=True), labels, EMOTIONS, "PublicTest")
    return Evaluation("model.tflite", "faces.csv", "ab" * 32, found, None)


def test_table_fits_a_terminal(result: Evaluation) -> None:
    """The table has every class and confusion in 100 columns."""
    text = report.table(result)
    figures, _, confused = text.partition("confused most:")
    for label in EMOTIONS:
        assert figures.count(label) == 3  # its line, its row, its column
    assert len(confused.splitlines()) == 6
    assert max(map(len, text.splitlines())) <= 100


def test_table_and_page_name_confusions(result: Evaluation) -> None:
    """The largest confusions are in table, page and JSON; a model without errors has none."""
    first, *_, last = result.metrics.top_confusions()
    for pair in (first, last):
        line = (
            f"{pair.shows} predicted as {pair.read_as}: {pair.faces} of {pair.of} faces "
            f"({100 * pair.faces / pair.of:.0f} %)"
        )
        assert f"\n{line}" in report.table(result)
        assert f"\n- {line}\n" in report.page(result)
    assert result.as_json()["top_confusions"][0]["read_as"] == first.read_as
    right = replace(result, metrics=measure(np.eye(7, dtype=np.float32), np.arange(7), EMOTIONS, "PublicTest"))
    assert "onfused most" not in report.table(right) + report.page(right)
