"""Checks that hang, break or raise are findings, and the others have their turn."""

from __future__ import annotations

import sys
import threading
import types
from collections.abc import Iterator

import pytest
from fer_edge.doctor import CHECKS
from fer_edge.doctor.examine import examine
from fer_edge.doctor.finding import Context, Finding, worst
from fer_edge.errors import ModelError
from fer_edge.lookup import lookup

NEVER = threading.Event()


def good(context: Context) -> Iterator[Finding]:
    yield Finding("good", "ok", "fine")


def hangs(context: Context) -> Iterator[Finding]:
    yield Finding("before", "ok", "fine")
    NEVER.wait(60)


def breaks(context: Context) -> Iterator[Finding]:
    raise ZeroDivisionError("division by zero\nmore")


def refuses(context: Context) -> Iterator[Finding]:
    raise ModelError("model x: no such file; give another")


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    names = ("hangs", "breaks", "refuses", "good")
    module = types.SimpleNamespace(**{name: globals()[name] for name in names})
    monkeypatch.setitem(sys.modules, "checks", module)  # type: ignore[arg-type]
    return {name: f"checks:{name}" for name in names}


def test_failing_check_spares_the_next(checks: dict[str, str]) -> None:
    """A check that hangs or raises is a finding, and the next one runs."""
    findings = list(examine(Context(), checks, limit=0.2))
    NEVER.set()
    assert [(finding.name, finding.level) for finding in findings] == [
        ("before", "ok"),
        ("hangs", "failure"),
        ("breaks", "failure"),
        ("refuses", "failure"),
        ("good", "ok"),
    ]
    assert "no answer within 0.2 s" in findings[1].says
    assert "ZeroDivisionError: division by zero" in findings[2].says
    assert findings[3].says == "model x: no such file; give another"
    assert worst(findings) == "failure"
    assert worst([]) == "ok"


@pytest.mark.parametrize("name", CHECKS)
def test_table_entries_exist(name: str) -> None:
    """Each entry of the table is a function."""
    assert callable(lookup(CHECKS, name, "check"))
