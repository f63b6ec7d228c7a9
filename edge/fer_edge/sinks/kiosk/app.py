"""Every path that the kiosk serves, on one screen."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from fer_edge.drawing.fonts import font_of
from fer_edge.pause import PauseSwitch
from fer_edge.settings import Settings
from fer_edge.sinks.kiosk import i18n, paths
from fer_edge.sinks.kiosk.api import Api
from fer_edge.sinks.kiosk.limits import RateLimiter
from fer_edge.sinks.kiosk.live import Live, drawn_pictures, page_pictures
from fer_edge.sinks.kiosk.login import MAX_TRIES_AT_ONCE, TRIES_PER_S, Login, leave
from fer_edge.sinks.kiosk.middleware import AccessMiddleware
from fer_edge.sinks.kiosk.origin import host_names
from fer_edge.sinks.kiosk.pages import Pages, Static
from fer_edge.sinks.kiosk.prefix import UnderPrefix
from fer_edge.sinks.kiosk.responses import error_response, handle_errors
from fer_edge.sinks.kiosk.state import KioskState
from fer_edge.sinks.kiosk.stream import Stream
from fer_edge.sinks.kiosk.tokens import Tokens, read_token
from fer_edge.sinks.kiosk.views import stage

DETECT_PATH = "/api/v1/detect"
BURST_S = 3.0  # so many seconds of the allowed rate may come at once


class App:
    """The ASGI application; `close` ends its streams. Raises SettingsError."""

    def __init__(self, state: KioskState, pause_switch: PauseSwitch, settings: Settings) -> None:
        kiosk = settings.kiosk
        self.tokens = tokens = Tokens(read_token(kiosk.token_file) if kiosk.token_file else "")
        saved = settings.crops.label if "crops" in settings.run.sinks else ""
        words, today = i18n.load(kiosk.language), "log" in settings.run.sinks
        pages = Pages(words, kiosk.live, today, saved, kiosk.dim_seconds, kiosk.path, tokens.required)
        static = Static(kiosk.path)
        tries = RateLimiter(TRIES_PER_S, MAX_TRIES_AT_ONCE)
        login = Login(pages, tokens, tries)
        source, ignored = settings.source, settings.detector.ignore
        shown = partial(stage, state, pause_switch, ignored, source.zone, saved, source.flip)
        self._unasked: asyncio.Task[None] | None = None
        self.stream = Stream(state, shown, kiosk.viewers, pages.version)
        self._live: list[Live] = []
        self._api = api = Api(state, pause_switch, settings, self.stream)

        def get(path: str, serve: object) -> Route:
            return Route(path, serve, methods=["GET"])  # type: ignore[arg-type]

        def post(path: str, serve: object) -> Route:
            return Route(path, serve, methods=["POST"])  # type: ignore[arg-type]

        self.routes = [
            get(paths.STAGE, pages.serve("stage")),
            get(paths.HISTORY, pages.serve("history")),
            get(paths.TRY, pages.serve("try")),
            get(paths.STATUS, pages.serve("status")),
            get(paths.SETTINGS, pages.serve("settings")),
            get(paths.LOGIN, login.show),
            post(paths.LOGIN, handle_errors(login.enter)),
            post(paths.LOGOUT, leave),
            get(f"{paths.STATIC}{{name}}", static.serve),
            get("/favicon.ico", static.icon),
            get("/api/v1/openapi.json", handle_errors(api.openapi)),
            get("/api/v1/status", handle_errors(api.status)),
            get("/api/v1/now", handle_errors(api.now)),
            get("/api/v1/history", handle_errors(api.history)),
            get("/api/v1/history.csv", handle_errors(api.history_csv)),
            get("/api/v1/diagnostics", handle_errors(api.diagnostics)),
            get("/api/v1/doctor", handle_errors(api.doctor)),
            get("/api/v1/settings", handle_errors(api.settings)),
            post(DETECT_PATH, handle_errors(api.detect)),
            post("/api/v1/pause", handle_errors(api.pause)),
            post("/api/v1/resume", handle_errors(api.resume)),
            get("/api/v1/stream", self.stream),
            get(paths.METRICS, handle_errors(api.metrics)),
            get(paths.HEALTH, handle_errors(api.healthz)),
        ]
        if kiosk.live:
            drawn, plain = self._live = [drawn_pictures(state, font_of(settings)), page_pictures(state)]
            self.routes += [
                get(paths.LIVE, pages.serve("live")),
                get(paths.LIVE_PICTURES, drawn),
                get(paths.LIVE_STREAM, plain),
            ]
        inner = Starlette(routes=self.routes, exception_handlers={HTTPException: _not_found(pages, kiosk.path)})  # type: ignore[dict-item]
        limiter = RateLimiter(kiosk.rate, max(BURST_S * kiosk.rate, 1.0))
        bodies = {DETECT_PATH: int(1e6 * kiosk.picture_megabytes)}
        checked = AccessMiddleware(
            inner, host_names(kiosk.hosts), tokens, limiter, tries, bodies, kiosk.frame_ancestors
        )
        self.asgi: ASGIApp = UnderPrefix(checked, kiosk.path) if kiosk.path else checked

    def start(self) -> None:
        """Begin what is done without a request; to be called in the server's thread."""
        self._unasked = asyncio.create_task(self._api.keep_index())

    def close(self) -> None:
        """End the streams, which never end by themselves, and slow work; to be called in the server's thread."""
        if self._unasked is not None:
            self._unasked.cancel()
        self._api.close()
        self.stream.close()
        for live in self._live:
            live.close()

    def join(self, timeout_s: float) -> None:
        """Wait until slow work has ended; to be called in another thread."""
        self._api.join(timeout_s)


def _not_found(pages: Pages, prefix: str) -> Callable[[Request, HTTPException], Awaitable[Response]]:
    """A handler that responds to what no path has: with a page to who asks for one, else with JSON."""

    async def served(request: Request, error: HTTPException) -> Response:
        if error.status_code == 405:
            return error_response(405, f"{request.method} {request.url.path}: method not allowed here", error.headers)
        if "text/html" in request.headers.get("accept", "") and not request.url.path.startswith(paths.API):
            off = request.url.path == paths.LIVE
            return pages.page("live_off" if off else "missing", error.status_code)
        message = f"{request.url.path}: no such page; the first one is {prefix}/"
        return error_response(error.status_code, message, error.headers)

    return served
