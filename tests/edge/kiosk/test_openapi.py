"""The OpenAPI document is true: whatever it allows is answered as it says, and what it does not is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from edge.control import Control
from edge.kiosk.api import OPENAPI
from edge.kiosk.app import App
from edge.kiosk.board import Board
from edge.settings import Settings, parse
from edge.sinks.kiosk import Kiosk

schemathesis = pytest.importorskip("schemathesis", reason="needs schemathesis, from the extra test")
HTTP = schemathesis.checks
ENDLESS = "/api/v1/stream"  # test_stream.py has it: it does not end, which schemathesis waits for


def settings(folder: Path, **kiosk: Any) -> Settings:
    log = folder / "log.jsonl"
    log.touch()
    return parse({"kiosk": {"port": 0, "rate": 1e6} | kiosk, "log": {"path": str(log)}})


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with closing(Kiosk(settings(tmp_path_factory.mktemp("openapi")), Control())) as sink:
        sink.state("starting")
        yield f"http://127.0.0.1:{sink.port}"


@pytest.fixture(scope="module")
def api(served: str) -> Any:
    return schemathesis.openapi.from_url(f"{served}/api/v1/openapi.json").exclude(path=ENDLESS)


schema = schemathesis.pytest.from_fixture("api")


@schema.parametrize()
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_answers_are_as_the_document_says(case: Any, served: str) -> None:
    # A time may be well written and make no sense, and bytes may be no picture: 4xx, which no schema can foresee.
    foreseeable = [check for check in HTTP.CHECKS.get_all() if check.__name__ != "positive_data_acceptance"]
    case.call_and_validate(base_url=served, checks=foreseeable)


def test_every_path_of_the_api_is_in_the_document_and_no_other(tmp_path: Path) -> None:
    app = App(Board(), Control(), settings(tmp_path))
    routes = {
        (route.path, method.lower())
        for route in app.routes
        for method in route.methods - {"HEAD"}
        if route.path.startswith("/api/") or route.path in ("/metrics", "/healthz")
    }
    document = json.loads(OPENAPI.read_text())
    assert routes == {(path, method) for path, methods in document["paths"].items() for method in methods}


def test_every_reference_leads_somewhere() -> None:
    text = OPENAPI.read_text()
    document = json.loads(text)
    for found in set(re.findall(r'"\$ref": "#/([^"]+)"', text)):
        place = document
        for name in found.split("/"):
            place = place[name]
