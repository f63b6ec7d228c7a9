"""The link opens connections at random moments after a loss, gives up what it does not need, and ends in time."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fer_edge.errors import SinkError
from fer_edge.sinks.mqtt import link as module
from fer_edge.sinks.mqtt.fake import SUCCESS, FakeClient
from fer_edge.sinks.mqtt.link import Announcement, Link
from fer_edge.sinks.mqtt.outbox import Outbox
from fer_edge.sinks.mqtt.store import MessageStore

SOON = 10.0  # seconds


REFUSED = SimpleNamespace(is_failure=True)


class Client(FakeClient):
    """`spoken`: set at the first message; `refused`: topics that it may not read."""

    def __init__(self, refused: set[str]) -> None:
        super().__init__()
        self.spoken = threading.Event()
        self._refused = refused

    def answer(self, topic: str) -> Any:
        return REFUSED if topic in self._refused else SUCCESS

    def publish(self, topic: str, payload: bytes, qos: int, retain: bool) -> Any:
        found = super().publish(topic, payload, qos, retain)
        self.spoken.set()
        return found


class Broker:
    """A broker in memory; `gate` holds its connections up, `broken` refuses them."""

    def __init__(self) -> None:
        self.clients: queue.Queue[Client] = queue.Queue()
        self.gate = threading.Event()
        self.gate.set()
        self.broken: Exception | None = None
        self.refused: set[str] = set()
        self.left: queue.Queue[FakeClient] = queue.Queue()

    def new_client(self) -> FakeClient:
        client = Client(self.refused)
        client.disconnect = lambda: self.left.put(client)  # type: ignore[method-assign]
        self.clients.put(client)
        return client

    def connect(self, client: FakeClient) -> None:
        assert self.gate.wait(SOON)
        if self.broken:
            raise self.broken

    def explain(self, cause: Any) -> str:
        return f"mqtt: {cause}"


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def make(broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Link]]:
    made: list[Link] = []

    def opened(handlers: Mapping[str, Any] | None = None, **more: Any) -> Link:
        outbox = Outbox(MessageStore(tmp_path / "queue.db", 100), 5.0)
        made.append(Link(broker, outbox, "state", Announcement("availability", b"offline"), handlers or {}, **more))
        return made[-1]

    yield opened
    broker.gate.set()
    for link in made:
        link.close()


def test_reconnects_are_spread(
    broker: Broker, make: Callable[..., Link], monkeypatch: pytest.MonkeyPatch, logged: queue.Queue[str]
) -> None:
    """A fleet comes back at random moments."""
    asked: queue.Queue[tuple[float, float]] = queue.Queue()
    monkeypatch.setattr(module.random, "uniform", lambda low, high: asked.put((low, high)) or -100.0)
    broker.broken = OSError("no route to host")
    link = make(spread=300.0)
    link.start([])
    assert [asked.get(timeout=SOON) for _ in range(3)] == [(0, 300.0)] * 3
    words = "error: mqtt: no route to host; messages wait until it answers, and the rest goes on"
    assert logged.get(timeout=SOON) == words
    link.close()
    assert logged.empty()


def test_refused_topic_is_said_once(broker: Broker, make: Callable[..., Link], logged: queue.Queue[str]) -> None:
    """Access rules may let a device speak and not listen: nobody would know why it does not pause."""
    broker.refused = {"ours/pause"}
    link = make(handlers=dict.fromkeys(("ours/pause", "theirs/status"), lambda _payload: None))
    link.start([Announcement("availability", b"online")])
    client = broker.clients.get(timeout=SOON)
    assert client.spoken.wait(SOON)
    client.loop_start()  # connected once more
    link.close()
    assert client.subscribed == ["ours/pause", "theirs/status"] * 2
    assert logged.get(timeout=SOON) == (
        "error: mqtt: the broker does not let this client read ours/pause, so what is asked of fer-edge there is not "
        "heard; allow it to, in the broker's access rules"
    )
    assert logged.empty()


def test_close_during_connecting_is_in_time(broker: Broker, make: Callable[..., Link], tmp_path: Path) -> None:
    """It ends in time while a connection is held up and leaves none behind."""
    broker.gate.clear()
    link = make()
    link.start([Announcement("availability", b"online")])
    link.send({"number": 1})
    client = broker.clients.get(timeout=SOON)
    begin = time.monotonic()
    link.close(timeout_s=0.05)
    assert time.monotonic() - begin < 5
    assert broker.left.get(timeout=SOON) is client
    broker.gate.set()
    assert broker.left.get(timeout=SOON) is client  # connected after all, and left again
    assert client.published == []
    store = MessageStore(tmp_path / "queue.db", 100)
    assert store.count == 1
    store.close()


def test_unacknowledged_messages_are_sent_again(
    broker: Broker, make: Callable[..., Link], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a connection left undone the next one does in the same order."""
    monkeypatch.setattr(module.random, "uniform", lambda low, high: -100.0)
    link = make()
    silent = FakeClient()
    real = broker.new_client
    broker.new_client = lambda: silent  # type: ignore[method-assign]
    sent = threading.Semaphore(0)

    def unanswered(topic: str, payload: bytes, qos: int, retain: bool) -> Any:
        silent.published.append((topic, payload, qos, retain))
        sent.release()
        return type("Info", (), {"mid": len(silent.published)})

    silent.publish = unanswered  # type: ignore[method-assign]
    link.start([])
    for number in range(3):
        link.send({"number": number})
        assert sent.acquire(timeout=SOON)
    broker.new_client = real  # type: ignore[method-assign]
    silent.on_disconnect(silent, None, None, "gone", None)
    client = broker.clients.get(timeout=SOON)
    link.close()
    numbers = [payload[-2:-1] for topic, payload, _, _ in client.published if topic == "state"]
    assert numbers == [b"0", b"1", b"2"]
    assert client.published[-1] == ("availability", b"offline", 1, True)


