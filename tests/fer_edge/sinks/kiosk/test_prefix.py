"""Behind a proxy the pages stand beneath a path, and every link, file, stream, redirect and cookie with them."""

from __future__ import annotations

import http.client
import http.server
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from fer_edge.errors import SettingsError
from fer_edge.pause import PauseSwitch
from fer_edge.settings import parse
from fer_edge.sinks.kiosk.app import App
from fer_edge.sinks.kiosk.prefix import ROOTS, with_prefix
from fer_edge.sinks.kiosk.state import KioskState

House = Callable[..., Any]
PREFIX = "/faces"
PAGES = ("/", "/history", "/live", "/try", "/status", "/settings", "/login", "/nowhere")
TOKEN = b"token=0123456789abcdef"
FORM = {"Content_Type": "application/x-www-form-urlencoded"}


class Proxy:
    """A server that has the kiosk beneath PREFIX alone, and passes PREFIX on or takes it off."""

    def __init__(self, kiosk_port: int, takes_off: bool) -> None:
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def serve(self) -> None:
                proxy.asked.append(self.path)
                if not self.path.startswith(f"{PREFIX}/"):
                    self.send_error(404)
                    return
                path = self.path.removeprefix(PREFIX) if takes_off else self.path
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with closing(http.client.HTTPConnection("127.0.0.1", kiosk_port, timeout=30)) as connection:
                    connection.request(self.command, path, body, dict(self.headers.items()))
                    answer = connection.getresponse()
                    self.send_response(answer.status)
                    for name, value in answer.getheaders():
                        if name.lower() not in ("transfer-encoding", "date", "server"):
                            self.send_header(name, value)
                    self.end_headers()
                    with suppress(OSError):
                        while data := answer.read1():
                            self.wfile.write(data)

            do_GET = do_POST = serve  # noqa: N815

            def log_message(self, *arguments: Any) -> None:
                pass

        self.asked: list[str] = []
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def ask(self, path: str, method: str = "GET", body: bytes = b"", **headers: str) -> tuple[int, dict[str, str], str]:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            answer = connection.getresponse()
            kept = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, kept, answer.read().decode("utf-8", "replace")

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(params=[False, True], ids=["passed-on", "taken-off"])
def behind(request: pytest.FixtureRequest, house: House) -> Iterator[Callable[..., Proxy]]:
    """A function that opens a kiosk behind a proxy."""
    opened: list[Proxy] = []

    def build(**kiosk: Any) -> Proxy:
        opened.append(Proxy(house(path=PREFIX, **kiosk).port, request.param))
        return opened[-1]

    yield build
    for proxy in opened:
        proxy.close()


@pytest.mark.timeout(180)  # some fifty requests, through two servers
def test_every_link_leads_beneath_the_path(behind: Callable[..., Proxy]) -> None:
    """Each path in a page, and in each script that it loads, is asked for through the proxy, and is there."""
    proxy = behind(live=True)
    found: set[str] = set()
    for page in PAGES:
        status, _, text = proxy.ask(f"{PREFIX}{page}", Accept="text/html")
        assert status == (404 if page == "/nowhere" else 200)
        found.update(re.findall(r'(?:href|src|action)="([^"]+)"', text))
    scripts = {path for path in found if path.endswith(".js")}
    for path in list(scripts):
        scripts |= {f"{PREFIX}/static/{name}" for name in re.findall(r'from "\./(.+?)"', proxy.ask(path)[2])}
    for path in scripts:
        found.update(re.findall(r"""["'`](/[^"'`$]*)""", proxy.ask(path)[2]))
    assert {path for path in found if not path.startswith(f"{PREFIX}/")} == set()
    asked = {path for path in found | scripts if not re.search(r"/stream|/live\.|/doctor", path)}
    assert len(asked) > 25
    answers = {path: proxy.ask(path) for path in asked}
    assert {path for path, (_, _, text) in answers.items() if "no such page" in text} == set()
    assert {answer[0] for path, answer in answers.items() if "/static/" in path} == {200}


