"""Whether the MQTT broker answers and accepts this device's login, if that sink is on."""

from __future__ import annotations

import socket
from collections.abc import Iterator

from fer_edge.doctor.finding import Context, Finding, of_error
from fer_edge.errors import SettingsError, first_line
from fer_edge.settings import MqttSettings
from fer_edge.sinks.mqtt.broker import port, try_login
from fer_edge.sinks.mqtt.names import Topics, device_name

BROKER_TIMEOUT_S = 5.0


def check(context: Context) -> Iterator[Finding]:
    """Connect and log in with a client name of its own; nothing is published."""
    settings = context.settings.mqtt
    if "mqtt" not in context.settings.run.sinks:
        return
    address = (settings.host, port(settings))
    try:
        socket.create_connection(address, BROKER_TIMEOUT_S).close()
    except (OSError, UnicodeError) as cause:  # UnicodeError: a part of the name is empty, or longer than names are
        reason = getattr(cause, "strerror", None) or first_line(cause)
        words = f"{address[0]}:{address[1]} does not answer ({reason})"
        yield Finding("MQTT broker", "failure", words, f"ping -c 3 {address[0]}")
    else:
        yield Finding("MQTT broker", "ok", f"{address[0]}:{address[1]} accepts connections")
        yield _login(settings)


def _login(settings: MqttSettings) -> Finding:
    try:
        names = Topics(settings.device or device_name(), settings.discovery_prefix)
    except SettingsError as error:
        return of_error("MQTT login", error)
    if trouble := try_login(settings, names, BROKER_TIMEOUT_S):
        return Finding("MQTT login", "failure", trouble)
    how = "with the name and password in mqtt.credentials_file" if settings.credentials_file else "without a password"
    return Finding("MQTT login", "ok", f"the broker accepts fer-edge's login, {how}")
