"""A terminal says where the kiosk is, and a link logs in once; a log gets no link."""

from __future__ import annotations

import io
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fer_edge.sinks.kiosk import ways_in
from fer_edge.sinks.kiosk.tokens import MAX_ONCE, ONCE_MINUTES, Tokens
from fer_edge.sinks.kiosk.ways_in import invitation, print_invitation, urls

House = Callable[..., Any]
TOKEN = "0123456789abcdef"
FORM = {"Content_Type": "application/x-www-form-urlencoded"}


@pytest.fixture(autouse=True)
def _named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "hall")
    monkeypatch.setattr(ways_in, "own_address", lambda: "10.1.2.3")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1", ["http://127.0.0.1:8600/"]),
        ("::1", ["http://[::1]:8600/"]),
        ("localhost", ["http://localhost:8600/"]),
        ("0.0.0.0", ["http://hall.local:8600/", "http://10.1.2.3:8600/"]),
        ("::", ["http://hall.local:8600/", "http://10.1.2.3:8600/"]),
        ("192.168.1.5", ["http://hall.local:8600/", "http://192.168.1.5:8600/"]),
    ],
)
def test_addresses_are_those_that_browsers_take(address: str, expected: list[str]) -> None:
    assert urls(address, 8600) == expected


def test_device_without_a_network_has_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ways_in, "own_address", lambda: None)
    assert urls("0.0.0.0", 80) == ["http://hall.local:80/"]


class Terminal(io.StringIO):
    """Says that it is one."""

    def isatty(self) -> bool:
        return True


def test_link_is_for_a_terminal_alone() -> None:
    """A journal would keep it; on this device itself nobody needs one."""
    for address, stream in (("0.0.0.0", io.StringIO()), ("127.0.0.1", Terminal())):
        print_invitation(address, 8600, Tokens(TOKEN), stream=stream)
        assert stream.getvalue() == ""
    terminal = Terminal()
    print_invitation("0.0.0.0", 8600, Tokens(TOKEN), "/faces", terminal)
    assert re.search(r"http://10\.1\.2\.3:8600/faces/login\?once=[\w-]{22} ", terminal.getvalue())
    assert TOKEN not in terminal.getvalue()


def test_qr_code_holds_the_link() -> None:
    """Square by square, its light ones drawn and its dark ones left, with a border: as on a terminal's dark ground."""
    segno = pytest.importorskip("segno", reason="needs segno, from the extra kiosk")
    *code, said = invitation("http://10.1.2.3:8600/", Tokens(TOKEN)).splitlines()
    halves = [[[char in light for char in line] for light in ("█▀", "█▄")] for line in code]
    rows = [row for pair in halves for row in pair]
    expected = segno.make(said.split(" ")[0], error="l", micro=False).matrix_iter(border=2)
    light = [[not dark for dark in row] for row in expected]
    assert rows[: len(light)] == light


@pytest.fixture
def locked(house: House, token_file: Path) -> Any:
    return house(token_file=str(token_file))


def test_link_logs_in_once(locked: Any) -> None:
    """By its button: a program that only opens the link does not use it up."""
    once = locked.sink._server._app.tokens.new_once()
    for _ in range(2):
        page = locked.ask(f"/login?once={once}")
        assert (page.status, f'value="{once}"' in page.text) == (200, True)
    answer = locked.ask("/login", "POST", f"once={once}".encode(), **FORM)
    assert (answer.status, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"].partition(";")[0]
    assert locked.ask("/", Cookie=cookie).status == 200
    again = locked.ask("/login", "POST", f"once={once}".encode(), **FORM)
    assert (again.status, "set-cookie" in again.headers) == (403, False)
    assert "was used already" in again.text


def test_link_is_no_token(locked: Any) -> None:
    """It opens the login page alone, and markup in it stays out."""
    once = locked.sink._server._app.tokens.new_once()
    assert locked.ask("/api/v1/status", Authorization=f"Bearer {once}").status == 401
    assert locked.ask("/login", "POST", f"token={once}".encode(), **FORM).status == 403
    page = locked.ask("/login?once=%22%3E%3Cscript%3E")
    assert (page.status, "<script>" in page.text) == (403, False)


def test_guessing_links_is_slow(locked: Any) -> None:
    tries = [locked.ask("/login", "POST", b"once=wrong", **FORM).status for _ in range(8)]
    assert tries == [403] * 5 + [429] * 3


def test_links_expire_and_are_few() -> None:
    now = [1000.0]
    tokens = Tokens(TOKEN, lambda: now[0])
    late = tokens.new_once()
    now[0] += 60 * ONCE_MINUTES
    assert not tokens.take_once(late)
    many = [tokens.new_once() for _ in range(MAX_ONCE + 1)]
    assert not tokens.take_once(many[0])
    assert tokens.take_once(many[1])
    assert not Tokens("").take_once(Tokens("").new_once())
