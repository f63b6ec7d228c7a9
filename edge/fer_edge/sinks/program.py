"""What an output may show of the program that runs it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from fer_edge.stopwatch import Stopwatch


class OutputState(Protocol):
    """An output, as seen from outside. All are read in other threads too."""

    name: str

    @property
    def last_error(self) -> str:
        """In one line; "" if it never failed."""

    @property
    def troubled(self) -> bool:
        """Whether it fails now."""


@dataclass(frozen=True)
class Program:
    """The parts of `fer-edge run`; what is called may be called in any thread."""

    stopwatch: Stopwatch
    source: str  # in words
    model: Callable[[], str]  # in words
    outputs: Callable[[], Sequence[OutputState]]
    config: Path | None  # the settings file that was named


@runtime_checkable
class ShowsProgram(Protocol):
    """An output that shows it."""

    def attach(self, program: Program) -> None:
        """Take it; before the first state."""
