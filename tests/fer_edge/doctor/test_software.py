"""Versions that do not fit are failures with the command that fixes them."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
from fer_edge.doctor import software
from fer_edge.doctor.finding import Context, Finding
from fer_edge.doctor.software import _cascades, _environment, _numpy, _python


@pytest.mark.parametrize(
    ("finding", "level", "cure"),
    [
        (_python((3, 11, 2)), "ok", ""),
        (_python((3, 9, 2)), "failure", "sudo apt install python3.11"),
        (_numpy("2.1.0", "", "2.3.0"), "ok", ""),
        (_numpy("1.26.4", "2.14.0", ""), "ok", ""),
        (_numpy("2.1.0", "2.14.0", ""), "failure", "pip install 'numpy<2'"),
        (_numpy("2.1.0", "2.14.0", "2.3.0"), "ok", ""),
        (_numpy("", "", "2.3.0"), "failure", "pip install numpy"),
        (_cascades("4.14.0", True), "ok", ""),
        (_cascades("5.0.0", False), "failure", software.OPENCV_CURE),
    ],
)
def test_what_fits_and_what_does_not(finding: Finding, level: str, cure: str) -> None:
    assert (finding.level, finding.cure) == (level, cure)


def test_an_environment_that_cannot_see_libcamera(make_context: Callable[..., Context]) -> None:
    context = make_context()
    assert _environment(context, virtual=True, sees_libcamera=False).level == "ok"
    (context.root / "usr/lib/python3/dist-packages/libcamera").mkdir(parents=True)
    assert _environment(context, virtual=True, sees_libcamera=True).level == "ok"
    finding = _environment(context, virtual=True, sees_libcamera=False)
    assert finding.level == "failure"
    assert finding.cure.startswith("python3 -m venv --system-site-packages")


def test_this_environment_is_well(make_context: Callable[..., Context]) -> None:
    findings = list(software.check(make_context()))
    assert [finding.name for finding in findings] == ["Python", "environment", "NumPy", "OpenCV"]
    assert {finding.level for finding in findings} == {"ok"}


@pytest.mark.parametrize(
    ("folder", "cure"),
    [
        ("/x/lib/python3.13/site-packages", "pip install 'fer-edge[gpio]'"),
        ("/usr/lib/python3/dist-packages", "sudo apt install python3-gpiozero python3-lgpio"),
    ],
)
def test_missing_library_of_an_output(
    folder: str, cure: str, make_context: Callable[..., Context], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only of outputs that the settings name, and with the command that installs it: Debian's where it is seen."""
    own = [path for path in sys.path if not path.endswith("dist-packages")]
    monkeypatch.setattr(sys, "path", [*own, folder])
    monkeypatch.setattr(software, "importable", lambda module: module != "lgpio")
    assert len(list(software.check(make_context(run={"sinks": ["log", "mqtt"]})))) == 4
    finding = list(software.check(make_context(run={"sinks": ["log", "led"]}, led={"pins": {"happy": 5}})))[-1]
    assert (finding.name, finding.level) == ("output led", "failure")
    assert finding.says == "lgpio cannot be imported, and this output needs it"
    assert finding.cure == cure
