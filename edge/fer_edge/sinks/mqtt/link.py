"""The connection to the broker, opened again whenever it is lost. All of it happens in one thread."""

from __future__ import annotations

import logging
import math
import queue
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple, Protocol

from fer_edge.errors import SinkError, first_line
from fer_edge.retry import Retry
from fer_edge.sinks.mqtt.outbox import Outbox

_log = logging.getLogger(__name__)

MAX_UNACKNOWLEDGED = 20  # messages that are sent before the broker has acknowledged the first
RECOVERY_CHECK_INTERVAL_S = 0.5  # while it is not certain that a connection that was lost holds again
GOODBYE_TIMEOUT_S = 0.4


class Announcement(NamedTuple):
    """A message that does not wait in the outbox: sent at the start or the end of a connection."""

    topic: str
    payload: bytes


class Connector(Protocol):
    """How the link reaches its broker."""

    def new_client(self) -> Any:
        """A new client with the methods of paho's, not connected."""

    def connect(self, client: Any) -> None:
        """Open its connection. May take long, and raise any exception."""

    def explain(self, cause: Any) -> str:
        """An exception or a reason code, in one line."""


class Link:
    """Sends messages while there is a connection, and keeps them in the outbox until the broker acknowledges them.

    Every public method may be called from any thread, and does not wait. What they ask for is done in order.
    """

    def __init__(
        self,
        connector: Connector,
        outbox: Outbox,
        topic: str,
        goodbye: Announcement,
        handlers: Mapping[str, Callable[[bytes], None]],
        spread: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Messages go to `topic`; `handlers`: topic -> what to do with a message of others.

        A lost connection is opened again after the pauses of `fer_edge.retry`, and up to `spread` seconds more, at
        random.
        """
        self._connector, self._outbox, self._topic = connector, outbox, topic
        self._goodbye, self._handlers = goodbye, handlers
        self._spread, self._clock = spread, clock
        self._birth: Sequence[Announcement] = ()
        self._kept: dict[str, bytes] = {}  # topic -> the newest of its messages that `post` was to keep
        self._repeat: Callable[[], Mapping[str, Any] | None] = lambda: None
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._client: Any = None  # callbacks of any other are ignored
        self._connected = False
        self._was_connected = False  # at any time before
        self._unacknowledged: dict[int, int] = {}  # paho's number -> the outbox's key
        self._asked_for: dict[int, str] = {}  # paho's number -> the topic whose messages the broker is to send
        self._refused: set[str] = set()  # topics that it does not send, which was said
        self._retry = Retry()
        self.last_error = ""  # in one line
        self._reconnect_at = -math.inf  # moment, seconds
        self._deadline: float | None = None  # moment at which it stops at the latest
        self._stopped = False
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)

    @property
    def failing(self) -> bool:
        """Whether the broker does not answer."""
        return self._retry.failing

    def start(
        self, birth: Sequence[Announcement], repeat: Callable[[], Mapping[str, Any] | None] = lambda: None
    ) -> None:
        """Connect. Each connection begins with `birth`; each but the first then sends what `repeat` returns."""
        self._birth, self._repeat = birth, repeat
        self._thread.start()

    def send(self, message: Mapping[str, Any]) -> None:
        """Take `message`. Raises SinkError if the link has failed; then the message is not taken."""
        if self._failure is not None:
            raise SinkError(f"mqtt: {first_line(self._failure)}") from self._failure
        self._jobs.put(lambda: self._outbox.put(message, self._clock()))

    def announce(self, birth: Sequence[Announcement], before: Callable[[], None] = lambda: None) -> None:
        """Call `before`, then send `birth` now and at the start of each connection from now on."""

        def change() -> None:
            before()
            self._birth = birth
            self._send_birth()

        self._jobs.put(change)

    def post(self, topic: str, payload: bytes, keep: bool) -> None:
        """Send what would be of no use later: it waits for no connection, and nobody is told if it is lost.

        `keep`: the newest message of its topic is sent at the start of each connection too, and retained.
        """

        def send() -> None:
            if keep:
                self._kept[topic] = payload
            if self._connected:
                self._client.publish(topic, payload, qos=1, retain=keep)

        self._jobs.put(send)

    def call(self, job: Callable[[], None]) -> None:
        """Call `job` in the link's thread, in which the outbox may be used."""
        self._jobs.put(job)

    def close(self, timeout_s: float = 0.8) -> None:
        """Send what waits, for `timeout_s` at most; the rest stays on the disk. May be called twice."""

        def end() -> None:
            self._deadline = self._clock() + timeout_s

        self._jobs.put(end)
        if self._thread.ident is None:
            self._outbox.close()
        else:
            self._thread.join(timeout_s + 2 * GOODBYE_TIMEOUT_S)

    # All methods below run in the link's thread, unless they say otherwise.

    def _run(self) -> None:
        try:
            while not self._stopped:
                job = self._wait()
                if job is not None:
                    job()
                self._step(self._clock())
        except Exception as error:  # noqa: BLE001 (raised by the next `send`, so that the sink is made again)
            self._failure = error
        finally:
            with suppress(Exception):
                self._outbox.flush(self._clock())
            self._stopped = True
            self._disconnect()
            with suppress(Exception):
                self._outbox.close()

    def _wait(self) -> Callable[[], None] | None:
        moments = [self._outbox.due]
        moments += [self._reconnect_at] if self._client is None else []
        moments += [self._clock() + RECOVERY_CHECK_INTERVAL_S] if self._connected and self._retry.failing else []
        moments += [self._deadline] if self._deadline is not None else []
        pause = min(moments) - self._clock()
        try:
            return self._jobs.get(timeout=None if pause == math.inf else max(pause, 0.0))
        except queue.Empty:
            return None

    def _step(self, now: float) -> None:
        if self._deadline is not None and self._is_done(now):
            self._stopped = True
            return
        if self._client is None and now >= self._reconnect_at:
            self._open()
        # With flush_seconds = 0 a message is on the disk before it is sent: no acknowledgement can come too early.
        if now >= self._outbox.due:
            self._outbox.flush(now)
        while (
            self._connected
            and len(self._unacknowledged) < MAX_UNACKNOWLEDGED
            and (item := self._outbox.next()) is not None
        ):
            key, text = item
            self._unacknowledged[self._publish(self._topic, text).mid] = key
        if self._connected and self._retry.worked(now):
            _log.info("mqtt: the broker answers again")

    def _is_done(self, now: float) -> bool:
        assert self._deadline is not None
        return now >= self._deadline or self._client is None or (self._connected and self._outbox.empty)

    def _open(self) -> None:
        try:
            self._client = client = self._connector.new_client()
        except Exception as error:  # noqa: BLE001
            self._on_disconnect(None, error)
            return
        client.on_connect = lambda _client, _data, _flags, reason, *_: self._enqueue(client, self._on_connect, reason)
        client.on_disconnect = lambda _client, _data, _flags, reason, *_: self._enqueue(
            client, self._on_disconnect, reason
        )
        client.on_publish = lambda _client, _data, mid, *_: self._enqueue(client, self._on_publish, mid)
        client.on_subscribe = lambda _client, _data, mid, reasons, *_: self._enqueue(
            client, self._on_subscribe, (mid, reasons)
        )
        client.on_message = lambda _client, _data, message: self._enqueue(client, self._on_message, message)
        threading.Thread(target=self._connect, args=(client,), name="mqtt connect", daemon=True).start()

    def _connect(self, client: Any) -> None:
        """Runs in its own thread: looking up a name may take long, and so may a network that drops packets."""
        try:
            self._connector.connect(client)
        except Exception as error:  # noqa: BLE001 (OSError, ssl's, paho's ValueError)
            self._enqueue(client, self._on_disconnect, error)
        else:
            if client is self._client:
                client.loop_start()
            else:  # given up in the meantime
                client.disconnect()

    def _enqueue(self, client: Any, do: Callable[[Any, Any], None], what: Any) -> None:
        """Runs in any thread, in which paho may hold locks."""
        self._jobs.put(partial(do, client, what))

    def _on_connect(self, client: Any, reason: Any) -> None:
        if client is not self._client:
            return
        if reason.is_failure:
            self._on_disconnect(client, reason)
            return
        self._connected = True
        for topic in self._handlers:
            self._asked_for[client.subscribe(topic, qos=1)[1]] = topic
        self._send_birth()
        for topic, payload in self._kept.items():
            self._publish(topic, payload)
        if self._was_connected and (message := self._repeat()) is not None:
            self._outbox.put(message, self._clock())
        self._was_connected = True

    def _on_disconnect(self, client: Any, reason: Any) -> None:
        if client is not self._client:
            return
        self._disconnect()
        now = self._clock()
        self.last_error = self._connector.explain(reason)
        if self._retry.failed(now):
            _log.error(f"{self.last_error}; messages wait until it answers, and the rest goes on")
        self._reconnect_at = self._retry.due + random.uniform(0, self._spread)

    def _on_publish(self, client: Any, mid: int) -> None:
        if client is self._client and (key := self._unacknowledged.pop(mid, None)) is not None:
            self._outbox.acknowledge(key)

    def _on_subscribe(self, client: Any, answer: tuple[int, Sequence[Any]]) -> None:
        mid, reasons = answer
        if client is not self._client or (topic := self._asked_for.pop(mid, None)) is None:
            return
        if not any(reason.is_failure for reason in reasons):
            self._refused.discard(topic)
        elif topic not in self._refused:
            self._refused.add(topic)
            _log.error(
                f"mqtt: the broker does not let this client read {topic}, so what is asked of fer-edge there is not "
                "heard; allow it to, in the broker's access rules"
            )

    def _on_message(self, client: Any, message: Any) -> None:
        # A retained message was sent at another time, and must not pause the camera now.
        if client is self._client and not message.retain and message.topic in self._handlers:
            self._handlers[message.topic](message.payload)

    def _send_birth(self) -> None:
        for announcement in self._birth if self._connected else ():
            self._publish(*announcement)

    def _publish(self, topic: str, payload: bytes) -> Any:
        return self._client.publish(topic, payload, qos=1, retain=True)

    def _disconnect(self) -> None:
        """Leave the broker; if the link stops while connected, say goodbye first."""
        client, self._client = self._client, None
        connected, self._connected = self._connected, False
        self._unacknowledged.clear()
        self._asked_for.clear()
        self._outbox.rewind()
        if client is None:
            return
        with suppress(Exception):  # the connection may be lost already
            if connected and self._stopped:
                client.publish(*self._goodbye, qos=1, retain=True).wait_for_publish(GOODBYE_TIMEOUT_S)
            client.disconnect()
            client.loop_stop()
        # The callbacks hold the client that holds them, which would keep its files open until a garbage collection.
        client.on_connect = client.on_disconnect = client.on_publish = client.on_subscribe = client.on_message = None
