"""A machine made of files and prepared answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fer_edge.doctor.finding import Context
from fer_edge.settings import Settings, parse


@pytest.fixture
def make_context(tmp_path: Path) -> Callable[..., Context]:
    """A context with `answers` (first word of a command -> what it prints) and settings from `tables`."""

    def make(answers: dict[str, str] | None = None, **tables: dict[str, object]) -> Context:
        def ask(*command: str) -> str:
            return (answers or {}).get(command[0], "")

        return Context(parse(tables) if tables else Settings(), tmp_path, ask)

    return make
