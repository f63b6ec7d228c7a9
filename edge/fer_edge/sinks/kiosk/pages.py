"""The pages and their files, read once. In a page {{key}} stands for a text in the page's language.

The first line of a page's file has what its head differs in: <!-- key of its title; its styles; its script -->
"""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from fer_edge import __version__
from fer_edge.classifiers.cards import shipped_agreement
from fer_edge.sinks.kiosk import paths
from fer_edge.sinks.kiosk.i18n import Translations, with_synonyms
from fer_edge.sinks.kiosk.prefix import with_prefix
from fer_edge.sinks.kiosk.responses import error_response

KIOSK_FOLDER = Path(__file__).parent
ONCE_PLACE = "{{once}}"  # where the page of a link gets its token
VERSION_PLACE = "{{pages}}"  # where each page gets `Pages.version`
FOOT = {"status_title": paths.STATUS, "settings_title": paths.SETTINGS}  # key of a text -> where its link leads
WITHOUT_LOGOUT = {"stage", "login", "login_once", "missing", "live_off"}
LOGOUT_BUTTON = '<form method="post" action="/logout"><button>{{logout}}</button></form>'
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
}


class Pages:
    """HTML in one language."""

    def __init__(
        self,
        words: Translations,
        live: bool,
        today: bool = True,
        saved: str = "",
        dim_seconds: float = 0.0,
        prefix: str = "",
        leave: bool = False,
    ) -> None:
        """Put the texts `words` into the pages.

        `live`: whether they link to the camera's picture, `today`: to the history; `saved`: the label of pictures that
        are saved, if any are; `dim_seconds`: as in the settings; `prefix`: what their paths begin with; `leave`:
        whether they have a button to log out, all but the room's screen, which passers-by reach.
        """
        words = words | {"history_note": words["history_note"].replace("{agreement}", shipped_agreement())}
        if saved:
            words = words | {"notice": words["notice_crops"].replace("{label}", saved)}
        texts = {path.stem: path.read_text(encoding="utf-8") for path in (KIOSK_FOLDER / "pages").glob("*.html")}
        head = texts.pop("head")
        filled = {
            "live_hidden": "" if live else "hidden",
            "today_hidden": "" if today else "hidden",
            "login_invalid": "",
            "login_alert": "",
            "dim_seconds": f"{dim_seconds:g}",
            "once": ONCE_PLACE,
            "pages": VERSION_PLACE,
        }
        for name in texts.keys() - WITHOUT_LOGOUT if leave else ():
            texts[name] = texts[name].replace("</nav>", f"{LOGOUT_BUTTON}</nav>", 1)
        rendered = {name: _rendered(head, text, words, filled) for name, text in texts.items()}
        for name in ("login_wrong", "login_used"):
            wrong = {
                "login_invalid": ' aria-invalid="true" aria-errormessage="wrong"',
                "login_alert": f'<p id="wrong" role="alert">{html.escape(words[name])}</p>',
            }
            rendered[name] = _rendered(head, texts["login"], words, filled | wrong)
        every = "\n".join([__version__, *(text for _, text in sorted(rendered.items()))])
        self.version = hashlib.sha256(every.encode()).hexdigest()[:16]  # changes with a text, a setting or the program
        self._pages = {
            name: with_prefix(prefix, text.replace(VERSION_PLACE, self.version)).encode()
            for name, text in rendered.items()
        }

    def serve(self, name: str) -> Callable[[Request], Awaitable[Response]]:
        """A handler that responds with the page `name`."""

        async def served(request: Request) -> Response:  # noqa: ARG001 (as Starlette calls it)
            return self.page(name)

        return served

    def page(self, name: str, status: int = 200, once: str = "") -> Response:
        """A response with the page `name`; `once`: the token of a link, of letters, digits, _ and - alone."""
        text = self._pages[name].replace(ONCE_PLACE.encode(), once.encode())
        return Response(text, status, media_type="text/html; charset=utf-8")


def _rendered(head: str, text: str, words: Translations, filled: Mapping[str, str]) -> str:
    """A page: `head` and `text` with `words` as text, and `filled` as HTML."""
    first, _, body = text.partition("\n")
    title, styles, script = (part.strip() for part in first.removeprefix("<!--").removesuffix("-->").split(";"))
    # For a <script type="application/json">: no character in it may end the element.
    data = json.dumps(with_synonyms(words), ensure_ascii=False).replace("<", "\\u003c")
    scripts = (
        f'<script type="application/json" id="words">{data}</script>\n'
        f'<script type="module" src="/static/{script}.js"></script>'
    )
    known = {name: html.escape(word) for name, word in words.items()} | {
        "page_title": html.escape(words["title"] if title == "title" else f"{words[title]}: {words['title']}"),
        "styles": "\n".join(f'<link rel="stylesheet" href="/static/{name}.css">' for name in ("base", *styles.split())),
        "script": scripts if script else "",
        "foot": "".join(f'<a href="{path}">{html.escape(words[name])}</a>' for name, path in FOOT.items()),
        **filled,
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda found: known[found[1]], f"{head}{body}</html>\n")


class Static:
    """`GET /static/NAME`, from memory, so no path leads out of the folder. Browsers mostly get a 304."""

    def __init__(self, prefix: str = "") -> None:
        """`prefix`: what the paths in scripts begin with."""
        self._files = {path.name: path for path in (KIOSK_FOLDER / "static").iterdir() if path.suffix in MEDIA_TYPES}
        self._texts = {
            name: with_prefix(prefix, path.read_text(encoding="utf-8")).encode() for name, path in self._files.items()
        }
        self._tags = {name: f'"{hashlib.sha256(text).hexdigest()[:16]}"' for name, text in self._texts.items()}

    async def serve(self, request: Request) -> Response:
        """Respond with the file."""
        return self._file(request.path_params["name"], request)

    async def icon(self, request: Request) -> Response:
        """Respond to `/favicon.ico`, which browsers request by themselves."""
        return self._file("icon.svg", request)

    def _file(self, name: str, request: Request) -> Response:
        if name not in self._texts:
            return error_response(404, f"{name!r}: no such file")
        headers = {"Cache-Control": "no-cache", "ETag": self._tags[name]}
        if request.headers.get("if-none-match") == self._tags[name]:
            return Response(status_code=304, headers=headers)
        return Response(self._texts[name], headers=headers, media_type=MEDIA_TYPES[self._files[name].suffix])
