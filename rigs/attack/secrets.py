"""Secrets in every setting that takes one, and in ones that are mistyped, looked for in everything that comes out.

    python -m attack.secrets

A service runs with a token, a broker's password, a webhook's address and header, and a camera's password in its
address; all of them fail now and then, since it is failures that are talkative. Held: no secret is in the console, in
standard error (the journal), the log, the pages and the API, what the broker gets, or the doctor's bundle.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attack.broker import Broker
from attack.target import EDGE, Service, Table, free_port, service

WORD = "pl4nted"
TOKEN, USER, PASSWORD = f"{WORD}-Token-0123456789", f"{WORD}-user", f"{WORD}-Broker@Pass word:1"
HOOK = f"{WORD}-path?key={WORD}-query"
CAMERA = f"{WORD}-Camuser:{WORD}-Cam%2FPass@", f"v?psw={WORD}-camquery"
PATHS = [
    "/",
    "/history",
    "/try",
    "/status",
    "/settings",
    "/live",
    "/metrics",
    "/healthz",
    "/api/v1/status",
    "/api/v1/now",
]
PATHS += ["/api/v1/history", "/api/v1/history.csv", "/api/v1/diagnostics", "/api/v1/doctor", "/api/v1/settings"]
PATHS += ["/api/v1/openapi.json", "/none", "/static/feed.js"]
COMMANDS = {
    "settings --check": ["settings", "--check", "%s"],
    "doctor": ["doctor", "--config", "%s"],
    "doctor --json --bundle": ["doctor", "--json", "--config", "%s", "--bundle", "bundle.tar.gz"],
    "run": ["run", "--config", "%s", "--max-frames", "1"],
    "report": ["report", "--log", "log.jsonl"],
    "log": ["log", "purge", "--before", "2000-01-01", "--log", "log.jsonl"],
    "bench": ["bench", "--config", "%s"],
}
MISTYPED = [
    "[mqtt]\npassword = '%s'",
    "[webhok]\nurl = 'http://h/%s'",
    "[kiosk]\ntoken = '%s'",
    "[source]\nurl = 'rtsp://u:%s@h'",
]
MISTYPED += [
    "mqtt = '%s'",
    "[webhook.headers]\nAuthorization = ['%s']",
    "[mqtt]\nport = '%s'",
    "[source]\nname = ['%s']",
]
RUN_S = 8.0


def main() -> int:
    table = Table("secrets")
    broker = Broker(lambda: iter(()))
    settings = {
        "run": {"sinks": ["log", "console", "kiosk", "mqtt", "webhook"]},
        "webhook": {
            "url": f"http://127.0.0.1:{free_port()}/{HOOK}",
            "headers": {"Authorization": f"Bearer {WORD}-header"},
        },
        "mqtt": {"host": "127.0.0.1", "port": broker.port, "device": "hall", "queue": "queue.db"},
        "kiosk": {"live": True},
    }
    with service(settings, TOKEN, plant) as target:
        served(table, target)
        time.sleep(RUN_S)
        table.row(
            "what the broker gets", 1, int(clean(b"".join(broker.published))), f"{len(broker.published)} messages"
        )
        for name in ("console", "errors", "log.jsonl"):
            data = (target.folder / name).read_bytes() if (target.folder / name).exists() else b""
            table.row(f"the service's {name}", 1, int(clean(data)), f"{len(data)} bytes")
        target.stop()
        commands(table, target.folder)
    broker.close()
    return table.close()


def plant(folder: Path, tables: dict[str, dict[str, Any]]) -> None:
    """Write the files of secrets, name them, and put a password into the camera's address."""
    for name, text in {"token": TOKEN, "mqtt": f"{USER}\n{PASSWORD}"}.items():
        (folder / name).write_text(f"{text}\n")
        (folder / name).chmod(0o600)
    tables["kiosk"]["token_file"] = str(folder / "token")
    tables["mqtt"]["credentials_file"] = str(folder / "mqtt")
    tables["source"]["name"] = tables["source"]["name"].replace("//", f"//{CAMERA[0]}") + CAMERA[1]
    # A table in a table, which the others are not.
    tables["webhook.headers"] = tables["webhook"].pop("headers")


def clean(data: bytes) -> bool:
    return WORD.encode() not in data


def served(table: Table, target: Service) -> None:
    """All pages and the API, with the token and with a wrong one."""
    found = []
    for path in PATHS:
        for token in (TOKEN, f"{WORD}-wrong"):
            _, data = target.ask("GET", path, Authorization=f"Bearer {token}", Accept="text/html")
            found += [] if clean(data) else [path]
    table.row("pages and API", 2 * len(PATHS), 2 * len(PATHS) - len(found), " ".join(found))


def commands(table: Table, folder: Path) -> None:
    """Commands on the settings of the service, and on mistyped ones."""
    environment = os.environ | {"PYTHONPATH": str(EDGE), "NO_COLOR": "1"}
    whole = (folder / "fer-edge.toml").read_text()
    for name, command in COMMANDS.items():
        count = {"settings --check": len(MISTYPED), "run": 3, "doctor --json --bundle": 2}.get(name, 0)
        texts = [whole, *MISTYPED[:count]]
        tried = held = 0
        for text in texts:
            path = folder / "tried.toml"
            path.write_text(text.replace("%s", f"{WORD}-mistyped"))
            arguments = [part.replace("%s", str(path)) for part in command]
            (folder / "bundle.tar.gz").unlink(missing_ok=True)
            run = [sys.executable, "-m", "fer_edge.cli", *arguments]
            try:
                done = subprocess.run(run, cwd=folder, env=environment, capture_output=True, check=False, timeout=30)
                said = done.stdout + done.stderr
                ran = done.returncode == 0 or "%s" in "".join(
                    command
                )  # those without settings have nothing to complain of
            except subprocess.TimeoutExpired as cut:
                said, ran = (cut.stdout or b"") + (cut.stderr or b""), True
            tried += 1
            held += ran and clean(said) and all(clean(data) for data in bundled(folder / "bundle.tar.gz"))
        table.row(f"fer-edge {name}", tried, held)


def bundled(path: Path) -> Iterator[bytes]:
    """The files of a bundle, if there is one."""
    if path.exists():
        with tarfile.open(path) as archive:
            for member in archive.getmembers():
                file = archive.extractfile(member)
                yield member.name.encode() + (file.read() if file else b"")


if __name__ == "__main__":
    sys.exit(main())
