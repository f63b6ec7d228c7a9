"""Login of a browser: it sends the token once, and then has a cookie that no script can read."""

from __future__ import annotations

import re
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fer_edge.sinks.kiosk import paths
from fer_edge.sinks.kiosk.limits import RateLimiter
from fer_edge.sinks.kiosk.pages import Pages
from fer_edge.sinks.kiosk.responses import error_response, read_body
from fer_edge.sinks.kiosk.tokens import COOKIE_DAYS, COOKIE_NAME, Tokens

ONCE = re.compile(r"[A-Za-z0-9_-]{1,64}")  # a token for one login
MAX_TRIES_AT_ONCE, TRIES_PER_S = 5, 1 / 12  # of an address, on this page and by Authorization


class Login:
    """`/login`: five tries a minute."""

    def __init__(self, pages: Pages, tokens: Tokens, tries: RateLimiter) -> None:
        self._pages, self._tokens, self._limiter = pages, tokens, tries

    async def show(self, request: Request) -> Response:
        """Show the page that asks for the token; to who comes by a link, one that asks for nothing.

        A link is used up by its button, not by being opened: programs open links, to show what is behind them.
        """
        once = request.query_params.get("once")
        if once is None:
            return self._pages.page("login")
        return (
            self._pages.page("login_once", once=once) if ONCE.fullmatch(once) else self._pages.page("login_used", 403)
        )

    async def enter(self, request: Request) -> Response:
        """Check a token, and set a cookie for it."""
        if self._limiter.wait(request.client.host if request.client else ""):
            return error_response(429, "too many tries; wait a minute", {"Retry-After": "60"})
        try:
            fields = parse_qs((await read_body(request)).decode("utf-8", "replace"), max_num_fields=4)
        except ValueError:
            return error_response(400, "not this page's form: it has too many fields")
        if "once" in fields:
            if not self._tokens.take_once(fields["once"][0]):
                return self._pages.page("login_used", 403)
        elif not self._tokens.is_valid(fields.get("token", [""])[0].strip()):
            return self._pages.page("login_wrong", 403)
        response = RedirectResponse(_own_page(request.query_params.get("next", paths.STAGE)), 303)
        response.set_cookie(
            COOKIE_NAME,
            self._tokens.new_cookie(),
            max_age=86_400 * COOKIE_DAYS,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return response


async def leave(request: Request) -> Response:  # noqa: ARG001 (as Starlette calls it)
    """Forget this browser's cookie."""
    response = RedirectResponse(paths.LOGIN, 303)
    response.delete_cookie(COOKIE_NAME, httponly=True, samesite="strict")
    return response


def _own_page(path: str) -> str:
    """`path` if it is one of the pages, else the first page: no redirect leads to another site."""
    return path if path in paths.PAGES else paths.STAGE
