"""A real Prometheus that scrapes twenty devices, with the rules and the dashboard of deploy/: `make prometheus`.

Each device is the real output `kiosk`, twenty in this process, with people who come and go. Then faults are made, each
on one device, and the alerts that fire are compared; every query of the dashboard is asked; what a scrape costs is
measured.
Intervals are short, and alerts do not wait: how long they wait is tested by promtool, which runs first.

python3 rigs/prometheus.py [DEVICES]      # default: 20
"""

from __future__ import annotations

import json
import math
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import debian
import leash
import numpy as np
from claims import until
from debian import ROOT
from fer_edge.pause import PauseSwitch
from fer_edge.settings import Settings, parse
from fer_edge.sinks.kiosk import metrics
from fer_edge.sinks.kiosk.sink import Kiosk
from fer_edge.types import EMOTIONS, Box, Event, Face, Frame, Observation, Prediction
from soak_servers import free

DEPLOY = ROOT / "deploy"
AREAS = ("Hall", "Stairs", "Café", "Garden")
TIMEOUT_S = 200.0
TICK_S = 1.0  # between two frames of a device
REAL = metrics.Metrics
INTERVAL_S = 3  # between two scrapes
RANGE_S = 20  # that the dashboard's queries look back


class Device:
    """A kiosk that shows people, with faults on demand."""

    def __init__(self, number: int, folder: Path) -> None:
        self.number, self.area = number, AREAS[number % len(AREAS)]
        self.root = folder / str(number)
        zone = self.root / "sys/class/thermal/thermal_zone0"
        zone.mkdir(parents=True)
        self._celsius = zone / "temp"
        self.heat(55)
        self.clock_error_s, self.free_share = 0.0, 0.5
        self.outputs = {name: SimpleNamespace(name=name, troubled=False) for name in ("kiosk", "log", "mqtt")}
        self.metrics: list[metrics.Metrics] = []
        real, metrics.Metrics = metrics.Metrics, self._make_metrics  # type: ignore[assignment, misc]
        settings = parse({"kiosk": {"port": free(), "rate": 1000.0}, "log": {"path": str(self.root / "log.jsonl")}})
        self.kiosk = Kiosk(settings, PauseSwitch())
        metrics.Metrics = real  # type: ignore[misc]
        self.kiosk._state.program = SimpleNamespace(outputs=lambda: list(self.outputs.values()))  # type: ignore[assignment]
        self.kiosk.state("starting")
        self.instance = f"127.0.0.1:{self.kiosk.port}"
        self.frozen, self.frame = False, 0
        self._random = random.Random(number)

    def _make_metrics(self, settings: Settings) -> metrics.Metrics:
        made = REAL(settings, self.root, self._now, self._disk)
        self.metrics.append(made)
        return made

    def replace_model(self) -> None:
        """Have another one installed than the rest, for good."""
        self.metrics[0]._model = (math.inf, "old", "00")

    def _now(self) -> float:
        return time.time() + self.clock_error_s

    def _disk(self, _: Path) -> Any:
        return SimpleNamespace(total=10**10, free=int(self.free_share * 10**10))

    def heat(self, celsius: float) -> None:
        """Let the processor have this temperature."""
        self._celsius.write_text(f"{1000 * celsius:.0f}\n")

    def lose(self) -> None:
        """Its camera."""
        self.frozen = True
        self.kiosk.state("lost")

    def freeze(self) -> None:
        """It says that it runs, and its newest frame is old."""
        self.frozen = True
        self.kiosk.write(self._seen(time.time() - 1000))

    def tick(self) -> None:
        """Read a frame."""
        if not self.frozen:
            self.kiosk.write(self._seen(self._now()))

    def _seen(self, now: float) -> Observation:
        self.frame += 1
        faces = []
        for number in range(self._random.choice((0, 1, 1, 2))):
            emotion = self._random.choice(EMOTIONS)
            scores = tuple(0.7 if label == emotion else 0.05 for label in EMOTIONS)
            faces.append(Face(number + 1, Box(0, 0, 9, 9), emotion, 0.7, Prediction(EMOTIONS, scores)))
        events = tuple(Event("came", face) for face in faces)
        taken = datetime.fromtimestamp(now).astimezone()
        frame = Frame(self.frame, self.frame * TICK_S, taken, np.zeros((1, 1), np.uint8), "rig")
        return Observation(frame, tuple(faces), events)


