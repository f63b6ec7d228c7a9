"""The brokers of rigs/fleet.py and rigs/database.py: one mosquitto, and clusters of NATS and RabbitMQ, on loopback.

All end with the rig, also if it is killed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import claims
import debian
import leash
from debian import RigError
from soak_servers import free

START_S = STOP_S = 60.0
NODES = 3  # of a cluster: one may be away, and the others are still more than half
SUBSCRIPTIONS = 2  # of the rig's sessions, at most
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
            self._process = leash.start(
                self._command, stdout=log, stderr=log, env=self._environment, start_new_session=True
            )

    def stop(self) -> None:
        """End as at an upgrade, and write what is kept; killed if that takes too long."""
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End as when the power is gone."""
        self._process.kill()
        self._process.wait()

    def answers(self) -> bool:
        """Whether its port takes connections."""
        return debian.answers(self.port)

    def wait(self) -> None:
        """Until it takes connections. Raises RigError if it never does."""
        if not claims.wait(self.answers, START_S):
            raise RigError(f"{self._command[0]} does not answer within {START_S:.0f} s")

    @property
    def processor_s(self) -> float:
        """Seconds spent since its start."""
        tasks = Path(f"/proc/{self._process.pid}/task").glob("*/schedstat")
        return sum(int(file.read_text().split()[0]) for file in tasks) / 1e9

    @property
    def memory(self) -> int:
        """Bytes."""
        return int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1]) * PAGE


class Brokers:
    """One broker, or the nodes of a cluster. Devices are spread over its ports, the subscriber is at the last one."""

    def __init__(self, nodes: Sequence[Program], *helpers: Program) -> None:
        """`helpers` are programs that the nodes need; they take no part in what is measured."""
        self.nodes, self._helpers = list(nodes), helpers

    @property
    def ports(self) -> list[int]:
        """Of MQTT, one a node."""
        return [node.port for node in self.nodes]

    def restart(self, away_s: float) -> str:
        """Stop the broker, or kill the first node of a cluster, and start it again; what was done."""
        if cluster := len(self.nodes) > 1:
            self.nodes[0].kill()
        else:
            self.nodes[0].stop()
        time.sleep(away_s)
        self.nodes[0].start()
        return f"node 0 of {len(self.nodes)} killed" if cluster else "stopped"

    def stop(self) -> None:
        """End all."""
        for program in (*self.nodes, *self._helpers):
            program.stop()

    @property
    def processor_s(self) -> float:
        """Seconds that all spent since their starts."""
        return sum(node.processor_s for node in self.nodes)

    @property
    def memory(self) -> int:
        """Bytes."""
        return sum(node.memory for node in self.nodes)


class Mosquitto(Program):
    """A mosquitto that keeps what it has over a restart; `open_to_all`: it asks nobody for a login."""

    def __init__(self, folder: Path, open_to_all: bool = True) -> None:
        port, settings = free(), folder / "mosquitto.conf"
        settings.write_text(
            f"listener {port} 127.0.0.1\nallow_anonymous {str(open_to_all).lower()}\nuser root\n"
            f"connection_messages false\npersistence true\npersistence_location {folder}/\n"
            "max_queued_messages 0\nmax_inflight_messages 0\n"
        )
        super().__init__([tool("mosquitto", "mosquitto"), "-c", str(settings)], port, folder / "mosquitto.log")


def tool(name: str, package: str) -> str:
    """The path of a server. Raises RigError that says how to get it."""
    # RabbitMQ's own script comes before Debian's of that name, which has a user and settings of its own.
    found = shutil.which(name, path="/usr/lib/rabbitmq/bin:" + os.environ["PATH"] + ":/usr/sbin")
    if found is None:
        raise RigError(f"{name} is missing; on Debian: apt-get install {package}")
    return found


def mosquitto(folder: Path) -> Brokers:
    """One mosquitto."""
    return Brokers([Mosquitto(folder)])


def nats(folder: Path) -> Brokers:
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
            # A session's subscriptions may have 65,535 together; one that goes above that is refused.
            f'mqtt {{ listen: "127.0.0.1:{port}", max_ack_pending: {65535 // SUBSCRIPTIONS} }}\n'
        )
        nodes.append(Program([program, "-c", str(settings)], port, folder / f"nats-{number}.log"))
    return Brokers(nodes)


def rabbitmq(folder: Path) -> Brokers:
    """A cluster of RabbitMQ nodes with its MQTT plugin."""
    program, port = tool("rabbitmq-server", "rabbitmq-server"), free()
    names_server = Program(
        [tool("epmd", "erlang-base"), "-port", str(port), "-address", "127.0.0.1"], port, folder / "epmd.log"
    )
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
            "RUNNING_UNDER_SYSTEMD": "true",  # the script becomes the server then, or it would wait beside it
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(names_server.port),
            "RABBITMQ_NODENAME": name,
            "RABBITMQ_DIST_PORT": str(free()),
            "RABBITMQ_CONFIG_FILE": str(place / "rabbitmq"),
            "RABBITMQ_CONF_ENV_FILE": str(place / "none.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(place / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(place),
            "RABBITMQ_LOG_BASE": str(place),
        }
        nodes.append(Program([program], port, folder / f"rabbit-{number}.log", environment))
        if not number:  # nodes that begin at the same time may each begin a cluster of their own
            nodes[0].wait()
    return Brokers(nodes, names_server)


def start(kind: str, folder: Path) -> Brokers:
    """One of BROKERS. Raises RigError where it is not installed."""
    return BROKERS[kind](folder)


BROKERS = {"mosquitto": mosquitto, "nats": nats, "rabbitmq": rabbitmq}
