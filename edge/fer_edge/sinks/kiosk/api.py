"""The JSON API. `openapi.py` describes it; a test keeps the two together."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from fer_edge import __version__
from fer_edge.errors import FerEdgeError, LogError, SinkError, SourceError
from fer_edge.pause import PauseSwitch
from fer_edge.settings import Settings
from fer_edge.sinks.kiosk import metrics, openapi, views
from fer_edge.sinks.kiosk.calendar import COLUMN_SIZES_S, CalendarError, Span, named_span
from fer_edge.sinks.kiosk.detect import FORMATS, PictureReader
from fer_edge.sinks.kiosk.diagnostics import Diagnostics, examine, settings_in_words
from fer_edge.sinks.kiosk.history import MAX_SPAN, SlowLogError, as_csv, history
from fer_edge.sinks.kiosk.jobs import Jobs
from fer_edge.sinks.kiosk.responses import RequestError, error_response
from fer_edge.sinks.kiosk.state import KioskState
from fer_edge.sinks.kiosk.stream import Stream
from fer_edge.sinks.kiosk.uploads import Uploads
from fer_edge.types import EVENT_KINDS

MAX_WAITING_REQUESTS = 2  # of pictures that wait for their turn, and of histories
HISTORY_CACHE_S = 10.0  # a history is read again after so long
MAX_CACHED_HISTORIES = 4
DOCTOR_CACHE_S = 20.0
INDEX_INTERVAL_S = 3600.0
INDEX_SPAN = timedelta(days=31)
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.IGNORECASE)
FILE_NAMES = {"day": "%Y-%m-%d", "week": "%G-week-%V", "month": "%Y-%m"}
PICTURE_MEDIA_TYPES = (*(f"image/{form.lower()}" for form in FORMATS), "application/octet-stream")


class Api:
    """One method for each path; each takes a request and returns the response."""

    def __init__(self, state: KioskState, pause_switch: PauseSwitch, settings: Settings, stream: Stream) -> None:
        self._state, self._pause_switch, self._settings, self._stream = state, pause_switch, settings, stream
        self._reader, self._metrics = PictureReader(settings), metrics.Metrics(settings)
        self._diagnostics = Diagnostics(state, settings)
        self._findings: tuple[float, dict[str, Any]] | None = None  # when they were found
        self._started = time.monotonic()
        self._pictures, self._histories, self._doctor = (Jobs(MAX_WAITING_REQUESTS) for _ in range(3))
        self._uploads = Uploads(int(1e6 * settings.kiosk.picture_megabytes))
        self._cached: dict[tuple[Any, ...], tuple[float, dict[str, Any]]] = {}  # span -> when it was read, the history

    async def status(self, request: Request) -> Response:
        """The state of the device."""
        _check_query(request, ())
        state = self._state
        return JSONResponse(
            {
                "version": __version__,
                "state": state.camera,
                "paused": self._pause_switch.paused,
                "uptime_seconds": round(time.monotonic() - self._started, 1),
                "frames": state.frames,
                "events": {kind: state.events[kind] for kind in EVENT_KINDS},
                "viewers": self._stream.readers,
                "live": self._settings.kiosk.live,
                "log": "log" in self._settings.run.sinks,
            }
        )

    async def now(self, request: Request) -> Response:
        """The newest observation."""
        _check_query(request, ())
        return JSONResponse(views.now(self._state, self._pause_switch))

    async def history(self, request: Request) -> Response:
        """What the log says of a span of time."""
        return JSONResponse(await self._history(request))

    async def history_csv(self, request: Request) -> Response:
        """The same as a table."""
        found = await self._history(request)
        local = datetime.fromisoformat(found["from"]).astimezone()
        kind = next((kind for kind in COLUMN_SIZES_S if kind in request.query_params), "day")
        name = f"fer-edge-{local:{FILE_NAMES[kind]}}.csv"  # another for each table that may lie beside it
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(as_csv(found), headers=headers, media_type="text/csv; charset=utf-8")

    async def _history(self, request: Request) -> dict[str, Any]:
        """Raises RequestError."""
        query = _check_query(request, ("from", "to", *COLUMN_SIZES_S))
        if "log" not in self._settings.run.sinks:
            raise RequestError(404, "no log is written, so there is no history; add log to run.sinks")
        now = datetime.now().astimezone()
        try:
            span = named_span(query, now) or _span(query, now)
            return await self._read_history(request, span, now)
        except CalendarError as error:
            raise RequestError(400, str(error)) from None
        except LogError as error:
            raise RequestError(503 if isinstance(error, SlowLogError) else 404, str(error)) from None

    async def _read_history(self, request: Request, span: Span, now: datetime) -> dict[str, Any]:
        """Raises RequestError, LogError."""
        key = (span.start, None if span.end == now else span.end, span.column_seconds)
        read, found = self._cached.get(key, (-HISTORY_CACHE_S, {}))
        if time.monotonic() - read >= HISTORY_CACHE_S:
            found = await self._histories.run(request, history, self._settings.log, span)
            self._cached.pop(key, None)
            self._cached[key] = time.monotonic(), found
            if len(self._cached) > MAX_CACHED_HISTORIES:
                del self._cached[next(iter(self._cached))]
        return found

    async def diagnostics(self, request: Request) -> Response:
        """Speed, temperature, disk and outputs."""
        _check_query(request, ())
        return JSONResponse(self._diagnostics.now())

    async def doctor(self, request: Request) -> Response:
        """The doctor's findings; they are kept for a while, since they take seconds to find."""
        _check_query(request, ())
        found = self._findings
        if found is None or time.monotonic() - found[0] >= DOCTOR_CACHE_S:
            try:
                result = await self._doctor.run(request, examine, self._settings)
            except SinkError as error:
                return error_response(503, str(error))
            found = self._findings = time.monotonic(), result
        return JSONResponse(found[1])

    async def settings(self, request: Request) -> Response:
        """Each setting, and where it was set."""
        _check_query(request, ())
        program = self._state.program
        return JSONResponse(settings_in_words(self._settings, program.config if program else None))

    async def detect(self, request: Request) -> Response:
        """The faces in a picture that was sent."""
        _check_query(request, ())
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in PICTURE_MEDIA_TYPES:
            raise RequestError(
                415, f"Content-Type {kind!r}: must be one of {', '.join(PICTURE_MEDIA_TYPES)}; send the picture itself"
            )
        async with self._uploads.receive(request) as picture:
            if not picture.bytes:
                raise RequestError(400, "the body is empty; send a picture as the body")
            try:
                return JSONResponse(await self._pictures.run(request, self._reader.read, picture))
            except SourceError as error:
                return error_response(422, str(error))
            except FerEdgeError as error:  # of the model, or the detector
                return error_response(503, str(error))

    async def pause(self, request: Request) -> Response:
        """Release the camera."""
        _check_query(request, ())
        self._pause_switch.pause()
        return JSONResponse({"state": self._state.camera, "paused": self._pause_switch.paused})

    async def resume(self, request: Request) -> Response:
        """Open the camera again."""
        _check_query(request, ())
        self._pause_switch.resume()
        return JSONResponse({"state": self._state.camera, "paused": self._pause_switch.paused})

    async def openapi(self, request: Request) -> Response:
        """The description of this API."""
        _check_query(request, ())
        return Response(openapi.text(self._settings.kiosk.path), media_type="application/json")

    async def metrics(self, request: Request) -> Response:
        """For Prometheus."""
        _check_query(request, ())
        text = self._metrics.text(self._state, self._stream.readers)
        return Response(text, headers={"Content-Type": metrics.MEDIA_TYPE})

    async def keep_index(self) -> None:
        """Bring the log's index up to date every hour, so that no page waits for it; ends when it is cancelled."""
        log = self._settings.log
        if "log" not in self._settings.run.sinks or log.store == "memory":
            return
        while True:
            await asyncio.sleep(INDEX_INTERVAL_S)
            now = datetime.now().astimezone()
            with suppress(LogError):  # whoever asks for a history is told
                await self._histories.run_unasked(history, log, Span(_midnight(now - INDEX_SPAN), now))

    def close(self) -> None:
        """End what is being worked on; to be called in the server's thread."""
        self._pictures.close()
        self._histories.close()
        self._doctor.close()

    def join(self, timeout_s: float) -> None:
        """Wait until it has ended; to be called in another thread."""
        self._pictures.join(timeout_s)
        self._histories.join(timeout_s)
        self._doctor.join(timeout_s)

    async def healthz(self, request: Request) -> Response:
        """Whether the server answers, and nothing else."""
        _check_query(request, ())
        return JSONResponse({"ok": True})


