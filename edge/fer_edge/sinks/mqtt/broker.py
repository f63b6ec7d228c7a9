"""The client of a real broker: passwords, certificates, error messages. paho-mqtt is imported late."""

from __future__ import annotations

import logging
import os
import queue
import socket
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fer_edge.errors import FerEdgeError, SettingsError, first_line
from fer_edge.extras import install_command
from fer_edge.settings import MqttSettings
from fer_edge.sinks.mqtt.names import Topics

if TYPE_CHECKING:
    from paho.mqtt.client import Client

_log = logging.getLogger(__name__)

DEFAULT_PORT, DEFAULT_TLS_PORT = 1883, 8883
MAX_PACKET_BYTES = 65_536  # of the broker; what this listens to has a few bytes
PUBLISH, QOS_1 = 0x30, 0x02  # in the first byte of a packet (MQTT 3.1.1, 3.3)


def port(settings: MqttSettings) -> int:
    """The broker's port."""
    return settings.port or (DEFAULT_TLS_PORT if settings.tls else DEFAULT_PORT)


def try_login(settings: MqttSettings, topics: Topics, timeout_s: float) -> str:
    """Connect and disconnect without a message. Returns what is wrong, "" if nothing is.

    `timeout_s` is for the connection, and again for the broker's reply; looking up the name has its own limit.
    """
    replies: queue.SimpleQueue[Any] = queue.SimpleQueue()
    try:
        client = make_client(settings, topics, f"-doctor-{os.getpid()}")
        client.will_clear()
        client.connect_timeout = timeout_s
        client.on_connect = lambda _client, _data, _flags, reason, *_: replies.put(reason)
        client.on_disconnect = lambda _client, _data, _flags, reason, *_: replies.put(reason)
        client.connect(settings.host, port(settings))
        client.loop_start()
        reason = replies.get(timeout=timeout_s)
        client.disconnect()
        client.loop_stop()
    except queue.Empty:
        client.loop_stop()
        return explain(TimeoutError(f"nothing for {timeout_s:g} s"), settings)
    except Exception as error:  # noqa: BLE001 (OSError, ssl's, paho's ValueError, our SettingsError)
        return explain(error, settings)
    return explain(reason, settings) if reason.is_failure else ""


class _Socket(ssl.SSLSocket):
    """Closed if its handshake fails; paho does not do that."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


def make_client(settings: MqttSettings, topics: Topics, more: str = "") -> Client:
    """A client that is not connected yet; its last will says that the device is offline. Raises SettingsError.

    `more` is added to its name: a broker disconnects a client if another one of the same name connects.
    """
    try:
        from paho.mqtt.client import Client, MQTTv311
        from paho.mqtt.enums import CallbackAPIVersion
    except ImportError as cause:
        command = f"sudo apt install python3-paho-mqtt (2 or newer), or: {install_command('mqtt')}"
        raise SettingsError(
            f"mqtt: paho-mqtt 2 is not installed ({first_line(cause)}); install it with: {command}"
        ) from None
    client = bounded(Client)(
        CallbackAPIVersion.VERSION2,
        client_id=f"fer-edge-{topics.device}{more}",
        protocol=MQTTv311,  # has all that is used, and every broker supports it
        reconnect_on_failure=False,  # the link makes a new client
    )
    client.will_set(topics.availability, b"offline", qos=1, retain=True)
    if settings.credentials_file:
        client.username_pw_set(*_credentials(Path(settings.credentials_file)))
    if settings.tls:
        client.tls_set_context(_context(settings))
    elif settings.ca_file or settings.cert_file or settings.key_file:
        raise SettingsError("mqtt.tls = False: certificates are set, but would not be used; set it to true")
    client.max_inflight_messages_set(0)  # no limit; the link has its own
    return client


def bounded(client_class: type[Client]) -> type[Client]:
    """`client_class`, which drops packets of more than MAX_PACKET_BYTES while they come, and always says that it ends.

    paho collects a packet whole, up to 256 MB, before anything can refuse it; and a broker sends one again to a client
    that left because of it, so dropped ones are acknowledged. paho's thread ends without a word if it cannot wait for
    its socket: `select` takes no file's number above 1023.
    """

    class Bounded(client_class):  # type: ignore[misc, valid-type]
        def _sock_recv(self, size: int) -> bytes:
            if self._in_packet["remaining_length"] > MAX_PACKET_BYTES:
                del self._in_packet["packet"][MAX_PACKET_BYTES:]
            data: bytes = super()._sock_recv(min(size, MAX_PACKET_BYTES))
            return data

        def _packet_handle(self) -> Any:
            packet = self._in_packet
            if packet["remaining_length"] <= MAX_PACKET_BYTES:
                return super()._packet_handle()
            _log.warning(
                f"mqtt: a message of {packet['remaining_length'] / 1e6:.1f} MB was dropped; nothing sends such"
            )
            head, command = bytes(packet["packet"][:MAX_PACKET_BYTES]), packet["command"]
            place = 2 + int.from_bytes(head[:2])  # behind the topic
            if command & 0xF0 == PUBLISH and command & QOS_1 and place + 2 <= len(head):
                return self._send_puback(int.from_bytes(head[place : place + 2]))
            return MQTTErrorCode.MQTT_ERR_SUCCESS

        def loop_forever(self, *arguments: Any, **named: Any) -> Any:
            """Runs in paho's thread. Calls `on_disconnect` at its end, perhaps for a second time."""
            try:
                return super().loop_forever(*arguments, **named)
            finally:
                if (tell := self.on_disconnect) is not None:
                    tell(self, None, None, ReasonCode(PacketTypes.DISCONNECT, "Unspecified error"))

    from paho.mqtt.enums import MQTTErrorCode
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.reasoncodes import ReasonCode

    return Bounded


