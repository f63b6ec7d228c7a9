"""The camera's picture with boxes, as a browser shows it in an <img>: JPEGs one after the other."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import cv2
from starlette.types import Receive, Scope, Send

from fer_edge.drawing.annotate import annotate_frame
from fer_edge.sinks.kiosk.responses import left, problem
from fer_edge.sinks.kiosk.state import KioskState
from fer_edge.types import Observation

FRAME_INTERVAL_S = 0.15  # seconds between two pictures
SAME_FRAME_INTERVAL_S = 0.5  # the same, where the camera gives fewer
MAX_READERS = 4  # readers at once
JPEG_QUALITY = 75  # of the JPEG, 0 to 100
BOUNDARY = b"fer-edge-frame"


class Live:
    """`GET /live.mjpg`. A picture is drawn when somebody looks, once for all who do."""

    def __init__(self, board: KioskState) -> None:
        self._board = board
        self._readers = 0
        self._closing = False
        self._drawn: tuple[Observation, bytes] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one reader until it leaves."""
        if self._readers >= MAX_READERS:
            await problem(503, f"{MAX_READERS} look already; close one", {"Retry-After": "10"})(scope, receive, send)
            return
        self._readers += 1
        leaving = asyncio.create_task(left(receive))
        try:
            await self._serve(send, leaving)
        finally:
            leaving.cancel()
            self._readers -= 1
            if not self._readers:
                self._drawn = None

    async def _serve(self, send: Send, leaving: asyncio.Task[None]) -> None:
        kind = b"multipart/x-mixed-replace; boundary=" + BOUNDARY
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
        shown: Observation | None = None
        while not leaving.done() and not self._closing:
            latest = self._board.latest
            if latest is None:
                self._drawn = None
            else:
                # The same one again, too: browsers show a picture when the next one begins.
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
            drawn = self._drawn = observation, await asyncio.to_thread(_draw, observation)
        return drawn[1]

    def close(self) -> None:
        """End every reader's pictures, at the next one."""
        self._closing = True


def _draw(observation: Observation) -> bytes:
    return cv2.imencode(".jpg", annotate_frame(observation), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
