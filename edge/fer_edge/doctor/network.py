"""Whether the MQTT broker answers, and lets this device in, where that sink is on."""

from __future__ import annotations

import socket
from collections.abc import Iterator

from fer_edge.doctor.finding import Finding, Place, of_error
from fer_edge.errors import SettingsError
from fer_edge.settings import MqttSettings
from fer_edge.sinks.mqtt.broker import port, try_login
from fer_edge.sinks.mqtt.names import Topics, own_name

PATIENCE = 5.0  # seconds


def look(place: Place) -> Iterator[Finding]:
    """Opens a connection and logs in, by a name of its own; it publishes nothing."""
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
        yield _login(settings)


def _login(settings: MqttSettings) -> Finding:
    try:
        names = Topics(settings.device or own_name(), settings.discovery_prefix)
    except SettingsError as error:
        return of_error("MQTT login", error)
    if trouble := try_login(settings, names, PATIENCE):
        return Finding("MQTT login", "failure", trouble)
    how = "with the name and password in mqtt.credentials_file" if settings.credentials_file else "without a password"
    return Finding("MQTT login", "ok", f"the broker lets fer-edge in, {how}")
