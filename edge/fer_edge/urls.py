"""Addresses, read in one way, and without their secrets for the log and for messages.

Of an address only the scheme and the host are shown: cameras have passwords in the path and the query, too.

A user or a password may be typed without percent-encoding. What stands before the last @ is then no address, though
every parser finds one in it: it is refused, and no part of it is shown.
"""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import urlsplit

from fer_edge.errors import printable

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_USER_IN_TEXT = re.compile(r"(?<=://)\S*@")
_QUERY_IN_TEXT = re.compile(r"(://[^\s?'\"]*\?)[^\s'\"]+")
_CAMERA_IN_TEXT = re.compile(r"(?i)\b((?:rtsp[su]?|rtmp[st]?)://[^\s/?'\"]*)[/?][^\s'\"]*?(?=[.,:;!?)]*(?:[\s'\"]|$))")
_WEB_IN_TEXT = re.compile(r"(?i)\bhttps?://[^\s'\"]+")
_BARE_USER = re.compile(r"(?s)^[^@/?#]*:[^@/?#]*@([^@/?#:]*)(?:[/?#:][^@]*)?$")  # as in admin:password@host
_BARE_AT = re.compile(r"(?s)^[^@]*:.*@.*")  # the same with characters that should be percent-encoded
_BARE_SCHEME = re.compile(r"(?is)^((?:rtsps?|rtmps?|https?|wss?|mqtts?|tcp|udp|ftp):).+")  # as in rtsp:host/path
_BARE_HOST = re.compile(
    r"(?is)^((?://)?(?:\[[0-9a-f:.]+\]|\d+(?:\.\d+){3}|[\w.-]+(?=:\d+/)))(?::\d+)?/.+"
)  # as in 10.0.0.1/path
_BARE = ((_BARE_SCHEME, r"\1***"), (_BARE_USER, r"***@\1"), (_BARE_AT, "***"), (_BARE_HOST, r"\1/***"))
_BARE_QUERY = re.compile(r"(?s)\?[^=/]+=.*")
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


def mask(text: str) -> str:
    """What may be shown of `text`, an address or whatever was written in its place: SCHEME://HOST of an address.

    ``***`` stands for the rest of what is none but looks like one, and for values that look like credentials.
    """
    found = _SCHEME.search(text)
    begin = found.start() if found else len(text)
    shown = _mask_bare(text[:begin]) + (_origin(text[begin:]) if found else "")
    return printable(shown)


def _origin(url: str) -> str:
    scheme = url.partition("://")[0]
    try:
        host = parse(url).shown
    except ValueError:
        host = "***"
    return f"{scheme}://[{host}]" if ":" in host else f"{scheme}://{host}"


def _mask_bare(text: str) -> str:
    for pattern, shown in _BARE:
        if pattern.match(text):
            return pattern.sub(shown, text)
    return _SECRET.sub(r"\1***", _BARE_QUERY.sub("?***", text))


def mask_in_text(text: str) -> str:
    """`text` with ``***`` for ``user:password@``, the query, and what looks like a secret in each address in it.

    Of an address with a camera's scheme the path is left out, too.
    """
    text = _CAMERA_IN_TEXT.sub(r"\1", _USER_IN_TEXT.sub("***@", text))
    text = _QUERY_IN_TEXT.sub(r"\1***", text)
    return _WEB_IN_TEXT.sub(lambda found: _SECRET.sub(r"\1***", found[0]), text)


def parse(url: str) -> Address:
    """What `url`, SCHEME://[USER[:PASSWORD]@]HOST[:PORT][/PATH], names.

    Raises ValueError with what is wrong and how to write it, without any part of a user or password.
    """
    before, at, _ = url.partition("://")[2].rpartition("@")
    found = [character for character in _RESERVED if character in re.sub(r"\s", " ", before)]
    if at and found and not _is_clear(url):
        names = ["a space" if character == " " else character for character in found]
        cures = [f"{name} as {_RESERVED[character]}" for name, character in zip(names, found, strict=True)]
        raise ValueError(
            f"its user or password holds {', '.join(names)}; write {', '.join(cures)} (in a path, too, @ as %40)"
        )
    if "#" in url and _SECRET.search(url.partition("#")[0]):
        raise ValueError("holds a #, at which an address ends; write # as %23")
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:  # urllib's own words have the password
        host = None
    if not host or re.search(r"\s", host):
        raise ValueError("is not a URL with a host and a port")
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError("its port is no number from 1 to 65535")
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
