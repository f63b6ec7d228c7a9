"""Who may look: the token of a program, or the cookie that a browser got for it."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from pathlib import Path

from fer_edge.errors import SettingsError

MIN_TOKEN_CHARACTERS = 16  # characters; 16 hexadecimal digits are 64 bits
COOKIE_DAYS = 90  # that a browser stays logged in
COOKIE_NAME = "fer-edge"


def read_token(path: str) -> str:
    """The first line of the file `path`. Raises SettingsError."""
    cure = "write one with: openssl rand -hex 16"
    try:
        lines = Path(path).read_text(encoding="ascii").splitlines()
    except OSError as cause:
        raise SettingsError(f"kiosk.token_file = {path!r}: {cause.strerror}; {cure} > {path}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"kiosk.token_file = {path!r}: holds more than ASCII letters; {cure}") from None
    token = lines[0].strip() if lines else ""
    if len(token) < MIN_TOKEN_CHARACTERS or not token.isprintable() or " " in token:
        raise SettingsError(
            f"kiosk.token_file = {path!r}: its first line must have {MIN_TOKEN_CHARACTERS} characters or more, "
            f"no blank; {cure}"
        )
    return token


class Tokens:
    """Checks what came with a request. Comparisons take the same time, however much of a guess is right."""

    def __init__(self, token: str, clock: Callable[[], float] = time.time) -> None:
        """Only who has `token` may look; anybody where it is empty."""
        self._token, self._clock = token.encode(), clock

    @property
    def needed(self) -> bool:
        """Whether there is a token at all."""
        return bool(self._token)

    def right(self, guess: str) -> bool:
        """Whether `guess` is the token."""
        return self.needed and hmac.compare_digest(guess.encode("utf-8", "surrogateescape"), self._token)

    def cookie(self) -> str:
        """A cookie's value: until when it holds, signed with the token, which cannot be told from it."""
        until = str(int(self._clock()) + 86_400 * COOKIE_DAYS)
        return f"{until}.{self._signature(until)}"

    def holds(self, cookie: str) -> bool:
        """Whether `cookie` is one that was given for this token, and not too old."""
        until, _, signature = cookie.partition(".")
        good = hmac.compare_digest(signature.encode("utf-8", "surrogateescape"), self._signature(until).encode())
        return self.needed and good and until.isdecimal() and self._clock() < int(until)

    def _signature(self, until: str) -> str:
        text = b"fer-edge kiosk cookie until " + until.encode("utf-8", "surrogateescape")
        return hmac.new(self._token, text, hashlib.sha256).hexdigest()
