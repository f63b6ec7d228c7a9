"""The nouns of the doctor: what a check is given, and what it finds."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from fer_edge.errors import FerEdgeError
from fer_edge.settings import Settings

Level = Literal["ok", "warning", "failure"]  # fine; works but not as well as it could; does not work
WORST: tuple[Level, ...] = ("ok", "warning", "failure")
EXIT_CODES: dict[Level, int] = {"ok": 0, "warning": 11, "failure": 12}
PATIENCE = 5.0  # seconds that another program gets for its answer


@dataclass(frozen=True)
class Finding:
    """One line: `says` what is and what it means, `cure` is a command, or nothing where there is none to give."""

    name: str  # of the thing that was looked at
    level: Level
    says: str
    cure: str = ""

    def as_dict(self) -> dict[str, str]:
        """For JSON."""
        return asdict(self)


def ask(*command: str) -> str:
    """What a program prints, within five seconds; nothing where it fails or is not there."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout if done.returncode == 0 else ""


@dataclass(frozen=True)
class Place:
    """What checks look at; tests make one of files and prepared answers."""

    settings: Settings = field(default_factory=Settings)
    root: Path = Path("/")
    ask: Callable[..., str] = ask
    user: str = ""  # who fer-edge runs as; "": the one who asks


def of_error(name: str, error: FerEdgeError) -> Finding:
    """A failure in the error's words; its cure is the command in them, if there is one."""
    found = re.search(r"(?:with|try): ((?:sudo|pip|make|fer-edge|rpicam-hello) [^,;()]+)", str(error))
    return Finding(name, "failure", str(error), found[1].strip() if found else "")


def worst(findings: list[Finding]) -> Level:
    """The worst of the levels."""
    return max((finding.level for finding in findings), key=WORST.index, default="ok")
