"""Checks of every request (host, origin, rate, size, token), and the headers of every response."""

from __future__ import annotations

import math
from collections.abc import Collection
from urllib.parse import quote

from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fer_edge.sinks.kiosk import paths
from fer_edge.sinks.kiosk.limits import RateLimiter
from fer_edge.sinks.kiosk.origin import is_cross_site, is_own_host
from fer_edge.sinks.kiosk.responses import client_address, error_response
from fer_edge.sinks.kiosk.tokens import COOKIE_NAME, Tokens

PUBLIC_PATHS = (paths.HEALTH, paths.LOGIN, paths.STATIC)  # without a token; they show no predictions
MAX_BODY_BYTES = 4096  # unless the path allows more
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: with it a form's POST names its origin as "null", and over plain HTTP nothing else has it.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}


def default_headers(ancestors: str) -> list[tuple[bytes, bytes]]:
    """SECURITY_HEADERS, where pages of `ancestors`, origins separated by spaces, may show these ones in a frame."""
    headers = dict(SECURITY_HEADERS)
    if ancestors:
        policy = CONTENT_SECURITY_POLICY.replace("frame-ancestors 'none'", f"frame-ancestors {ancestors}")
        headers["Content-Security-Policy"] = policy
        del headers["X-Frame-Options"]  # it knows no list, and browsers follow it where they do not know the other
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


class AccessMiddleware:
    """Passes a request on to `app`, or refuses it."""

    def __init__(
        self,
        app: ASGIApp,
        names: Collection[str],
        tokens: Tokens,
        limiter: RateLimiter,
        tries: RateLimiter,
        bodies: dict[str, int],
        ancestors: str = "",
    ) -> None:
        """`names`: host names of this server; `tries`: of tokens; `bodies`: path -> bytes that a request may have.

        `ancestors`: origins whose pages may show these ones in a frame.
        """
        self._app, self._names, self._tokens, self._limiter, self._bodies = app, names, tokens, limiter, bodies
        self._tries, self._headers = tries, default_headers(ancestors)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name.lower() for name, _ in message["headers"]}
                more = [(name, value) for name, value in self._headers if name not in own]
                message["headers"] = [*message["headers"], *more]
            await send(message)

        app = self._refusal(scope) or self._app
        await app(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> Response | None:
        headers: dict[str, str] = {}
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        for name, value in scope["headers"]:
            headers[name.decode("latin-1")] = value.decode("latin-1")
        host = headers.get("host", "")
        if len(hosts) != 1 or not is_own_host(host, self._names):
            message = f"Host {host!r}: not a name of this device; use its address, or add the name to kiosk.hosts"
            return error_response(421, message)
        if is_cross_site(scope["method"], host, headers):
            return error_response(403, "sent by another site's page; only this device's own pages may send it")
        address = client_address(scope)
        if wait := self._limiter.wait(address):
            return error_response(429, "too many requests; send fewer", {"Retry-After": str(math.ceil(wait))})
        return self._check_size(scope, headers) or self._check_token(scope, headers)

    def _check_size(self, scope: Scope, headers: dict[str, str]) -> Response | None:
        close = {"Connection": "close"}  # the rest of the body is not read
        if "transfer-encoding" in headers:
            return error_response(411, "the body has no length; send a Content-Length", close)
        most = self._bodies.get(scope["path"], MAX_BODY_BYTES)
        length = headers.get("content-length", "0")
        if len(length) > 15 or int(length) > most:
            return error_response(
                413, f"Content-Length {length}: at most {most} bytes are allowed here; send less", close
            )
        return None

    def _check_token(self, scope: Scope, headers: dict[str, str]) -> Response | None:
        path: str = scope["path"]
        if not self._tokens.required or path.startswith(PUBLIC_PATHS) or self._has_token(headers):
            return None
        # Guesses of a token count as those on the login page do.
        if "authorization" in headers and self._tries.wait(client_address(scope)):
            return error_response(429, "too many tries; wait a minute", {"Retry-After": "60"})
        if path.startswith((paths.API, paths.METRICS, paths.LIVE_PICTURES, paths.LIVE_STREAM)):
            return error_response(
                401, "a token is needed; send Authorization: Bearer TOKEN", {"WWW-Authenticate": "Bearer"}
            )
        return RedirectResponse(f"{paths.LOGIN}?next={quote(path, safe='')}", 303)

    def _has_token(self, headers: dict[str, str]) -> bool:
        kind, _, token = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return self._tokens.is_valid(token.strip())
        # Not http.cookies: it stops at the first malformed cookie, and other programs on this host set cookies too.
        cookie = cookie_parser(headers.get("cookie", "")).get(COOKIE_NAME)
        return cookie is not None and self._tokens.is_valid_cookie(cookie)
