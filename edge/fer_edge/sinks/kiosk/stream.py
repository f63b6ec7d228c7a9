"""Server-sent events: what the page shows, to each who looks, when it changes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from starlette.types import Receive, Scope, Send

from fer_edge.sinks.kiosk.responses import left, problem
from fer_edge.sinks.kiosk.state import KioskState

POLL_INTERVAL_S = 0.5  # between looks for what changes without an event: confidence, the largest face, a pause
PING_INTERVAL_S = 10.0  # a page that hears nothing for longer connects anew
RECONNECT_DELAY_MS = 1000  # for readers other than our page


class Stream:
    """`GET /api/v1/stream`. Each reader gets the newest state, not a queue of old ones; with none, nothing runs."""

    def __init__(self, board: KioskState, look: Callable[[], dict[str, Any]], most: int) -> None:
        """Give `look()` to `most` readers at once."""
        self._board, self._look, self._most = board, look, most
        self._readers: set[asyncio.Event] = set()
        self._changed = asyncio.Event()
        self._ticker: asyncio.Task[None] | None = None
        self._message = b""
        self._version = 0
        self._closing = False

    @property
    def readers(self) -> int:
        """How many look now."""
        return len(self._readers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one reader until it leaves."""
        if self._closing or len(self._readers) >= self._most:
            words = f"{self._most} look already, which is the limit (kiosk.viewers); close one, or raise it"
            await problem(503, words, {"Retry-After": "10"})(scope, receive, send)
            return
        news = asyncio.Event()
        leaving = asyncio.create_task(left(receive))
        leaving.add_done_callback(lambda _: news.set())
        self._enter(news)
        try:
            await self._serve(send, news, leaving)
        finally:
            leaving.cancel()
            self._leave(news)

    async def _serve(self, send: Send, news: asyncio.Event, leaving: asyncio.Task[None]) -> None:
        headers = [
            (b"content-type", b"text/event-stream"),
            (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        text, version = f"retry: {RECONNECT_DELAY_MS}\n".encode() + self._message, self._version
        while not leaving.done() and not self._closing:
            await send({"type": "http.response.body", "body": text, "more_body": True})
            with suppress(TimeoutError):
                async with asyncio.timeout(PING_INTERVAL_S):
                    await news.wait()
            news.clear()
            text = b"event: ping\ndata:\n\n" if version == self._version else self._message
            version = self._version
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _enter(self, news: asyncio.Event) -> None:
        self._readers.add(news)
        if self._ticker is None:
            self._renew()
            self._board.wake = partial(_wake, asyncio.get_running_loop(), self._changed)
            self._ticker = asyncio.create_task(self._run())

    def _leave(self, news: asyncio.Event) -> None:
        self._readers.discard(news)
        if not self._readers and self._ticker is not None:
            self._board.wake = None
            self._ticker.cancel()
            self._ticker = None

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_INTERVAL_S):
                    await self._changed.wait()
            self._changed.clear()
            if self._renew():
                for news in self._readers:
                    news.set()

    def _renew(self) -> bool:
        """Whether the message is another now."""
        data = json.dumps(self._look(), ensure_ascii=False, separators=(",", ":"))
        message = f"event: now\ndata: {data}\n\n".encode()
        if message == self._message:
            return False
        self._message = message
        self._version += 1
        return True

    def close(self) -> None:
        """End every reader's stream; in the server's thread."""
        self._closing = True
        for news in self._readers:
            news.set()


def _wake(loop: asyncio.AbstractEventLoop, changed: asyncio.Event) -> None:
    with suppress(RuntimeError):  # the server has just ended
        loop.call_soon_threadsafe(changed.set)
