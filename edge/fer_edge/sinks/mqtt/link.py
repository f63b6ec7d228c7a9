"""One connection to the broker after the other, and what goes through it; all of it happens in one thread."""

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

MAX_UNACKNOWLEDGED = 20  # messages under way at once
RECOVERY_CHECK_INTERVAL_S = 0.5  # seconds between looks whether a connection that was lost holds now
GOODBYE_TIMEOUT_S = 0.4  # seconds that the goodbye may take


class Post(NamedTuple):
    """A message that is not counted and does not wait: each connection begins with it, or ends."""

    topic: str
    payload: bytes


class Line(Protocol):
    """What the link needs to know of its broker."""

    def dial(self) -> Any:
        """A new client, with the methods of paho's, not connected."""

    def connect(self, client: Any) -> None:
        """Open its connection; may take a while, and raise anything."""

    def why(self, cause: Any) -> str:
        """An exception or a reason code in one line."""


class Link:
    """Sends what it is given as long as there is a connection, and keeps it in the outbox until the broker has it.

    Every public method may be called from any thread, and does not wait; all that they ask for is done in order.
    """

    def __init__(
        self,
        line: Line,
        outbox: Outbox,
        topic: str,
        goodbye: Post,
        heard: Mapping[str, Callable[[bytes], None]],
        spread: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Messages go to `topic`; `heard` has what to do with those of others, by their topics.

        A connection that is lost is opened again after fer_edge.retry's pauses, and at random up to `spread` seconds
        more.
        """
        self._line, self._outbox, self._topic, self._goodbye, self._heard = line, outbox, topic, goodbye, heard
        self._spread, self._clock = spread, clock
        self._hello: Sequence[Post] = ()
        self._again: Callable[[], Mapping[str, Any] | None] = lambda: None
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._client: Any = None  # the one whose callbacks count
        self._up = False
        self._were_up = False  # at any time
        self._under_way: dict[int, int] = {}  # paho's number -> the outbox's key
        self._retry = Retry()
        self._redial = -math.inf  # when
        self._ends: float | None = None  # when to stop, at the latest
        self._over = False
        self._broken: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)

    def start(self, hello: Sequence[Post], again: Callable[[], Mapping[str, Any] | None] = lambda: None) -> None:
        """Connect. Each connection begins with `hello`, and each but the first with what `again` gives at last."""
        self._hello, self._again = hello, again
        self._thread.start()

    def send(self, message: Mapping[str, Any]) -> None:
        """Take `message`. Raises SinkError where the link broke; the message is not taken then."""
        if self._broken is not None:
            raise SinkError(f"mqtt: {first_line(self._broken)}") from self._broken
        self._jobs.put(lambda: self._outbox.put(message, self._clock()))

    def greet(self, hello: Sequence[Post], before: Callable[[], None] = lambda: None) -> None:
        """Do `before`, begin connections with `hello` from now on, and tell it now."""

        def change() -> None:
            before()
            self._hello = hello
            self._greet()

        self._jobs.put(change)

    def close(self, timeout_s: float = 0.8) -> None:
        """Send what waits, as far as `timeout_s` seconds last; the rest is on the disk. May be called twice."""

        def end() -> None:
            self._ends = self._clock() + timeout_s

        self._jobs.put(end)
        if self._thread.ident is None:
            self._outbox.close()
        else:
            self._thread.join(timeout_s + 2 * GOODBYE_TIMEOUT_S)

    # From here on, all is called in the thread, except what says otherwise.

    def _run(self) -> None:
        try:
            while not self._over:
                job = self._wait()
                if job is not None:
                    job()
                self._go_on(self._clock())
        except Exception as error:  # noqa: BLE001 (told by the next `send`, which then makes all anew)
            self._broken = error
        finally:
            with suppress(Exception):
                self._outbox.flush(self._clock())
            self._over = True
            self._hang_up()
            with suppress(Exception):
                self._outbox.close()

    def _wait(self) -> Callable[[], None] | None:
        moments = [self._outbox.due]
        moments += [self._redial] if self._client is None else []
        moments += [self._clock() + RECOVERY_CHECK_INTERVAL_S] if self._up and self._retry.failing else []
        moments += [self._ends] if self._ends is not None else []
        pause = min(moments) - self._clock()
        try:
            return self._jobs.get(timeout=None if pause == math.inf else max(pause, 0.0))
        except queue.Empty:
            return None

    def _go_on(self, now: float) -> None:
        if self._ends is not None and (now >= self._ends or self._client is None or (self._up and self._outbox.empty)):
            self._over = True
            return
        if self._client is None and now >= self._redial:
            self._dial()
        # On the disk before it is sent, where it may not wait: so no answer of the broker comes too early.
        if now >= self._outbox.due:
            self._outbox.flush(now)
        while self._up and len(self._under_way) < MAX_UNACKNOWLEDGED and (item := self._outbox.next()) is not None:
            key, text = item
            self._under_way[self._publish(self._topic, text).mid] = key
        if self._up and self._retry.worked(now):
            _log.info("mqtt: the broker answers again")

    def _dial(self) -> None:
        try:
            self._client = client = self._line.dial()
        except Exception as error:  # noqa: BLE001
            self._lost(None, error)
            return
        client.on_connect = lambda _client, _data, _flags, reason, *_: self._later(client, self._answered, reason)
        client.on_disconnect = lambda _client, _data, _flags, reason, *_: self._later(client, self._lost, reason)
        client.on_publish = lambda _client, _data, mid, *_: self._later(client, self._taken, mid)
        client.on_message = lambda _client, _data, message: self._later(client, self._hear, message)
        threading.Thread(target=self._connect, args=(client,), name="mqtt dial", daemon=True).start()

    def _connect(self, client: Any) -> None:
        """In a thread of its own: names that are looked up and networks that swallow packets take their time."""
        try:
            self._line.connect(client)
        except Exception as error:  # noqa: BLE001 (OSError, ssl's, paho's ValueError)
            self._later(client, self._lost, error)
        else:
            if client is self._client:
                client.loop_start()
            else:  # it was given up in the meantime
                client.disconnect()

    def _later(self, client: Any, do: Callable[[Any, Any], None], what: Any) -> None:
        """In any thread; paho holds locks here."""
        self._jobs.put(partial(do, client, what))

    def _answered(self, client: Any, reason: Any) -> None:
        if client is not self._client:
            return
        if reason.is_failure:
            self._lost(client, reason)
            return
        self._up = True
        for topic in self._heard:
            client.subscribe(topic, qos=1)
        self._greet()
        if self._were_up and (message := self._again()) is not None:
            self._outbox.put(message, self._clock())
        self._were_up = True

    def _lost(self, client: Any, reason: Any) -> None:
        if client is not self._client:
            return
        self._hang_up()
        now = self._clock()
        if self._retry.failed(now):
            _log.error(f"{self._line.why(reason)}; messages wait until it answers, and the rest goes on")
        self._redial = self._retry.due + random.uniform(0, self._spread)

    def _taken(self, client: Any, mid: int) -> None:
        if client is self._client and (key := self._under_way.pop(mid, None)) is not None:
            self._outbox.taken(key)

    def _hear(self, client: Any, message: Any) -> None:
        # A message that was kept for us is of another time.
        if client is self._client and not message.retain and message.topic in self._heard:
            self._heard[message.topic](message.payload)

    def _greet(self) -> None:
        for post in self._hello if self._up else ():
            self._publish(*post)

    def _publish(self, topic: str, payload: bytes) -> Any:
        return self._client.publish(topic, payload, qos=1, retain=True)

    def _hang_up(self) -> None:
        """Leave the broker, politely where it is there."""
        client, self._client = self._client, None
        up, self._up = self._up, False
        self._under_way.clear()
        self._outbox.rewind()
        if client is None:
            return
        with suppress(Exception):  # it is gone already
            if up and self._over:
                client.publish(*self._goodbye, qos=1, retain=True).wait_for_publish(GOODBYE_TIMEOUT_S)
            client.disconnect()
            client.loop_stop()
        # They hold the client that holds them: it would keep its files open until a garbage collection.
        client.on_connect = client.on_disconnect = client.on_publish = client.on_message = None
