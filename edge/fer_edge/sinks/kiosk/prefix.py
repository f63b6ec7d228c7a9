"""`kiosk.path`: the same pages beneath a path of another server, such as a proxy's https://home.example/faces/."""

from __future__ import annotations

import re

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# What the own paths begin with: see app.py, where a test compares them.
ROOTS = ("api", "static", "history", "live", "try", "status", "settings", "login", "logout", "metrics", "healthz")
_OWN_PATH = re.compile(rf"""(["'`])/(?=(?:{"|".join(ROOTS)})\b|\1)""")  # "/" alone is the first page


def with_prefix(prefix: str, text: str) -> str:
    """A page or script with its own paths, each at the beginning of a quoted text, beneath `prefix`, as "/faces"."""
    return _OWN_PATH.sub(rf"\1{prefix}/", text) if prefix else text


class UnderPrefix:
    """Serves `app` beneath `prefix`, and without it too: some proxies take it off, and some pass it on."""

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app, self._prefix = app, prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; where its response leads, and where its cookie counts, is beneath the prefix."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_prefix(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                if headers.get("location", "").startswith("/"):
                    headers["location"] = self._prefix + headers["location"]
                if "set-cookie" in headers:
                    cookie = re.sub(r"(?i)(; path=)/(?=;|$)", rf"\1{self._prefix}", headers["set-cookie"])
                    headers["set-cookie"] = cookie
                message["headers"] = headers.raw
            await send(message)

        path: str = scope["path"]
        if path == self._prefix or path.startswith(f"{self._prefix}/"):
            path = path.removeprefix(self._prefix) or "/"
        await self._app({**scope, "path": path}, receive, send_with_prefix)
