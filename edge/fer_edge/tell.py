"""What goes wrong, or is well again, while the loop goes on: one line on standard error."""

from __future__ import annotations

import sys
from contextlib import suppress

CLEAR = "\r\x1b[K"  # over the console's live line, which shares the terminal


def tell(message: str, kind: str = "error") -> None:
    """Print "fer-edge: `kind`: `message`" as one line, from any thread; where nobody listens, nothing is told."""
    text = f"fer-edge: {kind}: {' '.join(message.splitlines())}\n"
    with suppress(OSError, ValueError):  # ValueError: closed
        sys.stderr.write((CLEAR if sys.stderr.isatty() else "") + text)
        sys.stderr.flush()
