"""Responses that all paths share, and reading of requests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope

UPLOAD_TIMEOUT_S = 30.0


def error_response(status: int, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """{"error": message}: the value, the cause, the fix."""
    return JSONResponse({"error": message}, status, dict(headers or {}))


class RequestError(Exception):
    """A request that gets an error response; raised only while it is handled."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def handle_errors(serve: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """`serve`, with a RequestError turned into an error response."""

    async def served(request: Request) -> Response:
        try:
            return await serve(request)
        except RequestError as refused:
            wait = {"Retry-After": "1"} if refused.status == 429 else {}
            return error_response(refused.status, str(refused), wait)

    return served


async def read_body(request: Request) -> bytes:
    """The body; AccessMiddleware has limited its length. Raises RequestError."""
    try:
        async with asyncio.timeout(UPLOAD_TIMEOUT_S):
            return await request.body()
    except TimeoutError:
        raise RequestError(408, f"the body took longer than {UPLOAD_TIMEOUT_S:g} s; send a smaller one") from None
    except ClientDisconnect:
        raise RequestError(400, "the body is incomplete; send it again") from None


def client_address(scope: Scope) -> str:
    """The address that a request comes from; "" if the server does not know it."""
    return scope["client"][0] if scope["client"] else ""


async def wait_for_disconnect(receive: Receive) -> None:
    """Return when the client of an endless response disconnects."""
    while (await receive())["type"] != "http.disconnect":
        pass
