"""Python's logging as `fer-edge` prints it: one line a message on standard error, "fer-edge: warning: hot: 75 °C; ...".

Only the command line installs it. A program that imports fer_edge gets what logging does by default, by the logger
"fer_edge".
"""

from __future__ import annotations

import logging
import sys
from contextlib import suppress

from fer_edge.errors import printable
from fer_edge.urls import mask, mask_in_text

CLEAR_LINE = "\r\x1b[K"  # over the console's live line, which shares the terminal


MIN_HIDDEN_CHARACTERS = 5  # of an address's path, that is looked for without its scheme and host
_hidden: dict[str, str] = {}  # texts, and what is shown of them


def hide(address: str) -> None:
    """Show the scheme and the host alone of a camera's `address`, whoever logs it: its path may be its password."""
    _, _, rest = address.partition("://")
    if not rest:
        return
    _hidden[address] = mask(address)
    _, _, path = rest.rpartition("@")[2].partition("/")
    if len(path) >= MIN_HIDDEN_CHARACTERS:
        _hidden[path] = "***"


class OneLine(logging.Formatter):
    """ "fer-edge: KIND: message", the message's lines joined; a traceback, if there is one, stands below."""

    def format(self, record: logging.LogRecord) -> str:
        """The text of `record`, without a newline at its end."""
        message = printable(_masked(" ".join(record.getMessage().splitlines())))
        text = f"fer-edge: {_kind(record.levelno)}: {message}"
        return f"{text}\n{_masked(self.formatException(record.exc_info))}" if record.exc_info else text


def _masked(text: str) -> str:
    for secret in sorted(_hidden, key=len, reverse=True):
        text = text.replace(secret, _hidden[secret])
    return mask_in_text(text)


class StderrHandler(logging.Handler):
    """Writes to what sys.stderr is at that moment, from any thread; errors of writing are ignored."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line, over a live line of the same terminal."""
        text = self.format(record) + "\n"
        with suppress(OSError, ValueError):  # ValueError: closed
            sys.stderr.write((CLEAR_LINE if sys.stderr.isatty() else "") + text)
            sys.stderr.flush()


_HANDLER = StderrHandler()
_HANDLER.setFormatter(OneLine())


def install() -> None:
    """Print warnings of all libraries, and notes of fer_edge too. May be called twice."""
    logging.getLogger().addHandler(_HANDLER)
    logging.getLogger("fer_edge").setLevel(logging.INFO)


def _kind(level: int) -> str:
    if level >= logging.ERROR:
        return "error"
    if level >= logging.WARNING:
        return "warning"
    return "note" if level >= logging.INFO else "debug"
