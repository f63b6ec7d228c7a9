"""A real Home Assistant that finds the device by a real mosquitto: what a home sees, by its API: `make home-assistant`.

Home Assistant comes from the package index into a Debian 13 of its own, since it needs a newer Python than Debian 12
has. The device is the program as it is here, on a network camera that shows the demo; it is paused by Home Assistant's
switch, loses its camera, hears of a release, hangs, and dies. Root on Debian gets what is missing; what it makes lies
in build/home-assistant (1.7 GB, several minutes, once).

python3 rigs/home_assistant.py
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import debian
from card_writes import UNABLE
from claims import until
from debian import ROOT, RigError, run, say
from fer_edge.demo.clip import FPS
from service_device import SHARED, TOOLS
from soak_servers import Broker, Camera, free

SUITE = "trixie"
# Some of Home Assistant's requirements have no wheel for this Python.
PACKAGES = ("python3", "python3-venv", "python3-dev", "gcc", "g++", "ca-certificates")
VERSION = "2026.2.3"  # the last for Python 3.13
FRONTEND = "home-assistant-frontend"  # as its constraints name it; without it Home Assistant starts in recovery
MQTT = "paho-mqtt"
BUILD = debian.BUILD / "home-assistant"
PYTHON, HASS = "/opt/ha/bin/python", "/opt/ha/bin/hass"
CONFIG = "/srv/config"  # in the container
CLIENT = "http://127.0.0.1/"  # that asks for a token
START_TIMEOUT_S, TIMEOUT_S = 400.0, 60.0
HEARTBEAT_S = 10  # the shortest, so that values expire after half a minute
EXPIRE_S = 3 * HEARTBEAT_S
UNKNOWN = "unknown"
WITHOUT_STATE = ("unavailable", UNKNOWN)
PEOPLE = ("sensor.*_emotion", "sensor.*_confidence", "sensor.*_faces_present", "binary_sensor.*_occupancy")
DEVICE = ("sensor.*_camera", "sensor.*_faces_today", "sensor.*_disk_use", "sensor.*_uptime", "sensor.*_model")
OTHERS = ("binary_sensor.*_problem", "event.*_face", "switch.*_pause", "update.*_update")
DISABLED = ("sensor.*_frame_rate", "sensor.*_temperature")

BLUEPRINTS = "blueprints/automation/fer-edge"
CONFIGURATION = """
http:
  server_host: 127.0.0.1
  server_port: {port}
frontend:
input_boolean:
  lamp:
  smiled:
input_text:
  message:
    max: 255
automation:
  - alias: light
    use_blueprint:
      path: fer-edge/light.yaml
      input:
        occupancy: binary_sensor.fer_edge_hall_occupancy
        lights:
          entity_id: input_boolean.lamp
        minutes: 0
  - alias: emotion
    use_blueprint:
      path: fer-edge/emotion.yaml
      input:
        emotion: sensor.fer_edge_hall_emotion
        seconds: 0
        actions:
          - action: input_boolean.turn_on
            target:
              entity_id: input_boolean.smiled
  - alias: problem
    use_blueprint:
      path: fer-edge/problem.yaml
      input:
        problem: binary_sensor.fer_edge_hall_problem
        minutes: 0
        actions:
          - action: input_text.set_value
            target:
              entity_id: input_text.message
            data:
              value: "{{{{ problems }}}}"
