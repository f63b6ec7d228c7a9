"""Posts each event as JSON to an address: a face came, its emotion changed, it is gone.

An event that the server cannot take now is posted again after growing pauses, in order; a refusal is logged once.
"""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection

from fer_edge import __version__
from fer_edge.errors import SettingsError, SinkError, first_line
from fer_edge.pause import PauseSwitch
from fer_edge.records import EventRecord, line
from fer_edge.settings import Settings, WebhookSettings
from fer_edge.sinks.event_queue import EventQueue, Refused
from fer_edge.sinks.output import output
from fer_edge.urls import Address, parse

RETRY_STATUSES = (408, 425, 429)  # try again, as after all from 500 (RFC 9110, 6585, 8470)


@output(network=True, where=lambda settings: f"posts to {_shown(_address(settings.webhook.url))}")
def open_webhook(settings: Settings, pause_switch: PauseSwitch) -> EventQueue:  # noqa: ARG001 (every output is opened alike)
    """The address that the settings name. Raises SettingsError; it is not contacted yet."""
    webhook = Webhook(settings.webhook)
    return EventQueue("webhook", settings.webhook.on, settings.webhook.queue, webhook.post, webhook.stop)


class Webhook:
    """An address that events are posted to."""

    def __init__(self, settings: WebhookSettings) -> None:
        address = _address(settings.url)
        self._limit = settings.timeout_seconds
        self._cut: Callable[[], None] = lambda: None  # ends the exchange that goes on
        self._host, self._port, self._target = address.host, address.port, address.path
        self._where = f"webhook {_shown(address)}"
        self._headers = {"Content-Type": "application/json", "User-Agent": f"fer-edge/{__version__}"}
        self._headers |= _headers(settings)
        self._trust = _trust(settings) if address.scheme == "https" else None

    def post(self, record: EventRecord) -> None:
        """Post it once, within the time limit. Raises SinkError if that may work later, Refused if not."""
        connection = self._connection()
        late = threading.Event()

        def cut() -> None:  # a limit for the whole exchange; a socket's timeout is for each byte
            late.set()
            with suppress(OSError, AttributeError):
                connection.sock.shutdown(socket.SHUT_RDWR)

        self._cut = cut

        timer = threading.Timer(self._limit, cut)
        timer.daemon = True
        timer.start()
        try:
            connection.request("POST", self._target, line(record).encode(), self._headers)
            with connection.getresponse() as response:
                status, reason = response.status, response.reason
            if late.is_set():
                raise TimeoutError  # a response that was cut off looks complete
        except (OSError, HTTPException, UnicodeError) as cause:  # UnicodeError: an invalid host name
            raise SinkError(f"{self._where}: {self._explain(cause, late.is_set())}") from None
        finally:
            timer.cancel()
            connection.close()
        if status in RETRY_STATUSES or status >= 500:
            raise SinkError(f"{self._where}: answers {status} {reason}")
        if status >= 300:
            raise Refused(f"{self._where}: answers {status} {reason}; check webhook.url and webhook.headers")

    def stop(self) -> None:
        """End what is being posted. May be called from any thread."""
        self._cut()

    def _connection(self) -> HTTPConnection:
        if self._trust is None:
            return HTTPConnection(self._host, self._port, timeout=self._limit)
        return HTTPSConnection(self._host, self._port, timeout=self._limit, context=self._trust)

    def _explain(self, cause: Exception, late: bool) -> str:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return (
                f"its certificate is not trusted ({cause.verify_message}); if it is your own server, name the "
                "certificate of its authority as webhook.ca_file; else check this device's clock"
            )
        if late or isinstance(cause, TimeoutError):
            return f"no answer within {self._limit:g} s; check the network and the server"
        if isinstance(cause, socket.gaierror):
            return "unknown host; check its name, and the network"
        return f"no answer ({first_line(cause)}); check the network and the server"


def _address(url: str) -> Address:
    """Raises SettingsError, which does not show it: its path often is the password."""
    form = "it looks like https://example.org/path"
    try:
        address = parse(url)
    except ValueError as cause:
        raise SettingsError(f"webhook.url: not an address that can be posted to ({cause}); {form}") from None
    if address.has_user:
        raise SettingsError(
            'webhook.url: contains a user or a password; give them as webhook.headers = {Authorization = "Basic ..."}'
        )
    if "#" in url:
        raise SettingsError("webhook.url: holds a #, at which an address ends; write # as %23")
    if address.scheme not in ("http", "https") or not re.fullmatch(r"[\x21-\x7e]+", url):
        raise SettingsError(f"webhook.url: not an address that can be posted to; {form}")
    return address


def _shown(address: Address) -> str:
    """Only this much is logged: the rest of a webhook's address often is its password."""
    port = "" if address.port is None else f":{address.port}"
    return f"{address.scheme}://{address.shown}{port}"


def _headers(settings: WebhookSettings) -> dict[str, str]:
    for name in settings.headers:
        if not re.fullmatch(r"[A-Za-z0-9-]+", name):
            raise SettingsError("webhook.headers: a name in it is none of a header; one has letters, digits and dashes")
    return dict(settings.headers)


def _trust(settings: WebhookSettings) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=settings.ca_file or None)
    except (OSError, ssl.SSLError) as cause:
        raise SettingsError(
            f"webhook.ca_file: no certificates in PEM form ({first_line(cause)}); check the path"
        ) from None
