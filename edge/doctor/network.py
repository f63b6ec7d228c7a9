"""Whether the MQTT broker answers, where that sink is on."""

from __future__ import annotations

import socket
from collections.abc import Iterator

from edge.doctor.finding import Finding, Place
from edge.mqtt.broker import port

PATIENCE = 5.0  # seconds


def look(place: Place) -> Iterator[Finding]:
    """Opens a connection and says nothing."""
    settings = place.settings.mqtt
    if "mqtt" not in place.settings.run.sinks:
        return
    where = (settings.host, port(settings))
    try:
        socket.create_connection(where, PATIENCE).close()
    except OSError as cause:
        words = f"{where[0]}:{where[1]} does not answer ({cause.strerror or cause})"
        yield Finding("MQTT broker", "failure", words, f"ping -c 3 {where[0]}")
    else:
        yield Finding("MQTT broker", "ok", f"{where[0]}:{where[1]} takes connections")
