"""Outputs follow the settings while the loop runs; what cannot be opened leaves things as they were."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fer_edge.errors import SinkError
from fer_edge.pause import PauseSwitch
from fer_edge.service.outputs import Outputs
from fer_edge.settings import Settings, parse
from fer_edge.sinks.guard import Guarded
from fer_edge.types import Observation


def settings(folder: Path, *sinks: str, **log: object) -> Settings:
    return parse({"run": {"sinks": list(sinks)}, "log": {"path": str(folder / "log.jsonl"), "mode": "frames", **log}})


@pytest.fixture
def outputs() -> Outputs:
    return Outputs(PauseSwitch())


def write(outputs: Outputs, observation: Observation) -> None:
    for sink in outputs.sinks:
        sink.write(observation)


def names(outputs: Outputs) -> list[str]:
    return [sink.name for sink in outputs.sinks]


def test_those_whose_settings_stay_stay_open(outputs: Outputs, tmp_path: Path) -> None:
    outputs.follow(settings(tmp_path, "log"))
    (log,) = outputs.sinks
    assert outputs.try_follow(settings(tmp_path, "console", "log"))
    assert names(outputs) == ["console", "log"]
    assert outputs.sinks[1] is log
    assert outputs.try_follow(settings(tmp_path, "log", keep_days=7))
    assert outputs.sinks != [log]
    outputs.close()
    assert outputs.sinks == []
    assert not outputs.failing
    assert len(outputs.logs) == 2


def test_what_cannot_be_opened_leaves_all_as_it_was(
    outputs: Outputs,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    make_observation: Callable[..., Observation],
) -> None:
    outputs.follow(settings(tmp_path, "log", "csv"))
    write(outputs, make_observation(0))
    bad = settings(tmp_path, "console", "log", path=str(tmp_path / "no" / "folder" / "log.jsonl"))
    assert not outputs.try_follow(bad)
    assert names(outputs) == ["log", "csv"]
    write(outputs, make_observation(1))
    outputs.close()
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 2
    error = capsys.readouterr().err
    assert "no/folder/log.jsonl" in error
    assert error.endswith("the old settings stay\n")
    assert not outputs.failing


def test_one_that_does_not_come_back_shows_in_the_exit_code(
    outputs: Outputs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs.follow(settings(tmp_path, "log"))
    (tmp_path / "log.jsonl").unlink()
    (tmp_path / "log.jsonl").mkdir()
    assert not outputs.try_follow(settings(tmp_path, "log", keep_days=7))
    assert outputs.sinks == []
    assert outputs.failing
    assert "log is off until the settings are read again" in capsys.readouterr().err


def test_the_first_opening_raises(outputs: Outputs, tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="no/log"):
        outputs.follow(settings(tmp_path, "log", path=str(tmp_path / "no" / "log")))
    outputs.close()


def test_a_sink_that_fails_when_it_is_taken_away_is_remembered(
    outputs: Outputs, tmp_path: Path, make_observation: Callable[..., Observation]
) -> None:
    outputs.follow(settings(tmp_path, "log", path="/dev/full", flush_seconds=0))
    write(outputs, make_observation(0))
    assert isinstance(outputs.sinks[0], Guarded)
    outputs.follow(settings(tmp_path))
    assert outputs.failing
