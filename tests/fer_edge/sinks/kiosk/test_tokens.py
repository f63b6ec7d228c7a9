"""Requests need the token; a browser's cookie expires, and does not reveal the token."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from fer_edge.errors import SettingsError
from fer_edge.sinks.kiosk.tokens import COOKIE_DAYS, Tokens, read_token
from hypothesis import given
from hypothesis import strategies as st

TOKEN = "0123456789abcdef"


def test_the_first_line_is_the_token(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}  \nmore\n")
    assert read_token(str(tmp_path / "token")) == TOKEN


@pytest.mark.parametrize("text", ["", "\n", "short", "with blanks in the middle of it", "schlüssel-mit-umlaut"])
def test_invalid_token_file_is_refused(text: str, tmp_path: Path) -> None:
    """A token that is none is refused with a way to make one."""
    (tmp_path / "token").write_text(text)
    with pytest.raises(SettingsError, match="openssl rand -hex 16"):
        read_token(str(tmp_path / "token"))


def test_a_missing_file_is_named() -> None:
    with pytest.raises(SettingsError, match=r"kiosk\.token_file: No such file"):
        read_token("/no/token")


@given(st.text())
def test_no_guess_is_right(guess: str) -> None:
    tokens = Tokens(TOKEN)
    assert tokens.is_valid(guess) == (guess == TOKEN)
    assert not tokens.is_valid_cookie(guess)
    assert not Tokens("").is_valid(guess)
    assert not Tokens("").is_valid_cookie(guess)


def test_cookie_expires_with_time_or_token() -> None:
    """A cookie holds for its time and its token alone."""
    now = [1e9]
    tokens = Tokens(TOKEN, lambda: now[0])
    cookie = tokens.new_cookie()
    assert TOKEN not in cookie
    assert tokens.is_valid_cookie(cookie)
    assert not Tokens("another token here", lambda: now[0]).is_valid_cookie(cookie)
    until, signature = cookie.split(".")
    assert not tokens.is_valid_cookie(f"{int(until) + 1}.{signature}")
    now[0] += 86_400 * COOKIE_DAYS + 1
    assert not tokens.is_valid_cookie(cookie)


@pytest.mark.parametrize("token", ["a" * 16, "passwordpassword", "1234" * 8, "abababcababababc"])
def test_token_that_repeats_itself_is_refused(token: str, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(token)
    with pytest.raises(SettingsError, match="easily guessed, since it repeats itself"):
        read_token(str(tmp_path / "token"))


def test_endless_token_file_is_refused(tmp_path: Path) -> None:
    """A device, a pipe or gigabytes are no token."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "huge").write_bytes(b"x")
    os.truncate(tmp_path / "huge", 3_000_000_000)
    for path, words in (
        ("/dev/zero", "not a file"),
        (tmp_path / "pipe", "not a file"),
        (tmp_path / "huge", "has more"),
    ):
        with pytest.raises(SettingsError, match=f"{words}.*openssl rand -hex 16"):
            read_token(str(path))


@pytest.mark.parametrize(("mode", "warned"), [(0o644, True), (0o640, False), (0o600, False)])
def test_readable_token_file_is_told(mode: int, warned: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(mode)
    read_token(str(tmp_path / "token"))
    assert ("every user of this device can read it" in caplog.text) == warned
