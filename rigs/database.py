"""A device's messages in a real PostgreSQL, by a real mosquitto and deploy/postgresql: rows arrive, and none twice.

The device is the real output `mqtt`. The bridge is killed in the middle, and strangers send what is no message.

python3 rigs/database.py      # needs PostgreSQL's programs, mosquitto, psycopg2
"""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import paho.mqtt.client as paho
import psycopg2
from debian import ROOT
from fer_edge.pause import PauseSwitch
from fer_edge.settings import parse
from fer_edge.sinks.mqtt.sink import open_mqtt
from fer_edge.types import EMOTIONS, Box, Event, Face, Frame, Observation, Prediction
from fleet_brokers import Mosquitto
from soak_servers import free

DEPLOY = ROOT / "deploy" / "postgresql"
TIMEOUT_S = 60.0
BEGIN = datetime(2026, 1, 1, 9, tzinfo=UTC)


def seen(number: int) -> Observation:
    """A face that is happy for three minutes of each four, then sad; one message a minute."""
    emotion = "sad" if number % 4 == 3 else "happy"
    scores = tuple(0.7 if label == emotion else 0.05 for label in EMOTIONS)
    face = Face(1, Box(0, 0, 9, 9), emotion, 0.7, Prediction(EMOTIONS, scores))
    taken = BEGIN + timedelta(minutes=number)
    frame = Frame(number, 60.0 * number, taken, np.zeros((1, 1), np.uint8), "rig")
    return Observation(frame, (face,), (Event("changed", face),))


def main() -> None:
    """Print a line for each thing that holds."""
    programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"))  # noqa: PTH207 - one line
    if not programs:
        raise SystemExit("database: PostgreSQL is missing; on Debian: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="fer-edge-database-"))
    data, port = folder / "data", free()
    folder.chmod(0o755)
    data.mkdir()
    as_server: list[str] = []
    if os.geteuid() == 0:  # PostgreSQL refuses root
        shutil.chown(data, "postgres")
        as_server = ["runuser", "-u", "postgres", "--"]
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(
        [*as_server, f"{programs[-1]}/initdb", "-D", str(data), "-A", "trust", "-U", "rig"], check=True, **quiet
    )
    server = subprocess.Popen(
        [*as_server, f"{programs[-1]}/postgres", "-D", str(data), "-p", str(port), "-h", "127.0.0.1", "-k", ""], **quiet
    )
    where = f"host=127.0.0.1 port={port} user=rig dbname=postgres"
    broker = Mosquitto(folder)
    bridge = None
    try:
        until("PostgreSQL runs", lambda: ask(where, "SELECT 1"))
        ask(where, (DEPLOY / "schema.sql").read_text() + "; SELECT 1")
        command = [sys.executable, str(DEPLOY / "bridge.py"), f"127.0.0.1:{broker.port}", where]
        bridge = subprocess.Popen(command)
        table = {"host": "127.0.0.1", "port": broker.port, "device": "hall", "area": "Hall", "queue": f"{folder}/q.db"}
        output = open_mqtt(parse({"mqtt": table}), PauseSwitch())
        count = "SELECT count(*) FROM fer_edge_state WHERE time >= '2026-01-01' AND time < '2026-01-02'"
        output.write(seen(0))  # from here on the broker keeps what the bridge misses
        until("the bridge is there", lambda: ask(where, count) == [(1,)])
        for number in range(1, 20):
            output.write(seen(number))
        until("20 messages: 20 rows", lambda: ask(where, count) == [(20,)])
        bridge.kill()
        bridge.wait()
        for number in range(20, 41):
            output.write(seen(number))
        stranger = paho.Client(paho.CallbackAPIVersion.VERSION2)
        stranger.connect("127.0.0.1", broker.port)
        stranger.loop_start()
        for payload in (
            b"",
            b"[1]",
            b"\xff",
            b'{"id":1,"time":"never","state":"x","readings":[]}',
            b'{"id":"\\u0000"}',
        ):
            stranger.publish("fer-edge/stranger/state", payload, qos=1).wait_for_publish(TIMEOUT_S)
        time.sleep(2.0)
        bridge = subprocess.Popen(command)
        until("killed and started again: 41 rows, none twice", lambda: ask(where, count) == [(41,)])
        # 30 minutes happy and 10 sad; the last message holds for up to two more.
        query = "SELECT emotion, share FROM fer_edge_hourly WHERE area = 'Hall' AND hour < '2026-01-02'"
        shares: dict[str, float] = dict(ask(where, query))  # type: ignore[arg-type]
        wanted = {"happy": 0.75, "sad": 0.25}
        close = shares.keys() == wanted.keys() and all(abs(shares[name] - wanted[name]) < 0.02 for name in wanted)
        until(f"the share of each emotion an hour: {shares}", lambda: close)
        output.close()
    finally:
        if bridge is not None:
            bridge.kill()
        broker.stop()
        server.terminate()
        server.wait(TIMEOUT_S)
        shutil.rmtree(folder, ignore_errors=True)


def ask(where: str, query: str) -> list[tuple[Any, ...]]:
    """What a query gives. Raises psycopg2.Error."""
    connection = psycopg2.connect(where)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchall()
    finally:
        connection.close()


def until(claim: str, holds: Callable[[], Any]) -> None:
    """Wait until it holds, and print the claim. Ends the program if it never does."""
    begun = time.monotonic()
    while time.monotonic() - begun < TIMEOUT_S:
        try:
            if holds():
                print(f"ok: {claim}", flush=True)
                return
        except psycopg2.OperationalError:
            pass  # it starts
        time.sleep(0.2)
    raise SystemExit(f"database: never: {claim}")


if __name__ == "__main__":
    main()
