"""The OpenAPI document is true: whatever it allows is answered as it says, and what it does not is refused."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from fer_edge.pause import PauseSwitch
from fer_edge.settings import Settings, parse
from fer_edge.sinks.kiosk.app import App
from fer_edge.sinks.kiosk.openapi import document
from fer_edge.sinks.kiosk.sink import Kiosk
from fer_edge.sinks.kiosk.state import KioskState

ENDLESS = "/api/v1/stream"  # test_stream.py has it: it does not end, which schemathesis waits for


def settings(folder: Path, **kiosk: Any) -> Settings:
    log = folder / "log.jsonl"
    log.touch()
    return parse({"kiosk": {"port": 0, "rate": 1e6} | kiosk, "log": {"path": str(log)}})


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("locked", [False, True])
def test_schemathesis_agrees_with_the_document(locked: bool, tmp_path: Path, token_file: Path) -> None:
    """Schemathesis finds nothing that is not as the document says."""
    pytest.importorskip("schemathesis", reason="needs schemathesis, from the extra test")
    more = {"token_file": str(token_file)} if locked else {}
    description = tmp_path / "openapi.json"
    description.write_text(json.dumps(document()))
    with closing(Kiosk(settings(tmp_path, **more), PauseSwitch())) as sink:
        sink.state("running")
        address = f"http://127.0.0.1:{sink.port}"
        command = [
            sys.executable,
            "-m",
            "schemathesis.cli",
            "run",
            str(description),
            "--url",
            address,
            "--checks",
            "all",
        ]
        command += ["--max-examples", "40", "--generation-deterministic", "--no-color", "--exclude-path", ENDLESS]
        # A time may be well written and make no sense, and bytes may be no picture: no schema can foresee that.
        command += ["--exclude-checks", "positive_data_acceptance"]
        command += ["-H", f"Authorization: Bearer {token_file.read_text().strip()}"] if locked else []
        child = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert child.returncode == 0, child.stdout[-5000:] + child.stderr[-2000:]
    assert "Tested: 13" in child.stdout


def test_document_has_exactly_the_routes(tmp_path: Path) -> None:
    """Every path of the api is in the document and no other."""
    app = App(KioskState(), PauseSwitch(), settings(tmp_path))
    routes = {
        (route.path, method.lower())
        for route in app.routes
        for method in route.methods - {"HEAD"}
        if route.path.startswith("/api/") or route.path in ("/metrics", "/healthz")
    }
    assert routes == {(path, method) for path, methods in document()["paths"].items() for method in methods}


def test_every_reference_leads_somewhere() -> None:
    whole = document()
    for found in set(re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(whole))):
        place = whole
        for name in found.split("/"):
            place = place[name]