"""


def blueprints() -> dict[str, str]:
    """Name -> text of the blueprints in the documentation."""
    text = (ROOT / "docs" / "home-assistant.md").read_text()
    return dict(re.findall(r"^`(\w+\.yaml)`\n\n```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))


def make_root() -> Path:
    """The Debian with Home Assistant, unpacked once. Raises RigError."""
    root = BUILD / f"{SUITE}-{debian.mark([*PACKAGES, VERSION])}"
    if root.exists():
        return root
    say(f"unpacking Debian {SUITE} with its Python and a compiler (0.7 GB)")
    half = debian.fresh(root)
    run("mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, str(half))
    for path in SHARED:  # somewhere to bind to
        (half / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        (half / path[1:]).touch()
    say(f"installing Home Assistant {VERSION} from the package index (0.8 GB, minutes)")
    inside(half, "python3", "-m", "venv", "/opt/ha")
    inside(half, PYTHON, "-m", "pip", "install", "--quiet", "uv")  # pip takes an hour to find what fits together
    install(half, f"homeassistant=={VERSION}")
    (constraints,) = half.glob("opt/ha/lib/*/site-packages/homeassistant/package_constraints.txt")
    install(
        half, *(line for line in constraints.read_text().split() if line.startswith((f"{FRONTEND}==", f"{MQTT}==")))
    )
    return debian.finish(half, root)


def install(root: Path, *requirements: str) -> None:
    """Install packages into Home Assistant's environment."""
    inside(root, PYTHON, "-m", "uv", "pip", "install", "--quiet", "--native-tls", "--python", PYTHON, *requirements)


def inside(root: Path, *command: str) -> None:
    """Run a command in the container. Raises RigError."""
    run(*container(root, "--resolv-conf=copy-host"), *command)


def container(root: Path, *options: str) -> list[str]:
    """The start of a command that runs in `root`, with this machine's network."""
    binds = [f"--bind-ro={path}" for path in SHARED]
    nspawn = ["systemd-nspawn", "--keep-unit", "--register=no", "--quiet", "-D", str(root), *binds]
    return [*nspawn, "--console=pipe", *options]


class HomeAssistant:
    """A new Home Assistant with nobody in it."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.port = free()
        (folder / "configuration.yaml").write_text(CONFIGURATION.format(port=self.port))
        for name, text in blueprints().items():
            (folder / BLUEPRINTS / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / BLUEPRINTS / name).write_text(text)
        self._log = (folder / "out.txt").open("w")
        command = container(root, f"--bind={folder}:{CONFIG}")
        self._process = subprocess.Popen(
            [*command, HASS, "--config", CONFIG, "--skip-pip"],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        self._token = ""
        self.folder = folder

    def ask(self, path: str, body: Any = None, form: bool = False) -> Any:
        """What it answers: JSON, or text. Raises OSError."""
        data = None
        if body is not None:
            data = (urllib.parse.urlencode(body) if form else json.dumps(body)).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data)
        if not form:
            request.add_header("Content-Type", "application/json")
        if self._token:
            request.add_header("Authorization", f"Bearer {self._token}")
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            text = answer.read().decode()
        return json.loads(text) if "json" in answer.headers["Content-Type"] else text

    def onboard(self) -> None:
        """Wait until it runs, and make its first user."""
        until("starts", START_TIMEOUT_S, lambda: self.ask("/api/onboarding"))
        user = {"name": "Ann", "username": "ann", "password": "rig", "client_id": CLIENT, "language": "en"}
        code = self.ask("/api/onboarding/users", user)["auth_code"]
        grant = {"grant_type": "authorization_code", "code": code, "client_id": CLIENT}
        self._token = self.ask("/auth/token", grant, form=True)["access_token"]

    def add_mqtt(self, port: int) -> None:
        """Set up its MQTT integration as its dialogue does."""
        flow = self.ask("/api/config/config_entries/flow", {"handler": "mqtt"})
        settings = {"broker": "127.0.0.1", "port": port}
        done = self.ask(f"/api/config/config_entries/flow/{flow['flow_id']}", settings)
        if done["type"] != "create_entry":
            raise SystemExit(f"MQTT is not set up: {done}")

    def entity(self, pattern: str) -> dict[str, Any]:
        """The entity whose id is as `pattern`, "sensor.*_emotion"; {} if there is none."""
        begin, end = pattern.split("*")
        found = [state for state in self.ask("/api/states") if state["entity_id"].startswith(begin)]
        return next((state for state in found if state["entity_id"].endswith(end)), {})

    def state(self, pattern: str) -> str:
        """Its state; "" if there is none."""
        return str(self.entity(pattern).get("state", ""))

    def switch(self, pattern: str, to: str) -> None:
        """Switch it `on` or `off`, as a person does."""
        self.ask(f"/api/services/switch/turn_{to}", {"entity_id": self.entity(pattern)["entity_id"]})

    def render(self, template: str) -> str:
        """What a template gives."""
        return str(self.ask("/api/template", {"template": template}))

    def complaints(self) -> list[str]:
        """Its warnings and errors about the device and the automations."""
        lines = (self.folder / "home-assistant.log").read_text(errors="replace").splitlines()
        ours = ("mqtt", "automation", "blueprint", "fer_edge", "fer-edge")
        return [
            line
            for line in lines
            if any(word in line.lower() for word in ours) and (" WARNING " in line or " ERROR " in line)
        ]

    def stop(self) -> None:
        """End the container."""
        self._process.terminate()
        self._process.wait(TIMEOUT_S)
        self._log.close()


@contextmanager
def device(folder: Path, broker: Broker, camera: Camera) -> Iterator[subprocess.Popen[bytes]]:
    """fer-edge with the output mqtt."""
    (folder / "fer-edge.toml").write_text(f"""
