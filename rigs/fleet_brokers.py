"""The brokers of rigs/fleet.py and rigs/database.py: one mosquitto, and clusters of NATS and RabbitMQ, on loopback."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from debian import RigError
from soak_servers import free

STOP_S = 300.0
NODES = 3  # of a cluster: one may be away, and the others are still more than half
PAGE = os.sysconf("SC_PAGE_SIZE")


class Program:
    """A server that can be stopped and started again, and what it uses."""

    def __init__(self, command: Sequence[str], port: int, log: Path, environment: dict[str, str] | None = None) -> None:
        self.port = port
        self._command, self._log, self._environment = list(command), log, os.environ | (environment or {})
        self.start()

    def start(self) -> None:
        """Start it; it is there soon."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, env=self._environment, start_new_session=True
            )

    def stop(self) -> None:
        """End as at an upgrade, and write what is kept."""
        self._process.terminate()
        self._process.wait(STOP_S)

    def answers(self) -> bool:
        """Whether its port takes connections."""
        try:
            socket.create_connection(("127.0.0.1", self.port), 1.0).close()
        except OSError:
            return False
        return True

    @property
    def pids(self) -> list[int]:
        """The program and those that it started."""
        found, left = [], [self._process.pid]
        while left:
            found.append(left.pop())
            for task in Path(f"/proc/{found[-1]}/task").glob("*/children"):
                left += map(int, task.read_text().split())
        return found

    @property
    def processor_s(self) -> float:
        """Seconds spent since its start."""
        tasks = [file for pid in self.pids for file in Path(f"/proc/{pid}/task").glob("*/schedstat")]
        return sum(int(file.read_text().split()[0]) for file in tasks) / 1e9

    @property
    def memory(self) -> int:
        """Bytes."""
        return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self.pids) * PAGE


class Brokers:
    """One broker, or the nodes of a cluster. Devices are spread over its ports, the subscriber is at the last one."""

    def __init__(self, nodes: Sequence[Program]) -> None:
        self.nodes = list(nodes)

    @property
    def ports(self) -> list[int]:
        """Of MQTT, one a node."""
        return [node.port for node in self.nodes]

    def restart(self, away_s: float) -> None:
        """Stop the first node, and start it again."""
        self.nodes[0].stop()
        time.sleep(away_s)
        self.nodes[0].start()

    def stop(self) -> None:
        """End all."""
        for node in self.nodes:
            node.stop()

    @property
    def processor_s(self) -> float:
        """Seconds that all spent since their starts."""
        return sum(node.processor_s for node in self.nodes)

    @property
    def memory(self) -> int:
        """Bytes."""
        return sum(node.memory for node in self.nodes)


class Mosquitto(Program):
    """A mosquitto that keeps what it has over a restart."""

    def __init__(self, folder: Path) -> None:
        port, settings = free(), folder / "mosquitto.conf"
        settings.write_text(
            f"listener {port} 127.0.0.1\nallow_anonymous true\nuser root\nconnection_messages false\n"
            f"persistence true\npersistence_location {folder}/\nmax_queued_messages 0\nmax_inflight_messages 0\n"
        )
        super().__init__([tool("mosquitto", "mosquitto"), "-c", str(settings)], port, folder / "mosquitto.log")


def tool(name: str, package: str) -> str:
    """The path of a server. Raises RigError that says how to get it."""
    found = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/usr/lib/rabbitmq/bin")
    if found is None:
        raise RigError(f"{name} is missing; on Debian: apt-get install {package}")
    return found


def nats(folder: Path) -> list[Program]:
    """A cluster of NATS servers with MQTT, which keep everything thrice."""
    program = tool("nats-server", "nats-server")
    routes = [free() for _ in range(NODES)]
    nodes = []
    for number, route in enumerate(routes):
        port, settings = free(), folder / f"nats-{number}.conf"
        others = ", ".join(f'"nats://127.0.0.1:{other}"' for other in routes)
        settings.write_text(
            f'server_name: "node-{number}"\nlisten: "127.0.0.1:{free()}"\n'
            f'jetstream {{ store_dir: "{folder}/nats-{number}" }}\n'
            f'cluster {{ name: "fleet", listen: "127.0.0.1:{route}", routes: [{others}] }}\n'
            f'mqtt {{ listen: "127.0.0.1:{port}", max_ack_pending: 65535 }}\n'
        )
        nodes.append(Program([program, "-c", str(settings)], port, folder / f"nats-{number}.log"))
    return nodes


def rabbitmq(folder: Path) -> list[Program]:
    """A cluster of RabbitMQ nodes with its MQTT plugin."""
    program = tool("rabbitmq-server", "rabbitmq-server")
    names = [f"fleet-{number}-{os.getpid()}@localhost" for number in range(NODES)]
    cookie = folder / "home" / ".erlang.cookie"
    cookie.parent.mkdir()
    cookie.write_text("FLEET")
    cookie.chmod(0o400)
    nodes = []
    for number, name in enumerate(names):
        port, place = free(), folder / f"rabbit-{number}"
        place.mkdir()
        lines = [f"mqtt.listeners.tcp.default = 127.0.0.1:{port}", "mqtt.allow_anonymous = true"]
        lines += ["mqtt.prefetch = 65535", f"listeners.tcp.default = 127.0.0.1:{free()}", "loopback_users = none"]
        lines += ["cluster_formation.peer_discovery_backend = classic_config"]
        lines += [f"cluster_formation.classic_config.nodes.{place} = {other}" for place, other in enumerate(names, 1)]
        (place / "rabbitmq.conf").write_text("\n".join(lines) + "\n")
        (place / "enabled_plugins").write_text("[rabbitmq_mqtt].\n")
        environment = {
            "HOME": str(cookie.parent),
            "RABBITMQ_NODENAME": name,
            "RABBITMQ_DIST_PORT": str(free()),
            "RABBITMQ_CONFIG_FILE": str(place / "rabbitmq"),
            "RABBITMQ_CONF_ENV_FILE": str(place / "none.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(place / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(place),
            "RABBITMQ_LOG_BASE": str(place),
        }
        nodes.append(Program([program], port, folder / f"rabbit-{number}.log", environment))
    return nodes


def start(kind: str, folder: Path) -> Brokers:
    """One of BROKERS. Raises RigError where it is not installed."""
    return Brokers(BROKERS[kind](folder))


BROKERS = {"mosquitto": lambda folder: [Mosquitto(folder)], "nats": nats, "rabbitmq": rabbitmq}
