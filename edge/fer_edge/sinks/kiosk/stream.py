"""Server-sent events: what the page shows, to each open page, when it changes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from starlette.types import Receive, Scope, Send

from fer_edge.sinks.kiosk.limits import Places
from fer_edge.sinks.kiosk.responses import client_address, error_response, wait_for_disconnect
from fer_edge.sinks.kiosk.state import KioskState

PAGE_POLL_INTERVAL_S = 0.5  # for what changes without an event: confidence, a wish to pause
PING_INTERVAL_S = 10.0  # a page that gets nothing for longer connects again
ADDRESS_SHARE = 4  # an address may open one of so many pages
OWN_PAGES = 2  # for the screen of this device itself
RECONNECT_DELAY_MS = 1000  # of readers other than our page


class Stream:
    """`GET /api/v1/stream`. Each reader gets the newest state, not a queue of old ones; with none, nothing runs."""

    def __init__(
        self, state: KioskState, view: Callable[[], dict[str, Any]], max_readers: int, version: str = ""
    ) -> None:
        """Send what `view()` returns to `max_readers` readers at once, after the pages' `version`."""
        self._state, self._view, self._max_readers = state, view, max_readers
        self._first = f"retry: {RECONNECT_DELAY_MS}\nevent: pages\ndata: {version}\n\n".encode()
        self._places = Places(max_readers, max(max_readers // ADDRESS_SHARE, 1), min(OWN_PAGES, max_readers - 1))
        self._readers: set[asyncio.Event] = set()
        self._changed = asyncio.Event()
        self._ticker: asyncio.Task[None] | None = None
        self._message = b""
        self._version = 0
        self._closing = False

    @property
    def readers(self) -> int:
        """How many readers are connected."""
        return len(self._readers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one reader until it disconnects."""
        address = client_address(scope)
        if self._closing or not self._places.take(address):
            message = f"{self._max_readers} pages are open, which is the limit (kiosk.viewers); close one, or raise it"
            await error_response(503, message, {"Retry-After": "10"})(scope, receive, send)
            return
        reader = asyncio.Event()
        leaving = asyncio.create_task(wait_for_disconnect(receive))
        leaving.add_done_callback(lambda _: reader.set())
        self._add(reader)
        try:
            await self._serve(send, reader, leaving)
        finally:
            leaving.cancel()
            self._remove(reader)
            self._places.free(address)

    async def _serve(self, send: Send, reader: asyncio.Event, leaving: asyncio.Task[None]) -> None:
        headers = [
            (b"content-type", b"text/event-stream"),
            (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        text, version = self._first + self._message, self._version
        while not leaving.done() and not self._closing:
            await send({"type": "http.response.body", "body": text, "more_body": True})
            with suppress(TimeoutError):
                async with asyncio.timeout(PING_INTERVAL_S):
                    await reader.wait()
            reader.clear()
            text = b"event: ping\ndata:\n\n" if version == self._version else self._message
            version = self._version
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _add(self, reader: asyncio.Event) -> None:
        self._readers.add(reader)
        if self._ticker is None:
            self._refresh()
            self._state.wake = partial(_wake, asyncio.get_running_loop(), self._changed)
            self._ticker = asyncio.create_task(self._run())

    def _remove(self, reader: asyncio.Event) -> None:
        self._readers.discard(reader)
        if not self._readers and self._ticker is not None:
            self._state.wake = None
            self._ticker.cancel()
            self._ticker = None

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(PAGE_POLL_INTERVAL_S):
                    await self._changed.wait()
            self._changed.clear()
            if self._refresh():
                for reader in self._readers:
                    reader.set()

    def _refresh(self) -> bool:
        """Make the message again. Returns whether it differs from the last one."""
        data = json.dumps(self._view(), ensure_ascii=False, separators=(",", ":"))
        message = f"event: now\ndata: {data}\n\n".encode()
        if message == self._message:
            return False
        self._message = message
        self._version += 1
        return True

    def close(self) -> None:
        """End all streams; to be called in the server's thread."""
        self._closing = True
        for reader in self._readers:
            reader.set()


def _wake(loop: asyncio.AbstractEventLoop, changed: asyncio.Event) -> None:
    with suppress(RuntimeError):  # the server has just stopped
        loop.call_soon_threadsafe(changed.set)