run = {{sinks = ["mqtt"]}}
source = {{name = "http://127.0.0.1:{camera.port}/", fps = 5.0}}

[mqtt]
port = {broker.port}
device = "hall"
area = "Hall"
heartbeat_seconds = {HEARTBEAT_S}
queue = "{folder}/mqtt.db"
""")
    command = [sys.executable, "-m", "fer_edge", "run", "--config", str(folder / "fer-edge.toml")]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "edge")}
    with (folder / "device.txt").open("w") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, cwd=folder, env=environment)
        try:
            yield process
        finally:
            process.kill()
            process.wait(TIMEOUT_S)


def try_all(home: HomeAssistant, broker: Broker, camera: Camera, process: subprocess.Popen[bytes]) -> None:
    """One claim after the other."""
    claim_people(home)
    claim_device(home)
    home.switch("switch.*_pause", "on")
    until("paused by its switch", TIMEOUT_S, lambda: home.state("sensor.*_camera") == "paused")
    claim_unknown(home, "nobody is known while paused")
    time.sleep(EXPIRE_S + HEARTBEAT_S)
    claim_unknown(home, f"also after {EXPIRE_S + HEARTBEAT_S} s, since a device that is paused goes on saying so")
    home.switch("switch.*_pause", "off")
    until("goes on", TIMEOUT_S, lambda: home.state("sensor.*_camera") == "running")
    camera.stop()
    until("a lost camera is a problem", TIMEOUT_S, lambda: home.state("binary_sensor.*_problem") == "on")
    claim_unknown(home, "nobody is known while lost")
    print(f"  {home.entity('binary_sensor.*_problem')['attributes']['problems']}")
    until("a message says so", TIMEOUT_S, lambda: home.state("input_text.*message").startswith("camera: lost"))
    camera.start()
    until("it is back", TIMEOUT_S, lambda: home.state("binary_sensor.*_problem") == "off")
    if home.state("update.*_update") != UNKNOWN:
        raise SystemExit(f"nobody told of a release, and it is {home.state('update.*_update')}")
    tell(broker, "fer-edge/latest_version", "99.0.0")
    until("a newer release is offered", TIMEOUT_S, lambda: home.state("update.*_update") == "on")
    process.send_signal(signal.SIGSTOP)
    until("unavailable when it hangs", EXPIRE_S + TIMEOUT_S, lambda: states(home, *PEOPLE) == {"unavailable"})
    process.send_signal(signal.SIGCONT)
    until("there again", TIMEOUT_S, lambda: home.state("sensor.*_camera") == "running")
    process.send_signal(signal.SIGKILL)
    all_of = (*PEOPLE, *DEVICE, "binary_sensor.*_problem", "event.*_face", "switch.*_pause")
    until("unavailable when it dies", TIMEOUT_S, lambda: states(home, *all_of) == {"unavailable"})
    if complaints := home.complaints():
        raise SystemExit("Home Assistant complains:\n" + "\n".join(complaints))
    print("Home Assistant has no complaint")


def claim_people(home: HomeAssistant) -> None:
    """The demo's face is seen."""
    until("found by itself", TIMEOUT_S, lambda: all(home.entity(pattern) for pattern in (*PEOPLE, *DEVICE, *OTHERS)))
    until("occupied", TIMEOUT_S, lambda: home.state("binary_sensor.*_occupancy") == "on")
    until("an emotion", TIMEOUT_S, lambda: home.state("sensor.*_emotion") not in ("", *WITHOUT_STATE))
    faces = until(
        "attributes of all faces", TIMEOUT_S, lambda: home.entity("sensor.*_faces_present")["attributes"]["faces"]
    )
    print(f"  {faces}")
    until("the light is on", TIMEOUT_S, lambda: home.state("input_boolean.*lamp") == "on")
    until("the smile is noticed", TIMEOUT_S, lambda: home.state("input_boolean.*smiled") == "on")
    until("empty", TIMEOUT_S, lambda: home.state("binary_sensor.*_occupancy") == "off")
    until("the light is off", TIMEOUT_S, lambda: home.state("input_boolean.*lamp") == "off")
    event = until("an event", TIMEOUT_S, lambda: home.entity("event.*_face")["attributes"]["event_type"])
    print(f"  {event}: {home.entity('event.*_face')['attributes']}")


