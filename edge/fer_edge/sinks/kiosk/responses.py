"""Answers that are alike everywhere, and what leads to them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive

UPLOAD_TIMEOUT_S = 30.0  # seconds that sending a body may take


def problem(status: int, words: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """What went wrong, as {"error": words}: the value, the cause, the cure."""
    return JSONResponse({"error": words}, status, dict(headers or {}))


class RequestError(Exception):
    """A request that is answered with `status` and words; only raised while one is served."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


def refusals(serve: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """`serve`, whose RequestError becomes the answer."""

    async def served(request: Request) -> Response:
        try:
            return await serve(request)
        except RequestError as refused:
            wait = {"Retry-After": "1"} if refused.status == 429 else {}
            return problem(refused.status, str(refused), wait)

    return served


async def body(request: Request) -> bytes:
    """What was sent; the gate has limited its length. Raises RequestError."""
    try:
        async with asyncio.timeout(UPLOAD_TIMEOUT_S):
            return await request.body()
    except TimeoutError:
        raise RequestError(408, f"the body did not come within {UPLOAD_TIMEOUT_S:g} s; send a smaller one") from None
    except ClientDisconnect:
        raise RequestError(400, "the body did not come whole; send it again") from None


async def left(receive: Receive) -> None:
    """Return when the reader of an answer without end is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
