"""Writes what fer-edge's devices send by MQTT into PostgreSQL, one row a message; see schema.sql.

pip install 'paho-mqtt>=2' psycopg2-binary
python3 bridge.py BROKER[:PORT] 'dbname=fer_edge user=fer_edge'      # MQTT_USERNAME and MQTT_PASSWORD: its login

The broker keeps what comes while this is away, and counts a message as delivered when its row is in the database. If
the database or the broker goes away it ends with an error: let systemd start it again (Restart=always).
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import paho.mqtt.client as mqtt
import psycopg2

TOPIC = "fer-edge/+/state"
INSERT = """INSERT INTO fer_edge_state (device, id, time, area, state, readings) VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT DO NOTHING"""


def row(topic: str, payload: bytes) -> tuple[object, ...] | None:
    """The row of a message; None for what is no message of fer-edge, which anybody may send."""
    try:
        message = json.loads(payload)
        device, area, readings = topic.split("/")[1], message.get("area"), json.dumps(message["readings"])
        found = (device, str(message["id"]), message["time"], area, message["state"], readings)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    return None if any("\0" in str(cell) or "\\u0000" in str(cell) for cell in found) else found


def main(broker: str, database: str) -> None:
    """Run until something goes away."""
    connection = psycopg2.connect(database)
    connection.autocommit = True
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, "fer-edge-postgresql", clean_session=False, manual_ack=True)

    def write(client: mqtt.Client, _: object, message: mqtt.MQTTMessage) -> None:
        cells = row(message.topic, message.payload)
        if cells is not None:
            try:
                with connection.cursor() as cursor:
                    cursor.execute(INSERT, cells)
            except (psycopg2.DataError, psycopg2.IntegrityError) as cause:  # such as a time that is none
                print(f"left out: {message.topic}: {str(cause).splitlines()[0]}", file=sys.stderr)
        client.ack(message.mid, message.qos)

    def listen(client: mqtt.Client, _user: object, _flags: object, reason: Any, _properties: object) -> None:
        if reason.is_failure:
            sys.exit(f"the broker refuses: {reason}; set MQTT_USERNAME and MQTT_PASSWORD")
        client.subscribe(TOPIC, qos=1)

    client.on_message = write
    client.on_connect = listen
    client.on_disconnect = lambda *_: sys.exit("the broker is gone")
    if "MQTT_USERNAME" in os.environ:
        client.username_pw_set(os.environ["MQTT_USERNAME"], os.environ.get("MQTT_PASSWORD"))
    host, _, port = broker.partition(":")
    client.connect(host, int(port or 1883))
    client.loop_forever(retry_first_connection=False)


if __name__ == "__main__":
    main(*sys.argv[1:3])
