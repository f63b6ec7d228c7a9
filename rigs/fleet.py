"""Measures a fleet on one broker: so many devices, each the real output `mqtt`, against a real mosquitto or a cluster.

Every device gives a changed emotion once a second; a subscriber gets them all, and knows by their numbers which are
missing. In the middle the broker is restarted, or a node of the cluster killed, so that its devices connect again at
the same time, while a session of somebody else is away. At the end all devices are cut off, and somebody who comes late
asks for the retained messages. Several numbers of devices give a table in Markdown, and what 100,000 would take by its
slope.

"own lag" is how late the rig itself is, its devices' clock and its subscriber: a latency that is not far above it is
the rig's and not the broker's. Where this machine cannot keep the pace, the rig ends and says which it could keep.

python3 rigs/fleet.py DEVICES... [--seconds 60] [--interval 1] [--broker mosquitto|nats|rabbitmq]
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "edge"))

import fleet_brokers
import numpy as np
from claims import wait
from debian import RigError
from fleet_brokers import Brokers
from fleet_devices import Fleet, Sent, allow_many, name_of, opening_s
from fleet_listeners import TOPICS, Listener, Subscriber, between, percentile

AWAY_S = 3.0  # of a restart
SETTLE_S = 5.0  # after it
MAX_BEHIND_S = 3.0  # above it the rig measures itself
CHECK_S = 5.0
BROKER_S, HEARD_S, BACK_S, DRAIN_S, KEPT_S, LATE_S = 60.0, 60.0, 120.0, 60.0, 45.0, 8.0  # that each may take
LEFT_S = 1.0  # after which no message is under way that was given before a session began
ABSENT = "rig-absent"
USUAL_S = 60.0  # that all but the quiet time takes
EXTRAPOLATED = 100_000  # devices
HEAD = (
    "| devices | messages a second | bytes | latency p50, ms | p99, ms | own lag p50, ms | p99, ms "
    "| devices, % of a core | broker, % of a core | µs a message | memory, MB | all heard after a restart, s "
    "| messages given | lost |"
)


class TooSlowError(Exception):
    """The machine cannot keep the pace; the message says which it can."""


@dataclass
class Figures:
    """What one number of devices gave."""

    devices: int
    begin: float = 0.0  # of the quiet time, moments
    end: float = 0.0
    rate: float = 0.0  # messages a second
    size: float = 0.0  # bytes of topic and payload
    p50: float = 0.0  # seconds from reading to subscriber
    p99: float = 0.0
    lag50: float = 0.0  # seconds that the rig itself was late
    lag99: float = 0.0
    rig: float = 0.0  # of the devices' processes, share of a core
    core: float = 0.0  # of the broker
    memory: int = 0  # of the broker, bytes
    back: float = 0.0  # seconds from a restart until all were heard
    given: int = 0
    lost: int = 0

    def row(self) -> str:
        """A line of the table."""
        return (
            f"| {self.devices:,} | {self.rate:.1f} | {self.size:.0f} | {1000 * self.p50:.1f} | {1000 * self.p99:.1f} "
            f"| {1000 * self.lag50:.1f} | {1000 * self.lag99:.1f} | {100 * self.rig:.1f} | {100 * self.core:.1f} "
            f"| {1e6 * self.core / self.rate:.0f} | {self.memory / 1e6:.1f} | {self.back:.1f} | {self.given:,} "
            f"| {self.lost} |"
        )


def measure(count: int, seconds: float, interval: float, kind: str) -> Figures:
    """A fleet from its start to its end. Raises RigError and TooSlowError."""
    with contextlib.ExitStack() as stack:
        broker = fleet_brokers.start(kind, Path(stack.enter_context(tempfile.TemporaryDirectory())))
        stack.callback(broker.stop)
        for node in broker.nodes:
            node.wait()
        subscriber = Subscriber(broker.ports[-1])
        until("it takes a subscriber", lambda: subscriber.listens, BROKER_S)
        begun = time.monotonic()
        fleet = Fleet(count, broker.ports, interval)
        stack.callback(fleet.close)
        online = subscriber.available
        until("all devices are online", lambda: len(online) == count, HEARD_S, lambda: f"({len(online):,} are)")
        say(f"{count:,} devices opened and online in {time.monotonic() - begun:.1f} s")
        fleet.begin()
        pace = Pace(fleet, subscriber, count, interval)
        wait(lambda: len(subscriber.numbers) == count and pace.keeps, HEARD_S + interval)
        pace.check()
        figures = steady(broker, fleet, subscriber, pace, seconds)
        leave(broker.ports[-1])
        heard = subscriber.newest
        storm(broker, subscriber, figures)
        sent = fleet.stop(DRAIN_S + interval)
        loss(subscriber, sent, figures)
        come_back(broker.ports[0], heard, sent)
        fleet.cut_off()
        cut_off(broker.ports, subscriber, count)
        subscriber.close()
    own = [between(pairs, figures.begin, figures.end) for pairs in (sent.lateness, subscriber.lateness)]
    figures.lag50, figures.lag99 = (max(percentile(pairs, share) for pairs in own) for share in (0.5, 0.99))
    say(f"the rig itself was {1000 * figures.lag50:.1f} ms late (p99 {1000 * figures.lag99:.1f} ms)")
    return figures


def longest(count: int, seconds: float, interval: float, nodes: int) -> float:
    """Seconds that `measure` takes at most, if nothing hangs."""
    phases = BROKER_S + opening_s(count) + 2 * HEARD_S + seconds + AWAY_S + BACK_S + SETTLE_S + 2 * DRAIN_S
    return (
        phases
        + 2 * interval
        + 2 * KEPT_S
        + nodes * ((1 + nodes) * LATE_S + fleet_brokers.START_S + fleet_brokers.STOP_S)
    )


def until(claim: str, holds: Callable[[], Any], timeout_s: float, so_far: Callable[[], str] = lambda: "") -> float:
    """Wait until it holds; the seconds that took. Raises RigError if the time is over."""
    begun = time.monotonic()
    if not wait(holds, timeout_s):
        raise RigError(f"not within {timeout_s:.0f} s: {claim} {so_far()}".strip())
    return time.monotonic() - begun


class Pace:
    """Whether the devices and the rest of the rig do what they are to."""

    def __init__(self, fleet: Fleet, subscriber: Subscriber, count: int, interval: float) -> None:
        self.count = count
        self._fleet, self._subscriber, self._interval = fleet, subscriber, interval
        self._begun = time.monotonic()

    @property
    def behind(self) -> float:
        """Seconds: of a device's clock, or of messages that were given and have not come."""
        under_way = self._fleet.given - self._subscriber.heard
        return max(self._fleet.behind, under_way * self._interval / self.count)

    @property
    def keeps(self) -> bool:
        """Whether that is little."""
        return self.behind < MAX_BEHIND_S

    def check(self) -> None:
        """Raise TooSlowError if it is not."""
        behind, took = self.behind, time.monotonic() - self._begun
        if behind >= MAX_BEHIND_S:
            carried = max(self._subscriber.heard / took, 0.1)
            raise TooSlowError(
                f"this machine carries {carried:.0f} messages a second, and not {self.count / self._interval:.0f}: it "
                f"is {behind:.1f} s behind after {took:.0f} s (load {os.getloadavg()[0]:.1f} on {os.cpu_count()} "
                f"cores); try --interval {max(1.3 * self.count / carried, self._interval):.1f}, or no other work here"
            )