def claim_device(home: HomeAssistant) -> None:
    """The device is described, and what is noisy is off."""
    names = ("name", "manufacturer", "model", "sw_version", "hw_version")
    entity = home.entity("sensor.*_emotion")["entity_id"]
    shown = {name: home.render(f"{{{{ device_attr('{entity}', '{name}') }}}}") for name in names}
    shown["area"] = home.render(f"{{{{ area_name('{entity}') }}}}")
    print(f"described: {shown}")
    if (shown["name"], shown["area"]) != ("fer-edge hall", "Hall") or "None" in shown.values():
        raise SystemExit("not described as the settings say")
    if found := [pattern for pattern in DISABLED if home.entity(pattern)]:
        raise SystemExit(f"not disabled by default: {found}")
    until("measured", TIMEOUT_S, lambda: all(home.state(pattern) not in WITHOUT_STATE for pattern in DEVICE))
    for pattern in DEVICE:
        print(f"  {home.entity(pattern)['entity_id']}: {home.state(pattern)}")


def claim_unknown(home: HomeAssistant, claim: str) -> None:
    """Neither 0 nor off."""
    until(claim, TIMEOUT_S, lambda: states(home, *PEOPLE) == {UNKNOWN})


def states(home: HomeAssistant, *patterns: str) -> set[str]:
    """The states of these entities."""
    return {home.state(pattern) for pattern in patterns}


def tell(broker: Broker, topic: str, text: str) -> None:
    """Send a message that the broker keeps, as another client."""
    from paho.mqtt.publish import single

    single(topic, text, qos=1, retain=True, hostname="127.0.0.1", port=broker.port)


def main() -> int:
    """Make what is missing, and try all; UNABLE if it cannot be had here."""
    if os.geteuid() or not debian.is_debian():
        print("needs root on Debian, to start a container")
        return UNABLE
    try:
        debian.get_tools(TOOLS | {"/usr/sbin/mosquitto": "mosquitto"})
        root = make_root()
    except RigError as cause:
        print(f"Home Assistant cannot be had here: {str(cause).splitlines()[-1]}")
        return UNABLE
    folder = Path(tempfile.mkdtemp(prefix="fer-edge-home-"))
    folder.chmod(0o755)  # the broker leaves its rights
    (folder / "home").mkdir()
    home, broker, camera = HomeAssistant(root, folder / "home"), Broker(folder), Camera(FPS)
    try:
        home.onboard()
        home.add_mqtt(broker.port)
        with device(folder, broker, camera) as process:
            try_all(home, broker, camera, process)
    except BaseException:
        for name in ("device.txt", "home/out.txt"):
            print(f"--- {name}\n{(folder / name).read_text()[-3000:] if (folder / name).exists() else ''}")
        raise
    finally:
        home.stop()
        broker.stop()
        camera.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
