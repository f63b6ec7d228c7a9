"""A browser that cannot start is said in words, before a test needs it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import chromium
import pytest
from debian import RigError

MISSING = "node: error while loading shared libraries: libatomic.so.1: cannot open shared object file"


class Error(Exception):
    """Stands for Playwright's."""


class Playwright:
    """Starts the browser at `good` alone."""

    def __init__(self, good: str | None) -> None:
        self.chromium, self._good = self, good

    def launch(self, executable_path: str | None, **_: Any) -> str:
        if executable_path != self._good:
            raise Error(f"Executable doesn't exist at {executable_path}")
        return f"started {executable_path}"


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """All that is imported of Playwright."""
    made = ModuleType("playwright")
    made.Error = Error  # type: ignore[attr-defined]
    for name in ("playwright", "playwright._impl", "playwright._impl._driver", "playwright.sync_api"):
        monkeypatch.setitem(sys.modules, name, made)
    return made


def test_a_node_without_its_library_is_named(module: ModuleType, tmp_path: Path) -> None:
    node = tmp_path / "node"
    node.write_text(f"#!/bin/sh\necho '{MISSING}' >&2\nexit 127\n")
    node.chmod(0o755)
    module.compute_driver_executable = lambda: (str(node), "cli.js")  # type: ignore[attr-defined]
    with pytest.raises(RigError, match=r"libatomic\.so\.1: cannot open .*; try: apt-get install libatomic1"):
        chromium.check_driver()


@pytest.mark.usefixtures("module")
def test_the_first_that_starts_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None if name == "chromium" else f"/usr/bin/{name}")
    assert chromium.launch(Playwright(None)) == "started None"
    assert chromium.launch(Playwright("/usr/bin/google-chrome")) == "started /usr/bin/google-chrome"
    with pytest.raises(RigError, match=r"its own: .*; /usr/bin/chromium-browser: .*; try: apt-get install chromium"):
        chromium.launch(Playwright("/none"))