def steady(broker: Brokers, fleet: Fleet, subscriber: Subscriber, pace: Pace, seconds: float) -> Figures:
    """What a quiet time costs. Raises TooSlowError."""
    count = pace.count
    begin, messages, size = time.monotonic(), subscriber.count, subscriber.size
    used, spent = broker.processor_s, fleet.processor_s
    while (left := begin + seconds - time.monotonic()) > 0:
        time.sleep(min(CHECK_S, left))
        pace.check()
    end = time.monotonic()
    took = end - begin
    messages, size = subscriber.count - messages, subscriber.size - size
    found = between(subscriber.latencies, begin, end)
    if not found:
        raise RigError(f"no message in {seconds:.0f} s")
    say(
        f"{count:,} devices, {took:.0f} s: {messages / took:.1f} messages a second of {size / messages:.0f} bytes; "
        f"load of this machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    return Figures(
        count,
        begin,
        end,
        messages / took,
        size / messages,
        percentile(found, 0.5),
        percentile(found, 0.99),
        rig=(fleet.processor_s - spent) / took,
        core=(broker.processor_s - used) / took,
        memory=broker.memory,
    )


def storm(broker: Brokers, subscriber: Subscriber, figures: Figures) -> None:
    """A restart of the broker, or of a node of the cluster: its devices come back together."""
    done = broker.restart(AWAY_S)
    heard = {name: len(numbers) for name, numbers in list(subscriber.numbers.items())}

    def missing() -> int:
        return sum(len(subscriber.numbers[name]) <= before for name, before in heard.items())

    figures.back = until("all devices are back", lambda: not missing(), BACK_S, lambda: f"({missing():,} are not)")
    time.sleep(SETTLE_S)
    say(
        f"{done}, {AWAY_S:.0f} s away: all {figures.devices:,} devices heard again {figures.back:.1f} s after its start"
    )


