"""A log in memory writes nothing, keeps the last lines, and is the same for all who ask for it by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fer_edge.logs.memory import memory_log
from fer_edge.settings import LogSettings
from fer_edge.sinks.log import Log
from fer_edge.types import Observation


def test_memory_log_keeps_the_last_lines(
    tmp_path: Path, make_observation: Callable[..., Observation], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is written and the last lines are there for who reads."""
    monkeypatch.chdir(tmp_path)
    settings = LogSettings(path="kept.jsonl", mode="frames", store="memory", memory_lines=50)
    log = Log(settings)
    for number in range(80):
        log.write(make_observation(number, "happy"))
    log.state("lost")
    log.close()
    log.close()
    kept = memory_log(settings.path, settings.memory_lines)
    assert [one.data["frame"] for one in kept.entries()] == list(range(30, 80))
    begin = datetime(2026, 1, 1, 12, tzinfo=UTC)
    some: list[Any] = [one.data for one in kept.entries(begin + timedelta(seconds=2), begin + timedelta(seconds=2.1))]
    assert [(data["frame"], data["faces"][0]["emotion"]) for data in some] == [(n, "happy") for n in (50, 51, 52)]
    assert (str(log.path), log.lines, log.repaired) == ("memory", 80, 0)
    assert not list(tmp_path.iterdir())


def test_reload_changes_how_many_lines_are_kept(make_observation: Callable[..., Observation]) -> None:
    settings = LogSettings(path="resized.jsonl", mode="frames", store="memory", memory_lines=5)
    for first, most, kept in ((0, 5, [5, 6, 7, 8, 9]), (10, 8, list(range(12, 20))), (20, 2, [28, 29])):
        log = Log(replace(settings, memory_lines=most))
        for number in range(first, first + 10):
            log.write(make_observation(number, "happy"))
        log.close()
        assert [one.data["frame"] for one in memory_log(settings.path, most).entries()] == kept