class Prometheus:
    """A real one, on loopback, with the files of deploy/prometheus."""

    def __init__(self, folder: Path, devices: list[Device]) -> None:
        for file in (DEPLOY / "prometheus").iterdir():
            shutil.copy(file, folder)
        rules = folder / "fer-edge.rules.yml"
        rules.write_text(re.sub(r"\bfor: \w+", "for: 15s", rules.read_text()))
        settings = folder / "prometheus.yml"
        settings.write_text(re.sub(r"_interval: 15s", f"_interval: {INTERVAL_S}s", settings.read_text()))
        (folder / "fer-edge.token").write_text("of the rig\n")
        targets = [{"targets": [device.instance], "labels": {"area": device.area}} for device in devices]
        (folder / "devices.json").write_text(json.dumps(targets))
        self.port = free()
        self._log = (folder / "prometheus.txt").open("w")
        command = ["prometheus", f"--config.file={settings}", f"--storage.tsdb.path={folder / 'data'}"]
        self._process = leash.start(
            [*command, f"--web.listen-address=127.0.0.1:{self.port}"], stdout=self._log, stderr=subprocess.STDOUT
        )

    def ask(self, query: str) -> list[dict[str, Any]]:
        """What a query gives now. Raises OSError."""
        url = f"http://127.0.0.1:{self.port}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
                found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
                return found
        except urllib.error.HTTPError as error:
            if error.code == 503:  # it starts
                raise
            raise SystemExit(f"prometheus: {query}: {error.read().decode()}") from None

    def value(self, query: str) -> float:
        """The one number that a query gives; not a number if there is none."""
        found = self.ask(query)
        return float(found[0]["value"][1]) if found else float("nan")

    def alerts(self) -> set[tuple[str, str]]:
        """(alert, instance) of those that fire."""
        found = self.ask('ALERTS{alertstate="firing"}')
        return {(one["metric"]["alertname"], one["metric"]["instance"]) for one in found}

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(TIMEOUT_S)
        self._log.close()


def main(count: int) -> None:
    """Print a line for each thing that holds."""
    try:
        debian.get_tools({"prometheus": "prometheus", "promtool": "prometheus"})
        for command in ("check rules fer-edge.rules.yml", "test rules fer-edge.test.yml"):
            print(debian.run("promtool", *f"{command}".split()[:2], str(DEPLOY / "prometheus" / command.split()[2])))
        scrape(count)
    except debian.RigError as cause:
        raise SystemExit(f"prometheus: {cause}") from None


def scrape(count: int) -> None:
    """So many devices, and faults on some of them. Raises RigError."""
    stop = threading.Event()
    with tempfile.TemporaryDirectory() as folder:
        devices = [Device(number, Path(folder)) for number in range(count)]
        (Path(folder) / "prometheus").mkdir()

        def live() -> None:
            while not stop.wait(TICK_S):
                for device in devices:
                    device.tick()

        threading.Thread(target=live, daemon=True).start()
        server = Prometheus(Path(folder) / "prometheus", devices)
        try:
            until(f"{count} devices are scraped", TIMEOUT_S, lambda: server.value('sum(up{job="fer-edge"})') == count)
            time.sleep(RANGE_S)
            until("no alerts without a fault", TIMEOUT_S, lambda: not server.alerts(), server.alerts)
            faults(server, devices)
            dashboard(server)
            costs(server)
        finally:
            stop.set()
            server.close()
            for device in devices:
                device.kiosk.close()


def faults(server: Prometheus, devices: list[Device]) -> None:
    """One on each of some devices: these alerts fire, and no others."""
    expected = set()
    lost, hot, full, failing, clock, frozen, down, model = devices[:8]
    lost.lose()
    hot.heat(81)
    full.free_share = 0.04
    failing.outputs["mqtt"].troubled = True
    clock.clock_error_s = -300.0
    frozen.freeze()
    model.replace_model()
    down.frozen = True  # or its next frame would start the server again
    down.kiosk.close()
    for device, alert in (
        (lost, "CameraLost"),
        (hot, "Hot"),
        (full, "DiskFull"),
        (failing, "OutputFailing"),
        (clock, "ClockWrong"),
        (frozen, "NoFrames"),
        (model, "ModelDiffers"),
        (down, "Down"),
    ):
        expected.add((f"FerEdge{alert}", device.instance))
    until(
        f"{len(expected)} faults: {len(expected)} alerts, and no others",
        TIMEOUT_S,
        lambda: server.alerts() == expected,
        lambda: server.alerts() ^ expected,
    )
    lost.frozen = frozen.frozen = failing.outputs["mqtt"].troubled = False
    hot.heat(60)
    full.free_share, clock.clock_error_s = 0.5, 0.0
    rest = {("FerEdgeDown", down.instance), ("FerEdgeModelDiffers", model.instance)}
    until("the faults are over: so are the alerts", TIMEOUT_S, lambda: server.alerts() == rest)


def dashboard(server: Prometheus) -> None:
    """Every query of the dashboard, as Grafana asks them."""
    board = json.loads((DEPLOY / "grafana" / "fer-edge.json").read_text())
    asked = 0
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            query = target["expr"].replace("$area", ".*").replace("$instance", ".*").replace("$__range", f"{RANGE_S}s")
            found = server.ask(query)
            if not found and panel["title"] != "Alerts now":
                raise SystemExit(f"prometheus: the dashboard's panel {panel['title']!r} has nothing: {query}")
            asked += 1
    print(f"ok: {asked} queries of the dashboard have an answer")


def costs(server: Prometheus) -> None:
    """Print what a scrape of a device is."""
    seconds = server.value(f"avg(avg_over_time(scrape_duration_seconds[{RANGE_S}s]))")
    most = server.value(f"max(max_over_time(scrape_duration_seconds[{RANGE_S}s]))")
    series = server.value("max(scrape_samples_scraped)")
    print(f"a scrape: {1000 * seconds:.1f} ms on average, {1000 * most:.1f} ms at most, {series:.0f} series a device")


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 20)