def loss(subscriber: Subscriber, sent: Sent, figures: Figures) -> None:
    """Compare what came with what was given."""

    def missing() -> int:
        return sum(number - len(subscriber.numbers[name]) for name, number in sent.given.items())

    wait(lambda: not missing(), DRAIN_S)
    figures.given, figures.lost = sum(sent.given.values()), missing()
    say(f"{figures.given:,} messages were given, {figures.lost} of them never came")


def leave(port: int) -> None:
    """Begin a session, and go."""
    listener = Listener(port, name=ABSENT)
    until("it takes another subscriber", lambda: listener.listens, BROKER_S)
    listener.close()
    time.sleep(LEFT_S)


def come_back(port: int, before: dict[str, int], sent: Sent) -> None:
    """Go on with the session, at another node of a cluster: what came since `before`, the newest then, is kept."""
    listener = Listener(port, name=ABSENT)
    wanted = sum(number - before.get(name, 0) for name, number in sent.given.items())

    def kept() -> int:
        # Copies: the listener's thread adds to them meanwhile
        heard = [(before.get(name, 0), tuple(numbers)) for name, numbers in tuple(listener.numbers.items())]
        return sum(number > last for last, numbers in heard for number in numbers)

    wait(lambda: kept() == wanted, KEPT_S)
    listener.close()
    say(f"a session that was away meanwhile: {kept():,} of {wanted:,} messages kept")


def cut_off(ports: list[int], subscriber: Subscriber, count: int) -> None:
    """All devices went without a goodbye: who listens hears their last wills, and who comes late finds what is kept."""
    wait(lambda: subscriber.offline == count, KEPT_S)
    say(f"all cut off: of {len(subscriber.available):,} devices' availability, {subscriber.offline:,} last wills heard")
    for node, port in enumerate(ports):
        said = f"who comes late, to node {node}: {kept(port, TOPICS, count)}"
        if len(ports) > 1:
            each = [
                kept(port, tuple(topic.replace("+", name_of(device)) for topic in TOPICS), 1)
                for device in range(len(ports))
            ]
            said += "; asking for one device alone, of each node: " + ", ".join(each)
        say(said)


def kept(port: int, topics: tuple[str, ...], count: int) -> str:
    """What is retained of so many devices, in words."""
    late = Listener(port, topics)
    wait(lambda: len(late.states) == late.offline == count, LATE_S)
    late.close()
    return f"{len(late.states):,} states and {late.offline:,} last wills"


def say(text: str) -> None:
    """Tell what was found, at once."""
    print(text, flush=True)


def extrapolate(rows: list[Figures]) -> str:
    """What EXTRAPOLATED devices would take, by the least squares of all numbers of devices."""
    counts = [row.devices for row in rows]
    (core, _), (memory, base) = (
        np.polyfit(counts, values, 1) for values in ([row.core for row in rows], [row.memory for row in rows])
    )
    per_device = rows[-1].rate / rows[-1].devices
    return (
        f"By the slope a device more takes {100 * core:.3f} % of a core and {memory / 1e3:.1f} kB of the broker at "
        f"{per_device:.2f} messages a second: {EXTRAPOLATED:,} devices {EXTRAPOLATED * core:.1f} cores, "
        f"{(base + EXTRAPOLATED * memory) / 1e9:.2f} GB and {EXTRAPOLATED * per_device * rows[-1].size * 8 / 1e6:.0f} "
        "Mbit a second of topics and payloads."
    )


def main() -> None:
    """Print the figures of each number of devices, as far as this machine carries them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("devices", type=int, nargs="+")
    parser.add_argument("--seconds", type=float, default=60.0, help="of the quiet time (default: %(default)g)")
    parser.add_argument("--interval", type=float, default=1.0, help="seconds between two messages of a device")
    parser.add_argument("--broker", choices=sorted(fleet_brokers.BROKERS), default="mosquitto")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # servers and devices are ended then, too
    allow_many()
    counts = sorted(arguments.devices)
    seconds, interval = arguments.seconds, arguments.interval
    nodes = 1 if arguments.broker == "mosquitto" else fleet_brokers.NODES
    at_most = sum(longest(count, seconds, interval, nodes) for count in counts)
    say(f"some {sum(seconds + USUAL_S for _ in counts) / 60:.0f} minutes, {at_most / 60:.0f} at most")
    rows, failure = [], ""
    try:
        for count in counts:
            rows.append(measure(count, seconds, interval, arguments.broker))
    except (RigError, TooSlowError) as cause:
        failure = f"fleet: {count:,} devices: {cause}"
    if rows:
        say(f"\n{HEAD}\n|{'---|' * HEAD.count(' | ')}---|")
    for row in rows:
        say(row.row())
    if len(rows) > 1:
        say(f"\n{extrapolate(rows)}")
    if failure:
        raise SystemExit(failure)


if __name__ == "__main__":
    main()
