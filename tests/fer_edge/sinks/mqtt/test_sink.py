"""The sink on a broker in memory: what it says, and that it can be tried without a broker by its name."""

from __future__ import annotations

import json
import queue
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fer_edge.build import make_sink
from fer_edge.cli import main
from fer_edge.errors import SinkError
from fer_edge.pause import PauseSwitch
from fer_edge.settings import MqttSettings, Settings
from fer_edge.sinks.mailbox import Mailbox
from fer_edge.sinks.mqtt import sink as mqtt
from fer_edge.sinks.mqtt.fake import FakeClient
from fer_edge.sinks.mqtt.sink import Mqtt
from fer_edge.types import Face, Observation, Prediction

Make = Callable[..., Observation]
SOON = 10.0  # seconds


class ModelWatcher(FakeClient):
    """Puts each message into a queue."""

    def __init__(self) -> None:
        super().__init__()
        self.news: queue.Queue[tuple[str, Any]] = queue.Queue()

    def publish(self, topic: str, payload: bytes, qos: int, retain: bool) -> Any:
        assert (qos, retain) == (1, True)
        self.news.put((topic.rpartition("/")[2], json.loads(payload) if payload[:1] == b"{" else payload.decode()))
        return super().publish(topic, payload, qos, retain)


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> ModelWatcher:
    made = ModelWatcher()
    monkeypatch.setattr(mqtt, "FakeClient", lambda: made)
    return made


@pytest.fixture
def sink(client: ModelWatcher, tmp_path: Path) -> Iterator[Mqtt]:
    settings = MqttSettings(client="fake", device="hall", queue=str(tmp_path / "queue.db"))
    made = Mqtt(settings, PauseSwitch())
    yield made
    made.close()


def test_birth_changes_goodbye(client: ModelWatcher, sink: Mqtt, make_observation: Make) -> None:
    """It greets says what changes and takes its leave."""
    assert [client.news.get(timeout=SOON)[0] for _ in range(2)] == ["config", "availability"]
    sink.state("starting")
    sink.state("starting")
    sink.write(make_observation(0, "happy"))
    sink.write(make_observation(1, "happy"))
    sink.write(make_observation(30, "sad"))
    reports = [client.news.get(timeout=SOON)[1] for _ in range(3)]
    assert [(report["id"], report["state"], report["emotion"]) for report in reports] == [
        ("1-1", "starting", None),
        ("1-2", "running", "happy"),
        ("1-3", "running", "sad"),
    ]
    assert client.subscribed == ["fer-edge/hall/pause/set", "homeassistant/status"]
    sink.close()
    sink.close()
    assert client.news.get(timeout=SOON) == ("availability", "offline")
    assert client.news.empty()


def test_own_labels_are_announced(client: ModelWatcher, sink: Mqtt, make_observation: Make, tmp_path: Path) -> None:
    """A model's own labels are sent once and known at the next start."""
    options = client.news.get(timeout=SOON)[1]["components"]["emotion"]["options"]
    assert options[0] == "angry"
    client.news.get(timeout=SOON)
    plain = make_observation(0, "happy")
    own = Face(1, plain.faces[0].box, "awake", 0.8, Prediction(("awake", "tired"), (0.8, 0.2)))
    for number in range(3):
        sink.write(replace(make_observation(number), faces=(own,)))
    news = [client.news.get(timeout=SOON) for _ in range(3)]
    assert [topic for topic, _ in news] == ["config", "availability", "state"]
    assert news[0][1]["components"]["emotion"]["options"] == ["awake", "tired", "uncertain"]
    sink.close()
    assert client.news.get(timeout=SOON) == ("availability", "offline")
    again = Mqtt(MqttSettings(client="fake", device="hall", queue=str(tmp_path / "queue.db")), PauseSwitch())
    assert client.news.get(timeout=SOON)[1]["components"]["emotion"]["options"] == ["awake", "tired", "uncertain"]
    again.close()


def test_sink_runs_in_its_thread(client: ModelWatcher, tmp_path: Path) -> None:
    """It runs by its name in a thread of its own."""
    settings = MqttSettings(client="fake", device="hall", queue=str(tmp_path / "queue.db"))
    box = make_sink("mqtt", replace(Settings(), mqtt=settings))
    assert isinstance(box, Mailbox)
    box.state("running")
    box.close()
    assert not box.failing
    assert [client.news.get(timeout=SOON)[0] for _ in range(4)] == ["config", "availability", "state", "availability"]


def test_a_run_with_it(client: ModelWatcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["run", "--source", "demo", "--sink", "mqtt", "--max-frames", "30", "--set", "mqtt.client=fake"]
    assert main(arguments) == 0
    states = [what for topic, what in client.news.queue if topic == "state"]
    assert states[-1]["state"] == "running"
    assert {"kind": "came", "id": 1, "emotion": "happy"} in [event for state in states for event in state["events"]]
    assert [path.name for path in tmp_path.iterdir()] == ["fer-edge-mqtt.db"]


def test_broken_queue_fails_next_write(
    client: ModelWatcher, sink: Mqtt, make_observation: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mailbox then makes the sink anew, which finds the damage."""
    client.news.get(timeout=SOON)

    def broken(*_: object) -> None:
        raise ValueError("no such number")

    monkeypatch.setattr(sink.link._outbox, "acknowledge", broken)
    sink.write(make_observation(0, "happy"))
    sink.link._thread.join(SOON)
    with pytest.raises(SinkError, match="mqtt: no such number"):
        sink.write(make_observation(1000, "sad"))
