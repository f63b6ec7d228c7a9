"""How a browser shows that it has the token: once, on a page; then it has a cookie that no script can read."""

from __future__ import annotations

from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fer_edge.sinks.kiosk import paths
from fer_edge.sinks.kiosk.limits import Limiter
from fer_edge.sinks.kiosk.pages import Pages
from fer_edge.sinks.kiosk.responses import body, problem
from fer_edge.sinks.kiosk.tokens import COOKIE_DAYS, COOKIE_NAME, Tokens

MAX_TRIES_AT_ONCE, TRIES_PER_S = 5, 1 / 12  # at once, and from then on


class Login:
    """`/login`. Who guesses may try five times a minute."""

    def __init__(self, pages: Pages, tokens: Tokens) -> None:
        self._pages, self._tokens = pages, tokens
        self._limiter = Limiter(TRIES_PER_S, MAX_TRIES_AT_ONCE)

    async def show(self, request: Request) -> Response:  # noqa: ARG002 (every page is asked for alike)
        """The page that asks for the token."""
        return self._pages.page("login")

    async def enter(self, request: Request) -> Response:
        """Take a token, and give a cookie for it."""
        if self._limiter.wait(request.client.host if request.client else ""):
            return problem(429, "too many tries; wait a minute", {"Retry-After": "60"})
        try:
            fields = parse_qs((await body(request)).decode("utf-8", "replace"), max_num_fields=4)
        except ValueError:
            return problem(400, "not the form of this page: it has more fields")
        if not self._tokens.right(fields.get("token", [""])[0].strip()):
            return self._pages.page("login_wrong", 403)
        answer = RedirectResponse(_own(request.query_params.get("next", paths.STAGE)), 303)
        answer.set_cookie(
            COOKIE_NAME,
            self._tokens.cookie(),
            max_age=86_400 * COOKIE_DAYS,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return answer


def _own(path: str) -> str:
    """`path`, where it is one of the pages, else the first page: nobody is led elsewhere."""
    return path if path in (paths.STAGE, paths.HISTORY, paths.LIVE) else paths.STAGE
