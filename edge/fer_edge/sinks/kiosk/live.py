"""The camera's picture with boxes, as a stream of JPEGs that a browser shows in an <img>."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import cv2
from starlette.types import Receive, Scope, Send

from fer_edge.drawing.annotate import annotate_frame
from fer_edge.sinks.kiosk.limits import Places
from fer_edge.sinks.kiosk.responses import client_address, error_response, wait_for_disconnect
from fer_edge.sinks.kiosk.state import KioskState
from fer_edge.types import Observation

FRAME_INTERVAL_S = 0.15  # between two pictures
SAME_FRAME_INTERVAL_S = 0.5  # if the camera gives no new one
MAX_READERS = 4  # at once
JPEG_QUALITY = 75  # 0 to 100
BOUNDARY = b"fer-edge-frame"


class Live:
    """`GET /live.mjpg`. A picture is drawn only while there are readers, once for all of them."""

    def __init__(self, state: KioskState, font: str = "") -> None:
        """`font` is as for `annotate`."""
        self._state, self._font = state, font
        self._readers = 0
        self._places = Places(MAX_READERS, share=2, kept=1)
        self._closing = False
        self._drawn: tuple[Observation, bytes] | None = None

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
                self._drawn = None

    async def _serve(self, send: Send, leaving: asyncio.Task[None]) -> None:
        kind = b"multipart/x-mixed-replace; boundary=" + BOUNDARY
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
        shown: Observation | None = None
        while not leaving.done() and not self._closing:
            latest = self._state.latest
            if latest is None:
                self._drawn = None
            else:
                # Also the same one again: browsers show a picture when the next one begins.
                picture = await self._picture(latest)
                head = b"--%s\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % (BOUNDARY, len(picture))
                await send({"type": "http.response.body", "body": head + picture + b"\r\n", "more_body": True})
            with suppress(TimeoutError):
                async with asyncio.timeout(SAME_FRAME_INTERVAL_S if latest is shown else FRAME_INTERVAL_S):
                    await asyncio.shield(leaving)
            shown = latest
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _picture(self, observation: Observation) -> bytes:
        drawn = self._drawn
        if drawn is None or drawn[0] is not observation:
            drawn = self._drawn = observation, await asyncio.to_thread(_draw, observation, self._font)
        return drawn[1]

    def close(self) -> None:
        """End all streams, at their next picture."""
        self._closing = True


def _draw(observation: Observation, font: str) -> bytes:
    drawn = annotate_frame(observation, font)
    return cv2.imencode(".jpg", drawn, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
