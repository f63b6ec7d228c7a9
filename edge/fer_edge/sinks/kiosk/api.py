"""The JSON API; `openapi.py` beside this file describes it, and a test holds the two together."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from fer_edge import __version__
from fer_edge.errors import LogError, SourceError
from fer_edge.pause import PauseSwitch
from fer_edge.settings import Settings
from fer_edge.sinks.kiosk import metrics, openapi, views
from fer_edge.sinks.kiosk.detect import FORMATS, PictureReader
from fer_edge.sinks.kiosk.history import MAX_SPAN, history
from fer_edge.sinks.kiosk.responses import RequestError, body, problem
from fer_edge.sinks.kiosk.state import KioskState
from fer_edge.sinks.kiosk.stream import Stream
from fer_edge.types import EVENT_KINDS

MAX_WAITING_REQUESTS = 2  # pictures that may wait for their turn, and histories
HISTORY_CACHE_S = 10.0  # seconds that a history up to now is not read anew
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.IGNORECASE)
PICTURE_MEDIA_TYPES = (*(f"image/{form.lower()}" for form in FORMATS), "application/octet-stream")


class Api:
    """One method a path; each takes a request and returns the answer."""

    def __init__(self, board: KioskState, pause_switch: PauseSwitch, settings: Settings, stream: Stream) -> None:
        self._board, self._pause_switch, self._settings, self._stream = board, pause_switch, settings, stream
        self._reader = PictureReader(settings)
        self._begun = time.monotonic()
        self._pictures, self._histories = _Queue(), _Queue()
        self._today: tuple[float, datetime, dict[str, Any]] | None = None  # when, from when, what

    async def status(self, request: Request) -> Response:
        """How the device is."""
        _check_query(request, ())
        board = self._board
        return JSONResponse(
            {
                "version": __version__,
                "state": board.state,
                "paused": self._pause_switch.paused,
                "uptime_seconds": round(time.monotonic() - self._begun, 1),
                "frames": board.frames,
                "events": {kind: board.events[kind] for kind in EVENT_KINDS},
                "viewers": self._stream.readers,
                "live": self._settings.kiosk.live,
                "log": "log" in self._settings.run.sinks,
            }
        )

    async def now(self, request: Request) -> Response:
        """The newest observation."""
        _check_query(request, ())
        return JSONResponse(views.now(self._board, self._pause_switch))

    async def history(self, request: Request) -> Response:
        """What the log says of a span of time."""
        query = _check_query(request, ("from", "to"))
        if "log" not in self._settings.run.sinks:
            return problem(404, "no log is written, so there is no history; add log to run.sinks")
        now = datetime.now().astimezone()
        end = _moment("to", query["to"]) if "to" in query else now
        start = (
            _moment("from", query["from"])
            if "from" in query
            else _midnight(min(end.astimezone(), now) - timedelta(microseconds=1))
        )
        if not timedelta(0) < end - start <= MAX_SPAN:
            words = f"from {start}, to {end}: must be after each other, by {MAX_SPAN.days} days at most"
            raise RequestError(422, words)
        try:
            return JSONResponse(await self._read_history(start, end, "to" not in query))
        except LogError as error:
            return problem(404, str(error))

    async def _read_history(self, start: datetime, end: datetime, fresh: bool) -> dict[str, Any]:
        kept = self._today
        if fresh and kept is not None and kept[1] == start and time.monotonic() - kept[0] < HISTORY_CACHE_S:
            return kept[2]
        async with self._histories.place():
            found = await self._histories.run(history, self._settings.log, start, end)
        if fresh:
            self._today = time.monotonic(), start, found
        return found

    async def detect(self, request: Request) -> Response:
        """What is read in a picture that was sent."""
        _check_query(request, ())
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in PICTURE_MEDIA_TYPES:
            raise RequestError(
                415, f"Content-Type {kind!r}: must be one of {', '.join(PICTURE_MEDIA_TYPES)}; send the picture itself"
            )
        async with self._pictures.place():  # before it is read: what waits is in memory
            data = await body(request)
            if not data:
                raise RequestError(400, "there is no picture in it; send one as the body")
            try:
                return JSONResponse(await self._pictures.run(self._reader.read, data))
            except SourceError as error:
                return problem(422, str(error))

    async def pause(self, request: Request) -> Response:
        """Let go of the camera."""
        _check_query(request, ())
        self._pause_switch.pause()
        return JSONResponse({"state": self._board.state, "paused": self._pause_switch.paused})

    async def resume(self, request: Request) -> Response:
        """Go on."""
        _check_query(request, ())
        self._pause_switch.resume()
        return JSONResponse({"state": self._board.state, "paused": self._pause_switch.paused})

    async def openapi(self, request: Request) -> Response:
        """What this API is."""
        _check_query(request, ())
        return Response(openapi.text(), media_type="application/json")

    async def metrics(self, request: Request) -> Response:
        """For Prometheus."""
        _check_query(request, ())
        text = metrics.metrics(self._board, self._stream.readers)
        return Response(text, headers={"Content-Type": metrics.MEDIA_TYPE})

    async def healthz(self, request: Request) -> Response:
        """Whether the server answers, and nothing else."""
        _check_query(request, ())
        return JSONResponse({"ok": True})


class _Queue:
    """Runs what takes its time in a thread, one after the other, so that the loop keeps its processor."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._waiting = 0

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """A place in the queue. Raises RequestError where it is full."""
        if self._waiting > MAX_WAITING_REQUESTS:
            raise RequestError(429, f"{MAX_WAITING_REQUESTS} others wait already; ask again in a moment")
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    async def run(self, work: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
        """What `work` gives, once it has its turn; for those that have a place."""
        async with self._turn:
            return await asyncio.to_thread(work, *arguments)


def _check_query(request: Request, known: Collection[str]) -> dict[str, str]:
    """The query's values. Raises RequestError where one is unknown or comes twice."""
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in known:
            raise RequestError(400, f"{name!r}: unknown; allowed are {', '.join(known) or 'none'}")
        if name in found:
            raise RequestError(400, f"{name!r}: came twice; give it once")
        found[name] = value
    return found


def _moment(name: str, text: str) -> datetime:
    """A time as RFC 3339 has it. Raises RequestError."""
    text = text.replace(" ", "+")  # what a plus in an address means
    try:
        if not RFC_3339.fullmatch(text):
            raise ValueError
        moment = datetime.fromisoformat(text.upper()).astimezone(UTC)
        if not 1970 <= moment.year <= 9000:  # what is counted from it must be a time too
            raise ValueError
        return moment
    except (ValueError, OverflowError):
        raise RequestError(400, f"{name} {text!r}: no time; write it as 2026-01-31T12:00:00Z") from None


def _midnight(moment: datetime) -> datetime:
    """When the local day of `moment` began."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None).astimezone()
