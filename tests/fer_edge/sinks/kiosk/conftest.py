"""A kiosk on a free port, with a real server, and a client that speaks to it."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, NamedTuple

import chromium  # rigs/chromium.py
import pytest
from debian import RigError
from fer_edge.pause import PauseSwitch
from fer_edge.settings import Settings, parse
from fer_edge.sinks.kiosk.sink import Kiosk
from fer_edge.types import Event, Observation

SOON = 10.0  # seconds; what is waited for comes at once, unless something is broken


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Reader:
    """Takes server-sent events, as a browser does."""

    def __init__(self, port: int, path: str = "/api/v1/stream") -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SOON)
        self.connection.request("GET", path)
        self.answer = self.connection.getresponse()

    def next(self, kind: str = "now") -> Any:
        """The next event's data; others are left out. Fails where the stream ends."""
        found = ""
        while line := self.answer.readline().decode():
            if line.startswith("event: "):
                found = line[7:].strip()
            elif line.startswith("data:") and found == kind:
                return json.loads(line[5:].strip() or "null")
        raise EOFError

    def until(self, wanted: Callable[[Any], bool]) -> Any:
        """The first that is as wanted."""
        while not wanted(data := self.next()):
            pass
        return data

    def close(self) -> None:
        self.answer.close()
        self.connection.close()


class House:
    """A kiosk, and who comes to it."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.pause_switch = settings, PauseSwitch()
        self.sink = Kiosk(settings, self.pause_switch)
        self.sink.state("starting")
        self.port = self.sink.port
        self.host = f"127.0.0.1:{self.port}"

    def ask(self, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
        """One request; `Content_Type` is written for Content-Type."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=SOON)) as connection:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            answer = connection.getresponse()
            kept = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, kept, answer.read().decode("utf-8", "replace"))

    def raw(self, data: bytes) -> bytes:
        """What is answered to `data`, until the connection is closed."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=SOON) as connection:
            connection.sendall(data)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def read(self) -> Reader:
        return Reader(self.port)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Callable[..., House]]:
    """A function that opens a kiosk with settings over those that tests need."""
    with ExitStack() as stack:

        def build(
            log: dict[str, Any] | None = None,
            sinks: tuple[str, ...] = ("log",),
            detector: dict[str, Any] | None = None,
            source: dict[str, Any] | None = None,
            **kiosk: Any,
        ) -> House:
            tables = {
                "kiosk": {"port": 0, "rate": 1e6} | kiosk,
                "log": {"path": str(tmp_path / "log.jsonl")} | (log or {}),
                "run": {"sinks": list(sinks)},
                "detector": detector or {},
                "source": source or {},
            }
            built = House(parse(tables))
            stack.callback(built.sink.close)
            return built

        yield build


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("0123456789abcdef\n")
    return path


@pytest.fixture
def with_event() -> Callable[..., Observation]:
    """An observation whose first face has an event."""

    def add(observation: Observation, kind: str = "changed") -> Observation:
        return Observation(observation.frame, observation.faces, (Event(kind, observation.faces[0]),))  # type: ignore[arg-type]

    return add


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium without a window, where one starts."""
    driver = pytest.importorskip("playwright.sync_api", reason="needs playwright, from the extra test")
    try:
        chromium.check_driver()
        with driver.sync_playwright() as started:
            found = chromium.launch(started)
            yield found
            found.close()
    except RigError as cause:
        pytest.skip(f"needs a browser: {cause}")


class Visit:
    """A tab, and all that it asked for or complained of."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.set_default_timeout(1000 * SOON)
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda said: said.type in ("error", "warning") and self.complaints.append(said.text))

    def shows(self, *names: str) -> None:
        """Wait until the page shows just these."""
        self.page.wait_for_function(
            "names => names.join() === [...document.querySelectorAll('.figure:not(.leaving) .name')]"
            ".map(name => name.textContent).join()",
            arg=list(names),
        )


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Visit]]:
    """A function that opens a tab of a size on an address; what it complains of fails the test."""
    contexts, visits = [], []

    def open_tab(address: str, width: int = 800, height: int = 480, **more: Any) -> Visit:
        contexts.append(browser.new_context(viewport={"width": width, "height": height}, **more))
        visits.append(Visit(contexts[-1].new_page()))
        visits[-1].page.goto(address)
        return visits[-1]

    yield open_tab
    complaints = [complaint for one in visits for complaint in one.complaints]
    for context in contexts:
        context.close()
    assert not complaints
