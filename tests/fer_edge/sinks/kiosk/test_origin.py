"""A page elsewhere can neither point a name of its own here nor ask for anything."""

from __future__ import annotations

import socket

import pytest
from fer_edge.sinks.kiosk.origin import host_names, is_cross_site, is_loopback, is_own_host

NAMES = host_names("kiosk.example  Other.Example")


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:8600",
        "127.0.0.1:8600",
        "192.168.1.5",
        "[::1]:8600",
        "[fe80::1]",
        "kiosk.example:80",
        "OTHER.example",
        socket.gethostname(),
        f"{socket.gethostname()}.local:8600",
        "localhost.",
    ],
)
def test_own_names_and_addresses_are_known(host: str) -> None:
    assert is_own_host(host, NAMES)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:8600",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "localhost@evil",
        "localhost:8600:1",
        "localhost/",
        "127.0.0.1 evil",
        "[::1",
        "999.1.1.1",
        "localhost:",
        ".",
        "kiosk.example.evil",
    ],
)
def test_other_names_are_not(host: str) -> None:
    assert not is_own_host(host, NAMES)


@pytest.mark.parametrize(
    ("method", "headers", "elsewhere"),
    [
        ("POST", {}, False),  # a program
        ("POST", {"origin": "http://["}, True),  # no URL
        ("POST", {"origin": "null"}, True),  # a page that hides where it is from
        ("POST", {"sec-fetch-site": "same-origin", "origin": "http://a:1"}, False),
        ("POST", {"sec-fetch-site": "cross-site"}, True),
        ("POST", {"sec-fetch-site": "same-site"}, True),  # another port of this device is another program
        ("GET", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, True),
        ("GET", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, False),  # a link
        ("POST", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, True),  # a form
        ("GET", {"sec-fetch-site": "none", "sec-fetch-mode": "navigate"}, False),  # typed in
        ("POST", {"origin": "http://a:1"}, False),
        ("POST", {"origin": "http://b:1"}, True),
        ("GET", {"origin": "https://evil.example"}, True),
    ],
)
def test_only_own_pages_and_programs_ask(method: str, headers: dict[str, str], elsewhere: bool) -> None:
    assert is_cross_site(method, "a:1", headers) is elsewhere


@pytest.mark.parametrize(
    ("address", "only_here"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.5", False),
        ("", False),
        ("a.example", False),
    ],
)
def test_what_only_this_device_reaches(address: str, only_here: bool) -> None:
    assert is_loopback(address) is only_here
