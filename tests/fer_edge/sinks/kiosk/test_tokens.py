"""Only who has the token looks; a browser's cookie holds for a while, and tells nobody the token."""

from __future__ import annotations

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
def test_a_token_that_is_none_is_refused_with_a_way_to_make_one(text: str, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(text)
    with pytest.raises(SettingsError, match="openssl rand -hex 16"):
        read_token(str(tmp_path / "token"))


def test_a_missing_file_is_named() -> None:
    with pytest.raises(SettingsError, match=r"kiosk\.token_file = '/no/token': No such file"):
        read_token("/no/token")


@given(st.text())
def test_no_guess_is_right(guess: str) -> None:
    tokens = Tokens(TOKEN)
    assert tokens.is_valid(guess) == (guess == TOKEN)
    assert not tokens.is_valid_cookie(guess)
    assert not Tokens("").is_valid(guess)
    assert not Tokens("").is_valid_cookie(guess)


def test_a_cookie_holds_for_its_time_and_its_token_alone() -> None:
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
