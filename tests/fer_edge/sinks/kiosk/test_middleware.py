"""Requests from other sites, without the token, too many and too large ones are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fer_edge.errors import SettingsError

House = Callable[..., Any]
PATHS = ["/", "/history", "/api/v1/status", "/api/v1/now", "/metrics", "/healthz", "/static/base.css", "/no/such/page"]
TOKEN = "0123456789abcdef"


@pytest.mark.parametrize("path", PATHS)
def test_every_response_has_security_headers(path: str, house: House) -> None:
    """Every answer forbids what the page does not need."""
    headers = house().ask(path).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] in ("no-store", "no-cache")
    assert "server" not in headers
    assert not [name for name in headers if name.startswith("access-control")]


@pytest.mark.parametrize("path", PATHS)
def test_another_name_is_refused_everywhere(path: str, house: House) -> None:
    answer = house().ask(path, Host="evil.example")
    assert answer.status == 421
    assert "'evil.example': not a name of this device" in answer.json["error"]


def test_configured_host_name_is_accepted(house: House) -> None:
    """A name in the settings is known."""
    assert house(hosts="kiosk.example").ask("/", Host="kiosk.example").status == 200


def test_two_names_or_none_are_refused(house: House) -> None:
    built = house()
    two = built.raw(b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
    assert two.split()[1] in (b"400", b"421")
    assert built.raw(b"GET / HTTP/1.0\r\n\r\n").split()[1] == b"421"


@pytest.mark.parametrize("path", ["/api/v1/pause", "/api/v1/resume", "/api/v1/detect", "/login"])
@pytest.mark.parametrize(
    "headers", [{"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"}, {"Origin": "http://evil.example"}]
)
def test_cross_site_request_is_refused(path: str, headers: dict[str, str], house: House) -> None:
    """Another site's page can do nothing."""
    built = house()
    answer = built.ask(path, "POST", b"", **headers)
    assert answer.status == 403
    assert not built.pause_switch.paused


def test_own_pages_can(house: House) -> None:
    built = house()
    answer = built.ask("/api/v1/pause", "POST", Origin=f"http://{built.host}", Sec_Fetch_Site="same-origin")
    assert answer.status == 200
    assert built.pause_switch.paused


def test_a_get_changes_nothing(house: House) -> None:
    built = house()
    answer = built.ask("/api/v1/pause")
    assert answer.status == 405
    assert answer.headers["allow"] == "POST"
    assert not built.pause_switch.paused


def test_too_many_requests_get_retry_after(house: House) -> None:
    """Who asks too often is told when to come again."""
    built = house(rate=0.1)
    assert built.ask("/healthz").status == 200
    answer = built.ask("/healthz")
    assert answer.status == 429
    assert 1 <= int(answer.headers["retry-after"]) <= 10


def test_large_body_is_refused_before_reading(house: House) -> None:
    """More than is taken is refused before it is read."""
    built = house(picture_megabytes=0.01)
    assert built.ask("/api/v1/pause", "POST", bytes(5000)).status == 413
    answer = built.ask("/api/v1/detect", "POST", bytes(10_001), Content_Type="image/jpeg")
    assert answer.status == 413
    assert "at most 10000 bytes" in answer.json["error"]
    assert answer.headers["connection"] == "close"
    huge = b"POST /api/v1/detect HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n"
    assert built.raw(huge).split()[1] in (b"400", b"413")


def test_body_without_length_is_refused(house: House) -> None:
    """A length that is not told is asked for."""
    chunked = (
        b"POST /api/v1/detect HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    )
    assert house().raw(chunked).split()[1] == b"411"


@pytest.mark.parametrize("path", ["/api/v1/status", "/api/v1/stream", "/api/v1/no/such", "/metrics", "/live.mjpg"])
def test_a_program_needs_the_token(path: str, house: House, token_file: Path) -> None:
    built = house(token_file=str(token_file))
    for wrong in (
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Cookie": "fer-edge=1.2"},
    ):
        answer = built.ask(path, **wrong)
        assert answer.status == 401
        assert answer.headers["www-authenticate"] == "Bearer"


def test_token_opens_everything(house: House, token_file: Path) -> None:
    """With the token it is let in."""
    built = house(token_file=str(token_file))
    assert built.ask("/api/v1/status", Authorization=f"Bearer {TOKEN}").status == 200
    assert built.ask("/", Authorization=f"bearer {TOKEN}").status == 200


def test_only_public_paths_without_token(house: House, token_file: Path) -> None:
    """Without it only what tells nothing is open."""
    built = house(token_file=str(token_file))
    assert built.ask("/healthz").json == {"ok": True}
    assert built.ask("/static/base.css").status == 200
    assert built.ask("/login").status == 200
    answer = built.ask("/history")
    assert (answer.status, answer.headers["location"]) == (303, "/login?next=%2Fhistory")
    assert built.ask("/healthz/../api/v1/status").status in (303, 401, 404)


def test_guesses_by_programs_are_slow(house: House, token_file: Path) -> None:
    """As those on the login page, with which they are counted; the right token still opens."""
    built = house(token_file=str(token_file))
    answers = [built.ask("/api/v1/status", Authorization=f"Bearer {number:016}") for number in range(8)]
    assert [answer.status for answer in answers] == [401] * 5 + [429] * 3
    assert built.ask("/login", "POST", b"token=wrong").status == 429
    assert built.ask("/api/v1/status", Authorization=f"Bearer {TOKEN}").status == 200


def test_named_origins_may_frame_the_pages(house: House) -> None:
    """Others may not: a dashboard is named in the settings."""
    closed = house().ask("/").headers
    assert "frame-ancestors 'none'" in closed["content-security-policy"]
    assert closed["x-frame-options"] == "DENY"
    opened = house(frame_ancestors="http://homeassistant.local:8123 https://ha.example").ask("/").headers
    assert "frame-ancestors http://homeassistant.local:8123 https://ha.example;" in opened["content-security-policy"]
    assert "x-frame-options" not in opened
    for wrong in ("*", "'self'; script-src *", "http://a/b", "http://a,http://b", "http://a\nX: y"):
        with pytest.raises(SettingsError, match=r"kiosk\.frame_ancestors: must look like"):
            house(frame_ancestors=wrong)
