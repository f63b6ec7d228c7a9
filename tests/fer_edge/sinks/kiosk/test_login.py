"""A browser logs in once, gets a cookie that no script and no other site can use, and is led nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

House = Callable[..., Any]
FORM = {"Content_Type": "application/x-www-form-urlencoded"}
TOKEN = b"token=0123456789abcdef"


@pytest.fixture
def locked(house: House, token_file: Path) -> Any:
    return house(token_file=str(token_file))


def test_token_gives_a_cookie(locked: Any) -> None:
    """The token gives a cookie that opens the pages."""
    answer = locked.ask("/login?next=%2Fhistory", "POST", TOKEN, **FORM)
    assert (answer.status, answer.headers["location"]) == (303, "/history")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "0123456789abcdef" not in cookie
    value = cookie.partition(";")[0]
    assert locked.ask("/history", Cookie=value).status == 200
    assert locked.ask("/api/v1/status", Cookie=f"other=1; {value}").status == 200


def test_cookie_survives_restart_not_new_token(locked: Any, house: House, token_file: Path) -> None:
    """The cookie outlives a restart but not the token."""
    value = locked.ask("/login", "POST", TOKEN, **FORM).headers["set-cookie"].partition(";")[0]
    assert house(token_file=str(token_file)).ask("/", Cookie=value).status == 200
    token_file.write_text("another one, so all log in again".replace(" ", "-"))
    assert house(token_file=str(token_file)).ask("/", Cookie=value).status == 303


def test_wrong_token_is_refused(locked: Any) -> None:
    """A wrong token is told so and gives nothing."""
    answer = locked.ask("/login", "POST", b"token=wrong", **FORM)
    assert answer.status == 403
    assert "That is not the token." in answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("body", [b"", b"token=", b"\xff\xfe", b"token=%ff", b"a=1"])
def test_malformed_form_is_a_wrong_token(body: bytes, locked: Any) -> None:
    """What is no form is a wrong token."""
    assert locked.ask("/login", "POST", body, **FORM).status == 403


def test_guessing_is_slow(locked: Any) -> None:
    tries = [locked.ask("/login", "POST", b"token=wrong", **FORM).status for _ in range(8)]
    assert tries == [403] * 5 + [429] * 3
    assert locked.ask("/login", "POST", TOKEN, **FORM).status == 429


@pytest.mark.parametrize("place", ["https://evil.example/", "//evil.example", "/\\evil.example", "/api/v1/pause", ""])
def test_nobody_is_led_elsewhere(place: str, locked: Any) -> None:
    answer = locked.ask(f"/login?next={quote(place, safe='')}", "POST", TOKEN, **FORM)
    assert answer.headers["location"] == "/"


def test_logout_forgets_the_cookie(locked: Any) -> None:
    answer = locked.ask("/logout", "POST", b"", Authorization="Bearer 0123456789abcdef")
    assert (answer.status, answer.headers["location"]) == (303, "/login")
    assert 'fer-edge="";' in answer.headers["set-cookie"]
    assert "Max-Age=0" in answer.headers["set-cookie"]
