"""Where a request comes from: the host name that it used, and the site whose page sent it."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Collection
from urllib.parse import urlsplit

HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._-]+)(:\d{1,5})?")


def host_names(more: str) -> set[str]:
    """The host names of this server: this machine's, and those in `more`, separated by spaces."""
    machine = socket.gethostname().lower()
    return {"localhost", machine, f"{machine}.local", *more.lower().split()}


def is_own_host(host: str, names: Collection[str]) -> bool:
    """Whether a Host header names this server: one of `names`, or an address.

    Another site can point its own name at this machine (DNS rebinding), but never an address.
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
    """Whether only this machine can reach the address `text`."""
    return text == "localhost" or (is_address(text) and ipaddress.ip_address(text).is_loopback)


def is_cross_site(method: str, host: str, headers: dict[str, str]) -> bool:
    """Whether a browser sends it for another site's page (CSRF). Links to our pages are allowed.

    Browsers send Sec-Fetch-Site to https and to this machine itself, else Origin with a POST. Programs send neither,
    and no page can make them send a request.
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
    except ValueError:  # not a URL
        return True
