"""Addresses, read in one way, and without their secrets for the log and for messages.

A user or a password may be typed without percent-encoding. What stands before the last @ is then no address, though
every parser finds one in it: it is refused, and no part of it is shown.
"""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import urlsplit

# Up to the last @, since a password may contain any character; if the path has an @, the host is hidden too, which is
# safe.
_USER = re.compile(r"(?s)(?<=://).*@")
_USER_IN_TEXT = re.compile(r"(?<=://)\S*@")
_BARE_USER = re.compile(r"(?s)^[^@]*:.*@")  # as in admin:password@host, without a scheme
# A value with an & of its own goes on until the next name; cameras also write path/user=admin_password=1_stream=0.
_SECRET = re.compile(
    r"(?is)((?:^|[?&;/_#])[^=&#/?;_]*"
    r"(?:user|usr|login|pass|psw|pwd|pw|token|key|auth|secret|sign|sig|session|sid|pin|code|cred)[^=&#/?;_]*=)"
    r"(?:(?![&;][^=&;]*=).)*"
)
_RESERVED = {"#": "%23", "/": "%2F", "?": "%3F", "@": "%40", "[": "%5B", "]": "%5D", " ": "%20"}  # in user:password


class Address(NamedTuple):
    """What a URL names."""

    scheme: str  # in small letters
    host: str
    port: int | None  # None: the scheme's own
    path: str  # with the query; "/" at least
    shown: str  # the host for messages; "***" if it may be a part of a password
    has_user: bool  # whether it has a user or a password


def mask(url: str) -> str:
    """`url` with ``***`` for ``user:password@`` and for values that look like credentials. `url` may be anything."""
    hidden = _USER.sub("***@", url) if "://" in url else _BARE_USER.sub("***@", url)
    return _SECRET.sub(r"\1***", hidden)


def mask_in_text(text: str) -> str:
    """`text` with ``***`` for ``user:password@`` in each address that it holds."""
    return _USER_IN_TEXT.sub("***@", text)


def parse(url: str) -> Address:
    """What `url`, SCHEME://[USER[:PASSWORD]@]HOST[:PORT][/PATH], names.

    Raises ValueError with what is wrong and how to write it, without any part of a user or password.
    """
    before, at, _ = url.partition("://")[2].rpartition("@")
    if at and not _is_clear(url):
        found = [character for character in _RESERVED if character in re.sub(r"\s", " ", before)]
        names = ["a space" if character == " " else character for character in found]
        cures = [f"{name} as {_RESERVED[character]}" for name, character in zip(names, found, strict=True)]
        raise ValueError(
            f"its user or password holds {', '.join(names)}; write {', '.join(cures)} (in a path, too, @ as %40)"
        )
    if "#" in url and _SECRET.search(url.partition("#")[0]):
        raise ValueError("holds a #, at which an address ends; write # as %23")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:  # urllib's own words have the password
        host, port = None, None
    if not host or port == 0:
        raise ValueError("is not a URL with a host and a port")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    in_rest = "@" in url.partition("://")[2].partition("/")[2]
    shown = "***" if in_rest and not _is_address(host) else host
    return Address(parts.scheme.lower(), host, port, path, shown, "@" in parts.netloc)


def _is_clear(url: str) -> bool:
    """Whether every @ after the first / can only belong to the path, and the one before it only to the user."""
    authority, _, rest = re.sub(r"\s", " ", url.partition("://")[2]).partition("/")
    user, at, host = authority.rpartition("@")
    if set("@#?[] ") & set(user) or set("#? ") & set(host):
        return False
    if "@" not in rest or _is_address(re.sub(r":\d+$", "", host).strip("[]")):
        return True
    return not at and ":" not in authority  # a name, and what looks like a port, may be parts of a password


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