def _check_query(request: Request, known: Collection[str]) -> dict[str, str]:
    """The query's parameters. Raises RequestError if one is unknown or given twice."""
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in known:
            raise RequestError(400, f"{name!r}: unknown parameter; allowed are {', '.join(known) or 'none'}")
        if name in found:
            raise RequestError(400, f"{name!r}: given twice; give it once")
        found[name] = value
    return found


def _moment(name: str, text: str) -> datetime:
    """A time in the form of RFC 3339. Raises RequestError."""
    text = text.replace(" ", "+")  # a plus in a URL's query is a space
    try:
        if not RFC_3339.fullmatch(text):
            raise ValueError
        moment = datetime.fromisoformat(text.upper()).astimezone(UTC)
        if not 1970 <= moment.year <= 9000:  # times computed from it must exist too
            raise ValueError
        return moment
    except (ValueError, OverflowError):
        raise RequestError(400, f"{name} {text!r}: not a time; write it as 2026-01-31T12:00:00Z") from None


def _span(query: Mapping[str, str], now: datetime) -> Span:
    """From `from` to `to` of the query; without them, today up to now. Raises RequestError."""
    end = _moment("to", query["to"]) if "to" in query else now
    start = (
        _moment("from", query["from"])
        if "from" in query
        else _midnight(min(end.astimezone(), now) - timedelta(microseconds=1))
    )
    if not timedelta(0) < end - start <= MAX_SPAN:
        raise RequestError(422, f"from {start}, to {end}: `to` must be after `from`, by {MAX_SPAN.days} days at most")
    return Span(start, end)


def _midnight(moment: datetime) -> datetime:
    """The start of the local day of `moment`."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None).astimezone()
