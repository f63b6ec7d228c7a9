"""Where messages go: progress to a function that takes a line, warnings to standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable

Log = Callable[[str], None]  # takes one line of progress, without its end


def warn(text: str) -> None:
    """Write one line of warning to standard error."""
    sys.stderr.write(f"fer-convert: {text}\n")


def say(line: str) -> None:
    """Write one line of progress to standard output, at once even into a pipe."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
