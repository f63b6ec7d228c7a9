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
from fer_edge.types import Event, Face, Observation, Prediction

Make = Callable[..., Observation]
SOON = 10.0  # seconds


class Watcher(FakeClient):
    """Puts each message into a queue; those that are sent beside the outbox into queues of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.news: queue.Queue[tuple[str, Any]] = queue.Queue()
        self.aside: dict[str, queue.Queue[Any]] = {"event": queue.Queue(), "health": queue.Queue()}

    def publish(self, topic: str, payload: bytes, qos: int, retain: bool) -> Any:
        name = topic.rpartition("/")[2]
        assert (qos, retain) == (1, name != "event")
        message = json.loads(payload) if payload[:1] == b"{" else payload.decode()
        if name in self.aside:
            self.aside[name].put(message)
        else:
            self.news.put((name, message))
        return super().publish(topic, payload, qos, retain)


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Watcher:
    made = Watcher()
    monkeypatch.setattr(mqtt, "FakeClient", lambda: made)
    return made


@pytest.fixture
def sink(client: Watcher, tmp_path: Path) -> Iterator[Mqtt]:
    made = Mqtt(with_fake(tmp_path), PauseSwitch())
    yield made
    made.close()


def with_fake(folder: Path, **settings: Any) -> Settings:
    """Settings for the broker in memory, with the queue in `folder`."""
    given: dict[str, Any] = {"client": "fake", "device": "hall", "queue": str(folder / "queue.db")}
    return replace(Settings(), mqtt=MqttSettings(**given | settings))


def test_birth_changes_goodbye(client: Watcher, sink: Mqtt, make_observation: Make) -> None:
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


def test_message_says_whose_it_is(client: Watcher, tmp_path: Path, make_observation: Make) -> None:
    """Its version, device and area, so that a fleet can be read without knowing it; an empty area is left out."""
    for area, wanted in (("Hall", ("hall", "Hall")), ("", ("hall", None))):
        made = Mqtt(with_fake(tmp_path, area=area), PauseSwitch())
        made.write(make_observation(0, "happy"))
        made.state("lost")
        while (news := client.news.get(timeout=SOON))[0] != "state":
            pass
        for message in (news[1], client.aside["health"].get(timeout=SOON)):
            assert (message["v"], message["device"], message.get("area")) == (1, *wanted)
        made.close()
        while client.news.get(timeout=SOON) != ("availability", "offline"):
            pass


def test_own_labels_are_announced(client: Watcher, sink: Mqtt, make_observation: Make, tmp_path: Path) -> None:
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
    again = Mqtt(with_fake(tmp_path), PauseSwitch())
    assert client.news.get(timeout=SOON)[1]["components"]["emotion"]["options"] == ["awake", "tired", "uncertain"]
    again.close()


def test_sink_runs_in_its_thread(client: Watcher, tmp_path: Path) -> None:
    """It runs by its name in a thread of its own."""
    box = make_sink("mqtt", with_fake(tmp_path))
    assert isinstance(box, Mailbox)
    box.state("running")
    box.close()
    assert not box.failing
    assert [client.news.get(timeout=SOON)[0] for _ in range(4)] == ["config", "availability", "state", "availability"]


def test_a_run_with_it(client: Watcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["run", "--source", "demo", "--only-sink", "mqtt", "--max-frames", "30", "--set", "mqtt.client=fake"]
    assert main(arguments) == 0
    states = [what for topic, what in client.news.queue if topic == "state"]
    assert states[-1]["state"] == "running"
    assert {"kind": "came", "id": 1, "emotion": "happy"} in [event for state in states for event in state["events"]]
    assert [path.name for path in tmp_path.iterdir()] == ["fer-edge-mqtt.db"]


def test_broken_queue_fails_next_write(
    client: Watcher, sink: Mqtt, make_observation: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mailbox then makes the sink again, which finds the damage."""
    client.news.get(timeout=SOON)

    def broken(*_: object) -> None:
        raise ValueError("no such number")

    monkeypatch.setattr(sink.link._outbox, "acknowledge", broken)
    sink.write(make_observation(0, "happy"))
    sink.link._thread.join(SOON)
    with pytest.raises(SinkError, match="mqtt: no such number"):
        sink.write(make_observation(1000, "sad"))


def test_each_event_is_a_message(client: Watcher, sink: Mqtt, make_observation: Make) -> None:
    """Two events of one frame are two messages, which a broker does not keep."""
    for _ in ("config", "availability"):  # an event waits for no connection
        client.news.get(timeout=SOON)
    seen = make_observation(0, "happy", "sad")
    sink.write(replace(seen, events=tuple(Event("came", face) for face in seen.faces)))
    events = [client.aside["event"].get(timeout=SOON) for _ in range(2)]
    time = "2026-01-01T12:00:00.000+00:00"
    assert events == [
        {"event_type": "came", "time": time, "id": 1, "emotion": "happy", "confidence": 0.7},
        {"event_type": "came", "time": time, "id": 2, "emotion": "sad", "confidence": 0.7},
    ]


def test_events_alone_are_for_home_assistant(client: Watcher, make_observation: Make, tmp_path: Path) -> None:
    """A fleet without it reads them in the reports, and its broker carries each once."""
    plain = Mqtt(with_fake(tmp_path, discovery_prefix=""), PauseSwitch())
    assert client.news.get(timeout=SOON) == ("availability", "online")
    seen = make_observation(0, "happy")
    plain.write(replace(seen, events=(Event("came", seen.faces[0]),)))
    plain.close()
    assert client.aside["event"].empty()
    assert [what["events"][0]["kind"] for topic, what in client.news.queue if topic == "state"] == ["came"]


def test_state_brings_health_at_once(client: Watcher, sink: Mqtt) -> None:
    """A lost camera is a problem that is told before the interval is over."""
    sink.state("lost")
    message = client.aside["health"].get(timeout=SOON)
    assert message["state"] == "lost"
    assert message["problems"][0].startswith("camera: lost")


def test_paused_heartbeat_repeats_nothing_known(client: Watcher, sink: Mqtt, make_observation: Make) -> None:
    """While the camera is off the last message comes again, or Home Assistant would take the device as gone."""
    sink.write(make_observation(0, "happy"))
    sink.state("paused")
    sink._tick(woken=False)
    reports: list[dict[str, Any]] = []
    while len(reports) < 3:
        topic, what = client.news.get(timeout=SOON)
        reports += [what] if topic == "state" else []
    assert [(report["state"], report["faces"]) for report in reports] == [
        ("running", 1),
        ("paused", None),
        ("paused", None),
    ]


def test_running_sends_no_second_heartbeat(client: Watcher, sink: Mqtt, make_observation: Make) -> None:
    """A loop that hangs while it says that it runs must fall silent."""
    sink.write(make_observation(0, "happy"))
    sink._tick(woken=False)
    sink.close()
    assert [topic for topic, _ in client.news.queue].count("state") == 1


def test_day_counts_survive_a_restart(client: Watcher, sink: Mqtt, make_observation: Make, tmp_path: Path) -> None:
    seen = make_observation(0, "happy")
    sink.write(replace(seen, events=(Event("came", seen.faces[0]),)))
    sink.close()
    again = Mqtt(with_fake(tmp_path), PauseSwitch())
    again.state("starting")
    while (today := client.aside["health"].get(timeout=SOON)["today"])["came"] != 1:
        pass
    assert today["emotions"] == {"happy": 1}
    again.close()
