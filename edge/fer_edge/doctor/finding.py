"""The nouns of the doctor: Context is what a check gets, Finding is what it gives."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from fer_edge.errors import FerEdgeError
from fer_edge.settings import Settings

Level = Literal["ok", "warning", "failure"]  # fine; works, but not as well as it could; does not work
LEVELS: tuple[Level, ...] = ("ok", "warning", "failure")  # from best to worst
EXIT_CODES: dict[Level, int] = {"ok": 0, "warning": 11, "failure": 12}
COMMAND_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Finding:
    """One line: `says` is the state and what it means, `cure` is the command that fixes it, or "" if there is none."""

    name: str  # of the thing that was checked
    level: Level
    says: str
    cure: str = ""

    def as_dict(self) -> dict[str, str]:
        """For JSON."""
        return asdict(self)


def ask(*command: str) -> str:
    """The output of a program; "" if it fails, is not installed, or takes longer than COMMAND_TIMEOUT_S."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout if done.returncode == 0 else ""


@dataclass(frozen=True)
class Context:
    """What checks examine: settings, files below `root`, programs. Tests use prepared files and answers."""

    settings: Settings = field(default_factory=Settings)
    root: Path = Path("/")
    ask: Callable[..., str] = ask
    user: str = ""  # that fer-edge runs as; "": the one that runs this process


def of_error(name: str, error: FerEdgeError) -> Finding:
    """A failure with the error's message; its cure is the command in that message, if there is one."""
    found = re.search(r"(?:with|try): ((?:sudo|pip|make|fer-edge|rpicam-hello) [^,;()]+)", str(error))
    return Finding(name, "failure", str(error), found[1].strip() if found else "")


def worst(findings: list[Finding]) -> Level:
    """The worst level of `findings`; "ok" if there are none."""
    return max((finding.level for finding in findings), key=LEVELS.index, default="ok")
