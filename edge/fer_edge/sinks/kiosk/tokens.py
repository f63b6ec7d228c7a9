"""Access: the token that a program sends, or the cookie that a browser got for it."""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import secrets
import stat
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from fer_edge.errors import SettingsError
from fer_edge.files import read_small

_log = logging.getLogger(__name__)

MIN_TOKEN_CHARACTERS = 16  # 16 hexadecimal digits are 64 bits
COOKIE_DAYS = 30  # a browser stays logged in for so long
MIN_DIFFERENT_CHARACTERS = 6
MAX_TOKEN_FILE_BYTES = 4096
COOKIE_NAME = "fer-edge"
ONCE_MINUTES = 10  # for which a link that logs in once is good
MAX_ONCE = 8  # such links at a time; the oldest is dropped first


def read_token(path: str) -> str:
    """The first line of the file `path`. Raises SettingsError."""
    fix = "write one with: openssl rand -hex 16"
    try:
        lines = read_small(Path(path), MAX_TOKEN_FILE_BYTES).decode("ascii").splitlines()
    except OSError as cause:
        raise SettingsError(f"kiosk.token_file: {cause.strerror}; {fix} > FILE, and name that") from None
    except UnicodeDecodeError:  # one of ValueError
        raise SettingsError(f"kiosk.token_file: holds more than ASCII letters; {fix}") from None
    except ValueError as cause:
        raise SettingsError(f"kiosk.token_file: {cause}; {fix} > FILE, and name that") from None
    token = lines[0].strip() if lines else ""
    if len(token) < MIN_TOKEN_CHARACTERS or not token.isprintable() or " " in token:
        raise SettingsError(
            f"kiosk.token_file: its first line must have {MIN_TOKEN_CHARACTERS} characters or more, no space; {fix}"
        )
    if len(set(token)) < MIN_DIFFERENT_CHARACTERS or token in (token + token)[1:-1]:
        raise SettingsError(f"kiosk.token_file: its token is easily guessed, since it repeats itself; {fix}")
    with suppress(OSError):
        if os.stat(path).st_mode & stat.S_IROTH:  # noqa: PTH116 (Path.stat says no less)
            _log.warning("kiosk.token_file: every user of this device can read it; forbid it with: chmod o-r FILE")
    return token


class Tokens:
    """Checks tokens and cookies. A comparison takes the same time however much of a guess is right."""

    def __init__(self, token: str, clock: Callable[[], float] = time.time) -> None:
        """Requests need `token`; if it is empty, they need none."""
        self._token, self._clock = token.encode(), clock
        self._once: dict[str, float] = {}  # SHA-256 of a token that is good once -> when it expires, seconds
        self._lock = threading.Lock()

    @property
    def required(self) -> bool:
        """Whether a token is required."""
        return bool(self._token)

    def is_valid(self, guess: str) -> bool:
        """Whether `guess` is the token."""
        return self.required and hmac.compare_digest(guess.encode("utf-8", "surrogateescape"), self._token)

    def new_once(self) -> str:
        """A token for one login, soon; it opens nothing else."""
        token = secrets.token_urlsafe(16)
        with self._lock:
            self._once[_digest(token)] = self._clock() + 60 * ONCE_MINUTES
            while len(self._once) > MAX_ONCE:
                del self._once[next(iter(self._once))]
        return token

    def take_once(self, token: str) -> bool:
        """Whether `token` is one of `new_once` that is still good; then it is no more. Looked up by its digest."""
        with self._lock:
            expires = self._once.pop(_digest(token), None)
        return self.required and expires is not None and self._clock() < expires

    def new_cookie(self) -> str:
        """A cookie's value: when it expires, signed with the token. The token cannot be computed from it."""
        until = str(int(self._clock()) + 86_400 * COOKIE_DAYS)
        return f"{until}.{self._signature(until)}"

    def is_valid_cookie(self, cookie: str) -> bool:
        """Whether `cookie` was issued for this token and has not expired."""
        until, _, signature = cookie.partition(".")
        good = hmac.compare_digest(signature.encode("utf-8", "surrogateescape"), self._signature(until).encode())
        return self.required and good and until.isdecimal() and self._clock() < int(until)

    def _signature(self, until: str) -> str:
        text = b"fer-edge kiosk cookie until " + until.encode("utf-8", "surrogateescape")
        return hmac.new(self._token, text, hashlib.sha256).hexdigest()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
