"""The unit as systemctl shows it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fer_edge.doctor import service
from fer_edge.doctor.finding import Context

Make = Callable[..., Context]
GOOD = """LoadState=loaded
UnitFileState=enabled
ActiveState=active
SubState=running
Result=success
NRestarts=0
ExecMainStatus=0
StatusText=23.9 fps, 1 face, happy 93 %
PrivateNetwork=yes
"""


def look(make_context: Make, text: str, **tables: dict[str, object]) -> dict[str, tuple[str, str]]:
    findings = list(service.check(make_context({"systemctl": text}, **tables)))
    assert all("happy" not in finding.says for finding in findings)  # a prediction is private
    return {finding.name: (finding.level, finding.cure) for finding in findings}


def test_well(make_context: Make) -> None:
    assert look(make_context, GOOD) == {"service": ("ok", ""), "last exits": ("ok", "")}
    assert look(make_context, "") == {"service": ("ok", "")}


@pytest.mark.parametrize(
    ("old", "new", "name", "level", "cure"),
    [
        ("loaded", "not-found", "service", "warning", "sudo systemd/install.sh"),
        ("enabled", "disabled", "service", "warning", "sudo systemctl enable fer-edge"),
        ("NRestarts=0", "NRestarts=7", "last exits", "warning", service.JOURNAL_HINT),
        ("ActiveState=active", "ActiveState=inactive", "last exits", "warning", service.START),
        ("ActiveState=active", "ActiveState=failed", "last exits", "failure", service.JOURNAL_HINT),
        ("ActiveState=active", "ActiveState=activating", "last exits", "ok", ""),
    ],
)
def test_what_is_not_well(old: str, new: str, name: str, level: str, cure: str, make_context: Make) -> None:
    assert look(make_context, GOOD.replace(old, new))[name] == (level, cure)


def test_one_restart_is_one(make_context: Make) -> None:
    (last,) = (
        f
        for f in service.check(make_context({"systemctl": GOOD.replace("NRestarts=0", "NRestarts=1")}))
        if f.name == "last exits"
    )
    assert last.says == "running, after 1 restart"


def test_exit_code_has_a_reason() -> None:
    """The exit code of the last run is explained."""
    state = service.properties(GOOD.replace("=active", "=failed").replace("Status=0", "Status=10"))
    assert "exit code 10: the camera was lost and did not come back" in service.health(state).says


def test_exit_reasons_match_the_errors() -> None:
    """Every exit code in the table is one of the error tree."""
    from fer_edge import errors

    codes = {kind.exit_code for kind in vars(errors).values() if isinstance(kind, type)}
    assert set(service.EXIT_REASONS) <= codes


@pytest.mark.parametrize("tables", [{"run": {"sinks": ["log", "mqtt"]}}, {"source": {"name": "rtsp://camera/"}}])
def test_closed_network_is_a_failure(tables: dict[str, dict[str, object]], make_context: Make) -> None:
    """A network that the settings need and the service may not use is a failure."""
    level, cure = look(make_context, GOOD, **tables)["network"]
    assert level == "failure"
    assert "fer-edge-network.conf" in cure
    assert look(make_context, GOOD.replace("Network=yes", "Network=no"), **tables)["network"] == ("ok", "")
