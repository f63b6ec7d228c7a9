"""A real mosquitto on a free port, a client that subscribes to it, and the sink with settings for it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fer_edge import retry
from fer_edge.pause import PauseSwitch
from fer_edge.settings import MqttSettings, Settings
from fer_edge.sinks.mqtt.sink import Mqtt

SOON = 20.0  # seconds; what is waited for comes at once, unless something is broken
MOSQUITTO = shutil.which("mosquitto", path=os.environ["PATH"] + os.pathsep + "/usr/sbin")
DEVICE = "hall"
PERSISTENT = "persistence true\npersistence_location {folder}/\n"  # sessions outlive a restart


class Broker:
    """mosquitto with a configuration of its own; it listens when `start` returns."""

    def __init__(self, folder: Path, *lines: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.log: list[str] = []
        self._config = folder / "mosquitto.conf"
        lines = lines or ("allow_anonymous true",)
        head = [f"listener {self.port} 127.0.0.1", "user root", PERSISTENT.format(folder=folder)]
        self._config.write_text("\n".join([*head, *lines]) + "\n")
        self._process: subprocess.Popen[str] | None = None
        self.start()

    def start(self) -> None:
        assert MOSQUITTO is not None
        command = [MOSQUITTO, "-v", "-c", str(self._config)]
        self._process = process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        for line in process.stderr:
            self.log.append(line)
            if "running" in line:
                break
        else:
            raise AssertionError("mosquitto does not start:\n" + "".join(self.log))
        # Its pipe must not fill up.
        self._reader = threading.Thread(target=self.log.extend, args=(process.stderr,), daemon=True)
        self._reader.start()

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(SOON)
            self._reader.join(SOON)
            assert self._process.stderr is not None
            self._process.stderr.close()
            self._process = None


class Listener:
    """A client whose session outlives restarts of the broker; `got`: all messages, (topic, payload, retain)."""

    def __init__(self, port: int, name: str = "listener") -> None:
        from paho.mqtt.client import Client, ConnectFlags, MQTTMessage
        from paho.mqtt.enums import CallbackAPIVersion

        self.got: list[tuple[str, bytes, bool]] = []
        self.changed = threading.Condition()
        self._ready = threading.Event()

        def on_message(_client: Client, _data: Any, message: MQTTMessage) -> None:
            with self.changed:
                self.got.append((message.topic, message.payload, message.retain))
                self.changed.notify_all()

        def on_connect(client: Client, _data: Any, flags: ConnectFlags, *_: Any) -> None:
            if not flags.session_present:  # to subscribe again would bring what is kept once more
                client.subscribe("#", qos=1)

        self.client = Client(CallbackAPIVersion.VERSION2, client_id=name, clean_session=False)
        self.client.reconnect_delay_set(0.05, 0.05)  # type: ignore[arg-type]
        self.client.on_message = on_message
        self.client.on_connect = on_connect
        self.client.on_subscribe = lambda *_: self._ready.set()
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert self._ready.wait(SOON)

    def wait(self, until: Callable[[], Any]) -> Any:
        with self.changed:
            assert self.changed.wait_for(until, SOON), self.got
            return until()

    def of(self, topic: str) -> list[bytes]:
        return [payload for found, payload, _ in self.got if found.endswith(topic)]

    @property
    def reports(self) -> list[dict[str, Any]]:
        return [json.loads(payload) for payload in self.of("/state")]

    def say(self, topic: str, payload: str, retain: bool = False) -> None:
        self.client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(SOON)

    def settle(self) -> None:
        """Wait until the device knows that all it sent so far has come: it answers in order."""
        before = len(self.of("/config"))
        self.say("homeassistant/status", "online")
        self.wait(lambda: len(self.of("/config")) > before)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def make_broker(tmp_path: Path) -> Iterator[Callable[..., Broker]]:
    if MOSQUITTO is None:
        pytest.skip("needs mosquitto, which is not installed: sudo apt install mosquitto")
    made: list[Broker] = []

    def make(*lines: str) -> Broker:
        made.append(Broker(tmp_path, *lines))
        return made[-1]

    yield make
    for broker in made:
        broker.stop(signal.SIGKILL)


@pytest.fixture
def broker(make_broker: Callable[..., Broker]) -> Broker:
    return make_broker()


@pytest.fixture
def listener(broker: Broker) -> Iterator[Listener]:
    made = Listener(broker.port)
    yield made
    made.close()


@pytest.fixture
def make_sink(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Mqtt]]:
    monkeypatch.setattr(retry, "FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr(retry, "MAX_PAUSE_S", 0.05)
    made: list[Mqtt] = []

    def make(port: int = 1, pause_switch: PauseSwitch | None = None, **settings: Any) -> Mqtt:
        given = {"host": "127.0.0.1", "device": DEVICE, "queue": str(tmp_path / "queue.db"), "spread_seconds": 0.0}
        mqtt = MqttSettings(port=port, **given | settings)
        made.append(Mqtt(replace(Settings(), mqtt=mqtt), pause_switch or PauseSwitch()))
        return made[-1]

    yield make
    for sink in made:
        sink.close()
