"""Removes from a text what looks like a secret, whoever wrote it and whatever settings it came from.

The journal holds lines of earlier settings and of earlier versions, which quoted what they refused: what is private in
them can only be known by its shape.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from fer_edge.urls import mask

REDACTED = "..."
MIN_SECRET_CHARACTERS = 5  # with its quotes, of a value that is looked for in the rest of its line
_QUOTED = r"(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
_NAMES = (
    r"[\w.-]*(?:pass|psw|pwd|passphrase|token|secret|auth|api[_-]?key|cred|cookie|session|signature|login|user|usr|pin)"
    r"[\w.-]*"
)
# "mqtt.password = 'x': unknown key", as earlier versions wrote: what follows is an explanation, never the value.
_SETTING = re.compile(r"(?<![\w.])([A-Za-z_][\w.\[\]-]* = )(?!-?\d+(?:\.\d+)?:|True:|False:)(.+)(?=: [a-z])")
_SETTING_TO_END = re.compile(r"(?<![\w.])([A-Za-z_][\w.\[\]-]* = )(?!\.\.\.|-?\d+(?:\.\d+)?:|True:|False:)(.+)$")
_USER = re.compile(r"(?<=\w://).*@")
_BARE_USER = re.compile(r"(?<![\w/.:])[^\s:@'\"]+:(?!//)[^\s@]*@[^\s'\"]*")  # user:password@host/path
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>()\[\]{},]*")
_BARE_URL = re.compile(r"(?i)\b((?:rtsps?|rtmps?|https?):)(?!//)[^\s'\"]+")  # rtsp:host/path
_BARE_HOST = re.compile(r"(?<![\w./])(\d+(?:\.\d+){3})(?::\d+)?/[^\s'\"]+")  # 10.0.0.1/path
_QUERY = re.compile(r"([?&;][\w.-]+=)[^\s&;'\"]+")
_NAMED = re.compile(
    rf"(?i)(['\"]?{_NAMES}(?<!file)['\"]?\s*[=:]\s*|--{_NAMES}[ =])"
    rf"(?:(?:bearer|basic|digest)\s+)?({_QUOTED}|[^\s'\",;}}]+)"
)
_SCHEME = re.compile(r"(?i)\b((?:bearer|basic|digest)\s+)[A-Za-z0-9._~+/=-]{4,}")
_KNOWN = re.compile(
    r"\b(?:eyJ[\w-]+\.[\w-]+\.?[\w-]*|gh[a-z]_\w{16,}|glpat-[\w-]{16,}|sk-[\w-]{16,}|xox[a-z]-[\w-]{10,}|AKIA\w{12,})"
)
_HEX = re.compile(r"\b[0-9a-f]{16,}\b", re.IGNORECASE)
_RANDOM = re.compile(r"(?<![\w/.+-])(?:[A-Za-z0-9+_-]{20,}|[A-Za-z0-9+/]{40,})={0,2}(?![\w/.-])")
_PEM = re.compile(r"-----BEGIN [^\n]*")


def scrub(text: str) -> str:
    """Each line of `text` with REDACTED for what may be a secret: addresses keep their scheme and host."""
    return "\n".join(map(_scrub_line, text.split("\n")))


def _scrub_line(line: str) -> str:
    for pattern in (_SETTING, _SETTING_TO_END):
        if found := pattern.search(line):
            line = pattern.sub(rf"\1{REDACTED}", line)
            for value in re.findall(_QUOTED, found[2]):  # which an old message repeated
                line = line.replace(value[1:-1], REDACTED) if len(value) > MIN_SECRET_CHARACTERS else line
    line = _BARE_USER.sub(REDACTED, _USER.sub(f"{REDACTED}@", line))
    line = _URL.sub(_origin, line)
    line = _BARE_HOST.sub(r"\1", _BARE_URL.sub(rf"\1{REDACTED}", line))
    line = _QUERY.sub(rf"\1{REDACTED}", line)
    line = _NAMED.sub(_named, line)
    line = _SCHEME.sub(rf"\1{REDACTED}", line)
    line = _PEM.sub(REDACTED, line)
    for pattern in (_KNOWN, _HEX):
        line = pattern.sub(REDACTED, line)
    return _RANDOM.sub(_unless_a_name, line)


def _origin(found: re.Match[str]) -> str:
    """The scheme and the host, and the punctuation of the sentence."""
    url = found[0].rstrip(".:;!?")
    scheme, _, rest = url.partition("://")
    _, at, rest = rest.rpartition("@")
    shown = mask(f"{scheme}://{rest}") if rest else f"{scheme}://"
    return (f"{scheme}://{REDACTED}@{shown.partition('://')[2]}" if at else shown) + found[0][len(url) :]


def _named(found: re.Match[str]) -> str:
    return found[0] if found[2] == REDACTED else f"{found[1]}{REDACTED}"


def _unless_a_name(found: re.Match[str]) -> str:
    """A word of small letters alone, or one with dashes as names of models have, is none that a machine drew."""
    word = found[0]
    kinds: tuple[Callable[[str], bool], ...] = (str.isupper, str.islower, str.isdigit)
    mixed = all(any(map(kind, word)) for kind in kinds)
    return REDACTED if mixed or (word.isalnum() and any(map(str.isdigit, word)) and not word.isdigit()) else word
