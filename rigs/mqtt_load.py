"""Measures what devices cost their broker: a mosquitto of its own, with so many connections and messages.

python3 rigs/mqtt_load.py [DEVICES] [MESSAGES a device]      # default: 1000 20
"""

from __future__ import annotations

import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "edge"))

import leash
from fer_edge.settings import Settings
from fer_edge.sinks.mqtt.discovery import discovery
from fer_edge.sinks.mqtt.names import Topics
from fer_edge.types import EMOTIONS

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
REPORT = (
    '{{"id":"12-{number}","time":"{time}","state":"running","emotion":"happy","confidence":0.93,"faces":1,'
    '"readings":[{{"id":{number},"emotion":"happy","confidence":0.93}}],'
    '"events":[{{"kind":"changed","id":{number},"emotion":"happy"}}]}}'
)


def main(devices: int, messages: int) -> None:
    """Connect, greet, send, and print what it took."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "mosquitto.conf"
        config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nuser root\nconnection_messages false\n")
        command = [shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin") or "mosquitto", "-c", str(config)]
        with leash.start(command, stderr=subprocess.PIPE, text=True) as broker:
            assert broker.stderr is not None
            assert any("running" in line for line in broker.stderr)
            try:
                measure(broker.pid, port, devices, messages)
            finally:
                broker.terminate()


def measure(pid: int, port: int, devices: int, messages: int) -> None:
    """Print one line a figure."""
    memory, used = resident(pid), processor(pid)
    sockets = []
    for number in range(devices):
        topics = Topics(f"{number:012x}", "homeassistant")
        line = socket.create_connection(("127.0.0.1", port), timeout=60)
        line.sendall(connect(topics))
        line.recv(4, socket.MSG_WAITALL)
        line.sendall(
            publish(topics.config, discovery(topics, EMOTIONS, Settings())) + publish(topics.availability, b"online")
        )
        line.recv(8, socket.MSG_WAITALL)
        sockets.append((topics, line))
    print(f"a device: {(resident(pid) - memory) / devices:.0f} bytes of memory, connected and greeted", end=", ")
    print(f"{1e6 * (processor(pid) - used) / devices:.0f} us of processor to connect")
    used, begin, size = processor(pid), time.perf_counter(), 0
    for number in range(messages):
        for topics, line in sockets:
            text = REPORT.format(number=number, time=datetime.now(UTC).isoformat(timespec="milliseconds")).encode()
            packet = publish(topics.state, text)
            size += len(packet)
            line.sendall(packet)
        for _, line in sockets:
            line.recv(4, socket.MSG_WAITALL)
    seconds, count = time.perf_counter() - begin, devices * messages
    print(f"a message: {size / count:.0f} bytes, {1e6 * (processor(pid) - used) / count:.0f} us of processor", end=", ")
    print(f"{count / seconds:.0f} a second")
    print(f"all in all {resident(pid) / 1e6:.1f} MB with {devices} devices and what is kept of each")


def connect(topics: Topics) -> bytes:
    """CONNECT with a last will that is kept, as MQTT 3.1.1 has it (section 3.1)."""
    texts = [f"fer-edge-{topics.device}", topics.availability, "offline"]
    body = text("MQTT") + bytes([4, 0b00101110, 0, 60]) + b"".join(text(part) for part in texts)
    return bytes([0x10]) + length(len(body)) + body


def publish(topic: str, payload: bytes) -> bytes:
    """PUBLISH with QoS 1, kept (section 3.3)."""
    body = text(topic) + bytes([0, 1]) + payload
    return bytes([0x33]) + length(len(body)) + body


def text(words: str) -> bytes:
    """A string with its length."""
    data = words.encode()
    return len(data).to_bytes(2, "big") + data


def length(count: int) -> bytes:
    """A remaining length (section 2.2.3)."""
    return bytes([count]) if count < 128 else bytes([count % 128 | 128]) + length(count // 128)


def resident(pid: int) -> int:
    """Bytes of memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE


def processor(pid: int) -> float:
    """Seconds of processor."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


if __name__ == "__main__":
    main(*(int(given) for given in sys.argv[1:] or ["1000", "20"]))
