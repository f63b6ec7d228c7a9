"""The rules and the dashboard in deploy/ ask for metrics that devices have, and fire when they should."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from fer_edge.pause import PauseSwitch
from fer_edge.settings import Settings
from fer_edge.sinks.guard import Guarded
from fer_edge.sinks.kiosk.metrics import Metrics
from fer_edge.sinks.kiosk.sink import Kiosk
from fer_edge.sinks.kiosk.state import KioskState
from fer_edge.sinks.program import Program
from fer_edge.stopwatch import Stopwatch
from fer_edge.types import Observation

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "fer-edge.rules.yml"
NAME = re.compile(r"(?<![\w:])(?:fer_edge|process)_\w+")


def test_metrics_asked_for_exist(tmp_path: Path, make_observation: object) -> None:
    (tmp_path / "sys/class/thermal/thermal_zone0").mkdir(parents=True)
    (tmp_path / "sys/class/thermal/thermal_zone0/temp").write_text("50000\n")
    state = KioskState()
    seen = make_observation(1, "happy")  # type: ignore[operator]
    assert isinstance(seen, Observation)
    state.write(seen)
    state.program = Program(Stopwatch(), "", str, lambda: [Guarded("log", Kiosk(Settings(), PauseSwitch()))], None)
    text = Metrics(Settings(), tmp_path).text(state, 0)
    known = set(re.findall(r"^# TYPE (\w+)", text, re.MULTILINE))
    asked = set(NAME.findall(RULES.read_text() + (DEPLOY / "grafana" / "fer-edge.json").read_text()))
    assert len(asked) > 12
    assert asked <= known
    for name in known:
        assert re.search(rf"^# HELP {name} [A-Z0-9].*\.$", text, re.MULTILINE), name
        assert name.endswith("_total") == (f"# TYPE {name} counter" in text), name


def test_dashboard_asks_what_rules_record() -> None:
    recorded = set(re.findall(r"record: (\S+)", RULES.read_text()))
    board = json.loads((DEPLOY / "grafana" / "fer-edge.json").read_text())
    queries = [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]
    assert set(re.findall(r"\w+:\w+:\w+", " ".join(queries))) == recorded
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


@pytest.mark.process
@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool: sudo apt install prometheus")
def test_rules_pass_their_own_tests() -> None:
    for command in (["check", "rules", str(RULES)], ["test", "rules", str(RULES.with_name("fer-edge.test.yml"))]):
        subprocess.run(["promtool", *command], check=True, capture_output=True)