def test_events_come_beneath_the_path(behind: Callable[..., Proxy]) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", behind().port, timeout=30)) as connection:
        connection.request("GET", f"{PREFIX}/api/v1/stream")
        answer = connection.getresponse()
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert any(answer.readline().startswith(b"event: ") for _ in range(5))
        answer.close()


def test_login_and_logout_stay_beneath_the_path(behind: Callable[..., Proxy], token_file: Path) -> None:
    proxy = behind(token_file=str(token_file))
    status, headers, _ = proxy.ask(f"{PREFIX}/history")
    assert (status, headers["location"]) == (303, f"{PREFIX}/login?next=%2Fhistory")
    status, headers, _ = proxy.ask(headers["location"], "POST", TOKEN, **FORM)
    assert (status, headers["location"]) == (303, f"{PREFIX}/history")
    assert f"Path={PREFIX};" in headers["set-cookie"]
    cookie = headers["set-cookie"].partition(";")[0]
    status, _, text = proxy.ask(headers["location"], Cookie=cookie)
    assert status == 200
    (action,) = re.findall(r'<form method="post" action="(.+?)"', text)
    status, headers, _ = proxy.ask(action, "POST", Cookie=cookie)
    assert (status, headers["location"]) == (303, f"{PREFIX}/login")
    assert f"Max-Age=0; Path={PREFIX};" in headers["set-cookie"]


def test_description_names_the_path(behind: Callable[..., Proxy]) -> None:
    text = behind().ask(f"{PREFIX}/api/v1/openapi.json")[2]
    assert f'"url": "{PREFIX}"' in text


def test_page_itself_needs_no_slash(house: House) -> None:
    built = house(path=PREFIX)
    assert built.ask(PREFIX).text == built.ask("/").text == built.ask(f"{PREFIX}/").text
    assert built.ask(f"{PREFIX}s/").status == 404
    assert built.ask(f"{PREFIX}{PREFIX}/").status == 404
    assert built.ask(f"{PREFIX}/none").json["error"].endswith(f"the first one is {PREFIX}/")


def test_without_a_path_nothing_changes(house: House) -> None:
    text = '<a href="/">x</a> fetch("/api/v1/now")'
    assert with_prefix("", text) == text
    assert with_prefix("/a", text) == '<a href="/a/">x</a> fetch("/a/api/v1/now")'
    assert 'href="/static/icon.svg"' in house().ask("/").text
    assert house().ask("/faces/").status == 404


@pytest.mark.parametrize("path", ["faces", "/faces/", "/", "/a//b", "/../x", "/a b", "/a?x", "/api", "/live/x", '/"x'])
def test_odd_paths_are_refused(path: str) -> None:
    with pytest.raises(SettingsError, match=r"kiosk\.path.*must look like /faces"):
        parse({"kiosk": {"path": path}})


def test_roots_are_those_of_the_routes() -> None:
    """Who adds a path finds it beneath the prefix too, or this fails; favicon.ico is asked for by browsers alone."""
    app = App(KioskState(), PauseSwitch(), parse({"kiosk": {"live": True}}))
    served = {route.path.split("/")[1].partition(".")[0] for route in app.routes}
    assert served - {"", "favicon"} == set(ROOTS)


@pytest.mark.parametrize("page", ["/history", "/live", "/try", "/status", "/settings"])
def test_pages_have_a_logout_with_a_token(page: str, house: House, token_file: Path) -> None:
    """A button on each, but the room's screen, whose passers-by reach it; none where nobody logs in."""
    with_token = house(token_file=str(token_file), live=True)
    button = '<form method="post" action="/logout"><button>Log out</button></form>'
    bearer = {"Authorization": "Bearer 0123456789abcdef"}
    assert with_token.ask(page, **bearer).text.count(button) == 1
    assert button not in with_token.ask("/", **bearer).text
    assert "/logout" not in house(live=True).ask(page).text
