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
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import paho.mqtt.client as paho
import psycopg2
from claims import until
from debian import ROOT, RigError
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
    folder.chmod(0o755)
    broker = Mosquitto(folder)
    try:
        with postgresql(programs[-1], folder / "data") as where:
            try_bridge(where, broker, folder)
            is_refused(where, folder)
    except RigError as cause:
        raise SystemExit(f"database: {cause}") from None
    finally:
        broker.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def postgresql(programs: str, data: Path) -> Iterator[str]:
    """A server of its own that answers; where, as libpq takes it. Raises RigError."""
    data.mkdir()
    as_server: list[str] = []
    if os.geteuid() == 0:  # PostgreSQL refuses root
        shutil.chown(data, "postgres")
        as_server = ["runuser", "-u", "postgres", "--"]
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([*as_server, f"{programs}/initdb", "-D", str(data), "-A", "trust", "-U", "rig"], check=True, **quiet)
    port = free()
    server = subprocess.Popen(
        [*as_server, f"{programs}/postgres", "-D", str(data), "-p", str(port), "-h", "127.0.0.1", "-k", ""], **quiet
    )
    where = f"host=127.0.0.1 port={port} user=rig dbname=postgres"
    try:
        until("PostgreSQL runs", TIMEOUT_S, lambda: runs(where))
        yield where
    finally:
        server.terminate()
        server.wait(TIMEOUT_S)


def try_bridge(where: str, broker: Mosquitto, folder: Path) -> None:
    """Rows arrive, none twice, though it is killed and hears strangers. Raises RigError."""
    ask(where, (DEPLOY / "schema.sql").read_text() + "; SELECT 1")
    command = [sys.executable, str(DEPLOY / "bridge.py"), f"127.0.0.1:{broker.port}", where]
    bridge = subprocess.Popen(command)
    table = {"host": "127.0.0.1", "port": broker.port, "device": "hall", "area": "Hall", "queue": f"{folder}/q.db"}
    output = open_mqtt(parse({"mqtt": table}), PauseSwitch())
    count = "SELECT count(*) FROM fer_edge_state WHERE time >= '2026-01-01' AND time < '2026-01-02'"
    try:
        output.write(seen(0))  # from here on the broker keeps what the bridge misses
        until("the bridge is there", TIMEOUT_S, lambda: ask(where, count) == [(1,)])
        for number in range(1, 20):
            output.write(seen(number))
        until("20 messages: 20 rows", TIMEOUT_S, lambda: ask(where, count) == [(20,)])
        bridge.kill()
        bridge.wait()
        for number in range(20, 41):
            output.write(seen(number))
        talk_nonsense(broker)
        bridge = subprocess.Popen(command)
        until("killed and started again: 41 rows, none twice", TIMEOUT_S, lambda: ask(where, count) == [(41,)])
        # 30 minutes happy and 10 sad; the last message holds for up to two more.
        query = "SELECT emotion, share FROM fer_edge_hourly WHERE area = 'Hall' AND hour < '2026-01-02'"
        shares: dict[str, float] = dict(ask(where, query))  # type: ignore[arg-type]
        wanted = {"happy": 0.75, "sad": 0.25}
        if shares.keys() != wanted.keys() or any(abs(shares[name] - wanted[name]) > 0.02 for name in wanted):
            raise RigError(f"NOT {wanted} as the share of each emotion an hour: {shares}")
        print(f"the share of each emotion an hour: {shares}", flush=True)
    finally:
        output.close()
        bridge.kill()


def is_refused(where: str, folder: Path) -> None:
    """The bridge says that the broker wants a login. Raises RigError."""
    place = folder / "closed"
    place.mkdir()
    broker = Mosquitto(place, open_to_all=False)
    try:
        broker.wait()
        command = [sys.executable, str(DEPLOY / "bridge.py"), f"127.0.0.1:{broker.port}", where]
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    finally:
        broker.stop()
    if done.returncode != 1 or "the broker refuses: Not authorized; set MQTT_USERNAME" not in done.stderr:
        raise RigError(f"NOT told of the login that a broker asks for: {done.stderr}")
    print("without a login: told so", flush=True)


def talk_nonsense(broker: Mosquitto) -> None:
    """What strangers may send: none of it is a message of a device."""
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


def runs(where: str) -> bool:
    """Whether the server answers."""
    try:
        return bool(ask(where, "SELECT 1"))
    except psycopg2.OperationalError:
        return False


def ask(where: str, query: str) -> list[tuple[Any, ...]]:
    """What a query gives. Raises psycopg2.Error."""
    connection = psycopg2.connect(where)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchall()
    finally:
        connection.close()


if __name__ == "__main__":
    main()
