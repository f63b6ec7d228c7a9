"""URLs without their secrets, for the log and for messages."""

from __future__ import annotations

import re

# Up to the last @, since a password may contain a slash; if the path has an @, the host is hidden too, which is safe.
_USER = re.compile(r"(?<=://)\S*@")
_SECRET = re.compile(r"(?i)([?&;][^=&#]*(?:user|login|pass|pwd|token|key|auth|secret|sign)[^=&#]*=)[^&#]*")


def mask(url: str) -> str:
    """`url` with ``***`` for ``user:password@`` and for query values that look like credentials."""
    return _SECRET.sub(r"\1***", _USER.sub("***@", url))
