"""A word that is not known is taken for one that is like it, and for nothing else."""

from __future__ import annotations

import pytest
from fer_edge.suggest import did_you_mean

KNOWN = ("kiosk", "console", "mqtt", "log")


@pytest.mark.parametrize(
    ("word", "meant"), [("kiosq", "kiosk"), ("MQTT", "mqtt"), ("consle", "console"), ("lgo", "log")]
)
def test_typos_are_known(word: str, meant: str) -> None:
    assert did_you_mean(word, KNOWN) == f"; did you mean {meant}?"


@pytest.mark.parametrize("word", ["", "webhook", "x" * 1000, "s3cret"])
def test_nothing_is_made_up(word: str) -> None:
    assert did_you_mean(word, KNOWN) == ""
