"""What every request passes: name, origin, rate, size, token; and the headers that every answer gets."""

from __future__ import annotations

import math
from collections.abc import Collection
from urllib.parse import quote

from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fer_edge.sinks.kiosk import paths
from fer_edge.sinks.kiosk.limits import Limiter
from fer_edge.sinks.kiosk.origin import from_elsewhere, known_host
from fer_edge.sinks.kiosk.responses import problem
from fer_edge.sinks.kiosk.tokens import COOKIE_NAME, Tokens

PUBLIC_PATHS = (paths.HEALTH, paths.LOGIN, paths.STATIC)  # what anybody may see: nothing that was read
MAX_BODY_BYTES = 4096  # bytes of a body, where no route asks for more
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: with it a form's POST names its origin as "null", and over plain HTTP nothing else tells it.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}
DEFAULT_HEADERS = [(name.lower().encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]


class AccessMiddleware:
    """Lets a request through to `app`, or answers it."""

    def __init__(
        self, app: ASGIApp, names: Collection[str], tokens: Tokens, limiter: Limiter, bodies: dict[str, int]
    ) -> None:
        """`names` lead here; `bodies` says for a path how many bytes may be sent to it."""
        self._app, self._names, self._tokens, self._limiter, self._bodies = app, names, tokens, limiter, bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name.lower() for name, _ in message["headers"]}
                more = [(name, value) for name, value in DEFAULT_HEADERS if name not in own]
                message["headers"] = [*message["headers"], *more]
            await send(message)

        app = self._refusal(scope) or self._app
        await app(scope, receive, dressed)

    def _refusal(self, scope: Scope) -> Response | None:
        headers: dict[str, str] = {}
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        for name, value in scope["headers"]:
            headers[name.decode("latin-1")] = value.decode("latin-1")
        host = headers.get("host", "")
        if len(hosts) != 1 or not known_host(host, self._names):
            words = f"Host {host!r}: is not a name of this device; use its address, or add the name to kiosk.hosts"
            return problem(421, words)
        if from_elsewhere(scope["method"], host, headers):
            return problem(403, "another site's page asked for this; only this device's own pages may")
        address = scope["client"][0] if scope["client"] else ""
        if wait := self._limiter.wait(address):
            return problem(429, "too many requests; ask less often", {"Retry-After": str(math.ceil(wait))})
        return self._too_much(scope, headers) or self._unknown(scope, headers)

    def _too_much(self, scope: Scope, headers: dict[str, str]) -> Response | None:
        close = {"Connection": "close"}  # what still comes is not read
        if "transfer-encoding" in headers:
            return problem(411, "the length of what you send must be told before it; send a Content-Length", close)
        most = self._bodies.get(scope["path"], MAX_BODY_BYTES)
        length = headers.get("content-length", "0")
        if len(length) > 15 or int(length) > most:
            return problem(413, f"Content-Length {length}: at most {most} bytes are taken here; send less", close)
        return None

    def _unknown(self, scope: Scope, headers: dict[str, str]) -> Response | None:
        path: str = scope["path"]
        if not self._tokens.needed or path.startswith(PUBLIC_PATHS) or self._has_token(headers):
            return None
        if path.startswith((paths.API, paths.METRICS, paths.LIVE_PICTURES)):
            return problem(401, "a token is needed; send Authorization: Bearer TOKEN", {"WWW-Authenticate": "Bearer"})
        return RedirectResponse(f"{paths.LOGIN}?next={quote(path, safe='')}", 303)

    def _has_token(self, headers: dict[str, str]) -> bool:
        kind, _, token = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return self._tokens.right(token.strip())
        # Not http.cookies: it gives up at the first cookie that it dislikes, and other programs on this host set some.
        cookie = cookie_parser(headers.get("cookie", "")).get(COOKIE_NAME)
        return cookie is not None and self._tokens.holds(cookie)
