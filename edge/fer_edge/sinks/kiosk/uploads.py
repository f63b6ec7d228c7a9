"""Bodies that clients send, kept in memory until they are whole; only then they take a place in a queue."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import ClientDisconnect, Request

from fer_edge.sinks.kiosk.limits import Places
from fer_edge.sinks.kiosk.responses import UPLOAD_TIMEOUT_S, RequestError, client_address

MAX_UPLOADS = 8  # at once, of an address one
KEPT_UPLOADS = 2  # of them for this device
MEMORY_TIMES = 1.5  # all of them together may hold so many times as much as one


class Upload:
    """A body in a file that is nowhere but in memory, and never in this process's own."""

    def __init__(self) -> None:
        self.descriptor = os.memfd_create("fer-edge-upload")
        self.bytes = 0

    def write(self, data: bytes) -> None:
        """Append `data`."""
        self.bytes += os.write(self.descriptor, data)

    def close(self) -> None:
        """Forget it."""
        os.close(self.descriptor)


class Uploads:
    """All that come in now."""

    def __init__(self, most_bytes: int) -> None:
        """`most_bytes`: of one; AccessMiddleware has checked it."""
        self._memory_bytes = int(MEMORY_TIMES * most_bytes)
        self._held_bytes = 0
        self._places = Places(MAX_UPLOADS, share=1, kept=KEPT_UPLOADS)

    @asynccontextmanager
    async def receive(self, request: Request) -> AsyncIterator[Upload]:
        """The whole body. Raises RequestError."""
        address = client_address(request.scope)
        if not self._places.take(address):
            raise RequestError(429, "too many pictures are being sent; try again in a moment")
        try:
            upload = Upload()
            try:
                await self._fill(upload, request)
                yield upload
            finally:
                self._held_bytes -= upload.bytes
                upload.close()
        finally:
            self._places.free(address)

    async def _fill(self, upload: Upload, request: Request) -> None:
        try:
            async with asyncio.timeout(UPLOAD_TIMEOUT_S):
                async for part in request.stream():
                    if self._held_bytes + len(part) > self._memory_bytes:
                        raise RequestError(429, "others send large pictures now; try again in a moment")
                    before = upload.bytes
                    upload.write(part)
                    self._held_bytes += upload.bytes - before
        except TimeoutError:
            raise RequestError(408, f"the body took longer than {UPLOAD_TIMEOUT_S:g} s; send a smaller one") from None
        except ClientDisconnect:
            raise RequestError(400, "the body is incomplete; send it again") from None
