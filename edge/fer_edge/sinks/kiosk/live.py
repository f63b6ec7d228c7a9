"""The camera's picture, as JPEGs: plain ones with what is read beside them, for the page, and ones with boxes drawn in.

The stream for the page is made of parts: two lengths of 4 bytes, highest byte first, and then as many bytes of JSON,
see `views.live`, and of JPEG. Pictures are made only while somebody looks, once for all of them.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress

import cv2
from starlette.types import Receive, Scope, Send

from fer_edge.drawing.annotate import annotate_frame
from fer_edge.sinks.kiosk.limits import Places
from fer_edge.sinks.kiosk.responses import client_address, error_response, wait_for_disconnect
from fer_edge.sinks.kiosk.state import KioskState
from fer_edge.sinks.kiosk.views import live
from fer_edge.types import Observation, Pixels

PAGE_INTERVAL_S = 0.08  # between two pictures of the page: 12.5 a second
FRAME_INTERVAL_S = 0.15  # between two with boxes drawn in
SAME_FRAME_INTERVAL_S = 0.5  # if the camera gives no new one
MAX_READERS = 4  # at once, of each kind
JPEG_QUALITY = 75  # 0 to 100
BOUNDARY = b"fer-edge-frame"


class Live:
    """A stream of what `make` makes of the newest observation, in a thread, once for all readers."""

    def __init__(self, state: KioskState, make: Callable[[Observation], bytes], kind: bytes, interval_s: float) -> None:
        """`kind`: the media type; `interval_s`: between two pictures."""
        self._state, self._make, self._kind, self._interval_s = state, make, kind, interval_s
        self._places = Places(MAX_READERS, share=2, kept=1)
        self._readers = 0
        self._closing = False
        self._made: tuple[Observation, asyncio.Task[bytes]] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one reader until it disconnects."""
        address = client_address(scope)
        if not self._places.take(address):
            await error_response(503, f"{MAX_READERS} pages show it already; close one", {"Retry-After": "10"})(
                scope, receive, send
            )
            return
        self._readers += 1
        leaving = asyncio.create_task(wait_for_disconnect(receive))
        try:
            await self._serve(send, leaving)
        finally:
            leaving.cancel()
            self._readers -= 1
            self._places.free(address)
            if not self._readers:
                self._made = None

    async def _serve(self, send: Send, leaving: asyncio.Task[None]) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", self._kind)]})
        shown: Observation | None = None
        while not leaving.done() and not self._closing:
            latest = self._state.latest
            if latest is None:
                self._made = None
            else:
                # Also the same one again: browsers show a picture when the next one begins.
                await send({"type": "http.response.body", "body": await self._part(latest), "more_body": True})
            with suppress(TimeoutError):
                async with asyncio.timeout(SAME_FRAME_INTERVAL_S if latest is shown else self._interval_s):
                    await asyncio.shield(leaving)
            shown = latest
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _part(self, observation: Observation) -> bytes:
        made = self._made
        if made is None or made[0] is not observation:
            made = self._made = observation, asyncio.create_task(asyncio.to_thread(self._make, observation))
        return await asyncio.shield(made[1])

    def close(self) -> None:
        """End all streams, at their next picture."""
        self._closing = True


def page_pictures(state: KioskState) -> Live:
    """The stream of the page."""

    def make(observation: Observation) -> bytes:
        picture, faces = _jpeg(observation.frame.picture), json.dumps(live(observation)).encode()
        return len(faces).to_bytes(4) + len(picture).to_bytes(4) + faces + picture

    return Live(state, make, b"application/octet-stream", PAGE_INTERVAL_S)


def drawn_pictures(state: KioskState, font: str) -> Live:
    """The stream of pictures with boxes, for an <img>; `font` is as for `annotate`."""

    def make(observation: Observation) -> bytes:
        picture = _jpeg(annotate_frame(observation, font))
        head = b"--%s\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % (BOUNDARY, len(picture))
        return head + picture + b"\r\n"

    return Live(state, make, b"multipart/x-mixed-replace; boundary=" + BOUNDARY, FRAME_INTERVAL_S)


def _jpeg(picture: Pixels) -> bytes:
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
