"""Outputs change with the settings while the loop runs; one that cannot be opened leaves all as it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fer_edge.errors import SinkError
from fer_edge.pause import PauseSwitch
from fer_edge.service.outputs import Outputs, _read_by
from fer_edge.settings import Settings, parse
from fer_edge.sinks.guard import Guarded
from fer_edge.types import Observation


def settings(folder: Path, *sinks: str, **log: object) -> Settings:
    tables = {"run": {"sinks": list(sinks)}, "csv": {"path": str(folder / "table.csv")}}
    return parse({**tables, "log": {"path": str(folder / "log.jsonl"), "mode": "frames", **log}})


@pytest.fixture
def outputs() -> Outputs:
    return Outputs(PauseSwitch())


def write(outputs: Outputs, observation: Observation) -> None:
    for sink in outputs.sinks:
        sink.write(observation)


def names(outputs: Outputs) -> list[str]:
    return [sink.name for sink in outputs.sinks]


def test_unchanged_outputs_stay_open(outputs: Outputs, tmp_path: Path) -> None:
    outputs.reconfigure(settings(tmp_path, "log"))
    (log,) = outputs.sinks
    outputs.reconfigure(settings(tmp_path, "console", "log"))
    assert names(outputs) == ["console", "log"]
    assert outputs.sinks[1] is log
    outputs.reconfigure(settings(tmp_path, "log", keep_days=7))
    assert outputs.sinks != [log]
    outputs.close()
    assert outputs.sinks == []
    assert not outputs.failing
    assert len(outputs.logs) == 2


def test_a_failed_change_restores_the_outputs(
    outputs: Outputs,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    make_observation: Callable[..., Observation],
) -> None:
    outputs.reconfigure(settings(tmp_path, "log", "csv"))
    write(outputs, make_observation(0))
    bad = settings(tmp_path, "console", "log", path=str(tmp_path / "no" / "folder" / "log.jsonl"))
    with pytest.raises(SinkError, match=r"no/folder/log\.jsonl"):
        outputs.reconfigure(bad)
    assert names(outputs) == ["log", "csv"]
    write(outputs, make_observation(1))
    outputs.close()
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 2
    assert capsys.readouterr().err == ""
    assert not outputs.failing


def test_a_lost_output_shows_in_the_exit_code(
    outputs: Outputs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs.reconfigure(settings(tmp_path, "log"))
    (tmp_path / "log.jsonl").unlink()
    (tmp_path / "log.jsonl").mkdir()
    with pytest.raises(SinkError):
        outputs.reconfigure(settings(tmp_path, "log", keep_days=7))
    assert outputs.sinks == []
    assert outputs.failing
    assert "log is off until the settings are read again" in capsys.readouterr().err


def test_a_repair_is_said(outputs: Outputs, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a power cut left of the last line is gone, and the journal says so; of a whole log it says nothing."""
    path = tmp_path / "log.jsonl"
    outputs.reconfigure(settings(tmp_path, "log"))
    outputs.close()
    assert capsys.readouterr().out == f"log: {path}\n"
    path.write_text('{"time": "2026-01-01')
    outputs.reconfigure(settings(tmp_path, "console"))
    outputs.reconfigure(settings(tmp_path, "log"))
    outputs.close()
    cut = f"log: cut 20 bytes of a half-written last line off {path}"
    assert capsys.readouterr().out == f"console: standard output\nlog: {path}\n{cut}\n"


def test_a_failed_start_leaves_nothing_open(outputs: Outputs, tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="no/log"):
        outputs.reconfigure(settings(tmp_path, "csv", "log", path=str(tmp_path / "no" / "log")))
    assert outputs.sinks == []


def test_a_sink_failing_when_closed_is_remembered(
    outputs: Outputs, tmp_path: Path, make_observation: Callable[..., Observation]
) -> None:
    outputs.reconfigure(settings(tmp_path, "log", path="/dev/full", flush_seconds=0))
    write(outputs, make_observation(0))
    assert isinstance(outputs.sinks[0], Guarded)
    outputs.reconfigure(settings(tmp_path))
    assert outputs.failing


def test_output_follows_what_it_also_reads(outputs: Outputs, tmp_path: Path) -> None:
    """The kiosk is opened again if detector.ignore changes, since its page draws that; the log is not."""
    pytest.importorskip("starlette")
    base = parse({"kiosk": {"port": 0}}, settings(tmp_path, "log", "kiosk"))
    outputs.reconfigure(base)
    log, kiosk = outputs.sinks
    outputs.reconfigure(parse({"smoother": {"seconds": 1}}, base))
    assert outputs.sinks == [log, kiosk]
    outputs.reconfigure(parse({"detector": {"ignore": [[0, 0, 0.5, 0.5]]}}, base))
    assert outputs.sinks[0] is log
    assert outputs.sinks[1] is not kiosk
    outputs.close()


@pytest.mark.parametrize("tables", [{"path": "other.jsonl"}, {"store": "memory"}, {"memory_lines": 5}])
def test_page_follows_the_log(tables: dict[str, Any]) -> None:
    """Its history is of the log that is written now."""
    before = Settings()
    assert _read_by("kiosk", before) != _read_by("kiosk", parse({"log": tables}, before))
