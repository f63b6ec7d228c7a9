"""Where a request comes from: by which name the server was called, and from which page."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Collection
from urllib.parse import urlsplit

HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._-]+)(:\d{1,5})?")


def own_names(more: str) -> set[str]:
    """The names that lead here: this machine's, and those in `more`, with blanks between them."""
    machine = socket.gethostname().lower()
    return {"localhost", machine, f"{machine}.local", *more.lower().split()}


def known_host(host: str, names: Collection[str]) -> bool:
    """Whether a Host header names this server: by one of `names`, or by an address.

    A page elsewhere can point a name of its own at this machine (DNS rebinding), but never an address.
    """
    match = HOST.fullmatch(host)
    if match is None:
        return False
    name = match[1].lower().rstrip(".")
    return name in names or is_address(name.strip("[]"))


def is_address(text: str) -> bool:
    """Whether `text` is an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_loopback(text: str) -> bool:
    """Whether only this machine reaches the address `text`."""
    return text == "localhost" or (is_address(text) and ipaddress.ip_address(text).is_loopback)


def from_elsewhere(method: str, host: str, headers: dict[str, str]) -> bool:
    """Whether a browser asks on behalf of another site's page; links to our pages may be followed.

    Browsers send Sec-Fetch-Site to https and to this machine itself, else Origin with a POST. Programs send neither,
    and no page can make them ask (CSRF).
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        link = method == "GET" and headers.get("sec-fetch-mode") == "navigate"
        return site not in ("same-origin", "none") and not link
    origin = headers.get("origin")
    if origin is None:
        return False
    try:
        return urlsplit(origin).netloc.lower() != host.lower()
    except ValueError:  # no URL at all
        return True