def test_failure_is_raised_by_next_send(broker: Broker, make: Callable[..., Link]) -> None:
    """A mistake is told by the next message."""
    link = make()
    link.start([], lambda: None)
    link.announce([], before=lambda: 1 / 0)  # type: ignore[arg-type,return-value]
    link._thread.join(SOON)
    with pytest.raises(SinkError, match="mqtt: division by zero"):
        link.send({})


def test_one_that_never_started_closes(make: Callable[..., Link]) -> None:
    link = make()
    link.close()
    link.close()


def test_posts_wait_for_no_connection(broker: Broker, make: Callable[..., Link]) -> None:
    """An event of a minute ago must not ring a bell now; of what is kept the newest comes at the connection."""
    broker.gate.clear()
    link = make()
    link.start([Announcement("availability", b"online")])
    client = broker.clients.get(timeout=SOON)
    link.post("event", b"came", keep=False)
    for payload in (b"old", b"new"):
        link.post("health", payload, keep=True)
    posted = threading.Event()
    link.call(posted.set)
    assert posted.wait(SOON)
    broker.gate.set()
    link.send({"number": 1})
    link.close()
    assert [(topic, payload) for topic, payload, _, _ in client.published if topic != "state"] == [
        ("availability", b"online"),
        ("health", b"new"),
        ("availability", b"offline"),
    ]


def test_posts_go_out_while_connected(broker: Broker, make: Callable[..., Link]) -> None:
    """What is kept is retained by the broker too, and anything else is not."""
    link = make()
    link.start([Announcement("availability", b"online")])
    client = broker.clients.get(timeout=SOON)
    assert client.spoken.wait(SOON)
    link.post("event", b"came", keep=False)
    link.post("health", b"new", keep=True)
    link.close()
    assert ("event", b"came", 1, False) in client.published
    assert ("health", b"new", 1, True) in client.published