def _credentials(path: Path) -> tuple[str, str | None]:
    """The user's name and the password in a file. Raises SettingsError, which contains neither."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as cause:
        reason = cause.strerror if isinstance(cause, OSError) else "not UTF-8 text"
        raise SettingsError(f"mqtt.credentials_file: cannot be read ({reason}); check its path and rights") from None
    if not lines or not lines[0] or len(lines) > 2:
        raise SettingsError(
            "mqtt.credentials_file: must have the user's name in its first line, the password in its second"
        )
    return lines[0], lines[1] if len(lines) == 2 else None


def _context(settings: MqttSettings) -> ssl.SSLContext:
    key = "ca_file"
    try:
        context = ssl.create_default_context(cafile=settings.ca_file or None)
        context.sslsocket_class = _Socket
        if settings.cert_file or settings.key_file:
            key = "cert_file"
            context.load_cert_chain(settings.cert_file, settings.key_file or None, lambda: "")  # never asks
    except OSError as cause:  # ssl.SSLError is one
        missing = isinstance(cause, FileNotFoundError)
        raise SettingsError(
            f"mqtt.{key}: {'no such file' if missing else 'cannot be used'} ({first_line(cause)}); "
            "give PEM files that this user may read, with a key that has no password"
        ) from None
    return context


def explain(cause: Any, settings: MqttSettings) -> str:
    """An exception or paho's reason code as one line, with the fix."""
    if isinstance(cause, FerEdgeError):
        return str(cause)
    place = f"mqtt: broker {settings.host}:{port(settings)}"
    words = first_line(cause) if isinstance(cause, BaseException) else str(cause)
    if isinstance(cause, ssl.SSLCertVerificationError):
        reason = cause.verify_message or words
        return f"{place}: its certificate is not trusted ({reason}); check mqtt.ca_file, and that mqtt.host is its name"
    if isinstance(cause, ssl.SSLError):
        return f"{place}: no encrypted connection ({words}); check mqtt.tls, mqtt.port and the certificates"
    if isinstance(cause, socket.gaierror):
        return f"{place}: unknown host name ({words}); check mqtt.host and the network"
    if isinstance(cause, ConnectionRefusedError):
        return f"{place}: nothing listens there; check mqtt.host and mqtt.port, and that the broker runs"
    if isinstance(cause, OSError):
        return f"{place}: does not answer ({words}); check mqtt.host and the network"
    if words in ("Bad user name or password", "Not authorized"):
        return f"{place}: refuses the login ({words}); check the name and password in mqtt.credentials_file"
    return f"{place}: the connection is lost ({words}); check the broker's log"
