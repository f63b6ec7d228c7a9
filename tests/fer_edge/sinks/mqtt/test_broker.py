"""Against a real broker: nothing is lost or doubled, whoever goes away; and who may connect is the broker's to say."""

from __future__ import annotations

import gc
import queue
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
from fer_edge.errors import SettingsError
from fer_edge.pause import PauseSwitch
from fer_edge.settings import MqttSettings
from fer_edge.sinks.mqtt import link
from fer_edge.sinks.mqtt.broker import MAX_PACKET_BYTES, try_login
from fer_edge.sinks.mqtt.names import Topics
from fer_edge.types import Event, Observation
from paho.mqtt import client

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[4]
Make = Callable[..., Any]
SOON = 20.0  # seconds
DEVICE = "hall"


def changed(make_observation: Make, number: int) -> Observation:
    """An observation with an event."""
    plain: Observation = make_observation(number, "happy")
    return Observation(plain.frame, plain.faces, (Event("changed", plain.faces[0]),))


def ids(reports: list[dict[str, Any]]) -> list[str]:
    return [report["id"] for report in reports if report["events"]]


def test_device_comes_and_goes(broker: Any, listener: Any, make_sink: Make, make_observation: Make) -> None:
    """A device comes says what it sees and goes."""
    sink = make_sink(broker.port)
    listener.wait(lambda: listener.of("/availability"))  # an event waits for no connection
    sink.write(changed(make_observation, 25))
    listener.wait(lambda: listener.reports)
    sink.close()
    listener.wait(lambda: len(listener.of("/availability")) == 2)
    assert listener.of("/availability") == [b"online", b"offline"]
    (report,) = listener.reports
    assert report == {
        "id": "1-1",
        "v": 1,
        "device": DEVICE,
        "time": "2026-01-01T12:00:01.000+00:00",
        "state": "running",
        "emotion": "happy",
        "confidence": 0.7,
        "faces": 1,
        "present": 1,
        "readings": [{"id": 1, "emotion": "happy", "confidence": 0.7}],
        "events": [{"kind": "changed", "id": 1, "emotion": "happy"}],
    }
    topics = [topic for topic, _, _ in listener.got]
    assert topics[0] == f"homeassistant/device/fer-edge_{DEVICE}/config"
    assert set(topics[1:]) == {f"fer-edge/{DEVICE}/{name}" for name in ("availability", "state", "event")}


def test_messages_are_retained(broker: Any, make_sink: Make, listener: Any) -> None:
    """All of it is kept for who comes later."""
    sink = make_sink(broker.port)
    sink.state("running")
    listener.wait(lambda: listener.reports and listener.of("/health"))
    later = type(listener)(broker.port, "later")
    later.wait(lambda: len(later.got) >= 4)
    assert all(retain for _, _, retain in later.got)
    assert {topic.rpartition("/")[2] for topic, _, _ in later.got} == {"config", "availability", "state", "health"}
    later.close()


def test_messages_wait_for_the_broker(
    broker: Any, listener: Any, make_sink: Make, make_observation: Make, logged: queue.Queue[str]
) -> None:
    """While the broker is away messages wait and then go out in order each once."""
    sink = make_sink(broker.port, flush_seconds=0.0)
    for number in range(10):
        sink.write(changed(make_observation, number))
    listener.wait(lambda: len(ids(listener.reports)) == 10)
    listener.settle()
    broker.stop()
    assert logged.get(timeout=SOON).startswith(f"error: mqtt: broker 127.0.0.1:{broker.port}: ")
    for number in range(10, 200):
        sink.write(changed(make_observation, number))
    broker.start()
    listener.wait(lambda: len(ids(listener.reports)) >= 200)
    for number in range(200, 210):
        sink.write(changed(make_observation, number))
    listener.wait(lambda: len(ids(listener.reports)) >= 210)
    assert ids(listener.reports) == ordered(listener.reports)
    times = [report["time"] for report in listener.reports if report["events"]]
    assert times == sorted(set(times))  # each its own
    assert times[100] == "2026-01-01T12:00:04.000+00:00"
    assert len(times) == 210
    sink.close()
    assert logged.get(timeout=SOON) == "note: mqtt: the broker answers again"
    assert logged.empty()


def ordered(reports: list[dict[str, Any]]) -> list[str]:
    """The ids of the messages, each once, in their order."""
    return sorted(set(ids(reports)), key=lambda name: [int(part) for part in name.split("-")])


def test_broker_crash_loses_nothing(broker: Any, listener: Any, make_sink: Make, make_observation: Make) -> None:
    """What was under way may come twice then, as QoS 1 has it, to the broker and from it, and is known by its id."""
    sink = make_sink(broker.port)
    for round_ in range(5):
        for number in range(100):
            sink.write(changed(make_observation, 100 * round_ + number))
        listener.wait(lambda least=100 * round_ + 20: len(set(ids(listener.reports))) >= least)
        broker.stop()
        broker.start()
    listener.wait(lambda: len(set(ids(listener.reports))) >= 500)
    first_comings = list(dict.fromkeys(ids(listener.reports)))
    assert first_comings == ordered(listener.reports)
    assert len(first_comings) == 500
    received = [line for line in broker.log if "Received PUBLISH from fer-edge" in line and "/state'" in line]
    assert len(received) <= 500 + 5 * (link.MAX_UNACKNOWLEDGED + 1)  # and the repeated one at each connection


def test_restart_without_broker_loses_nothing(
    broker: Any, listener: Any, make_sink: Make, make_observation: Make
) -> None:
    """A restart while the broker is away loses nothing and doubles nothing."""
    broker.stop()
    for run in range(3):
        sink = make_sink(broker.port)
        for number in range(20):
            sink.write(changed(make_observation, 20 * run + number))
        sink.close()
    broker.start()
    sink = make_sink(broker.port)
    sink.write(changed(make_observation, 60))
    listener.wait(lambda: len(ids(listener.reports)) >= 61)
    sink.close()
    make_sink(broker.port).write(changed(make_observation, 61))
    listener.wait(lambda: len(ids(listener.reports)) >= 62)
    expected = [f"{run}-{number}" for run in (1, 2, 3) for number in range(1, 21)]
    assert ids(listener.reports) == [*expected, "4-1", "5-1"]


def run(port: int, queue_file: Path, *more: str) -> subprocess.Popen[str]:
    """`fer-edge run` on the demo, as a service runs it."""
    command = [
        sys.executable,
        "-m",
        "fer_edge",
        "run",
        "--source",
        "demo",
        "--only-sink",
        "mqtt",
        "--only-sink",
        "console",
        *more,
    ]
    for key, value in {"port": port, "queue": queue_file, "device": DEVICE, "host": "127.0.0.1"}.items():
        command += ["--set", f"mqtt.{key}={value}"]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_killed_device_is_offline(broker: Any, listener: Any, tmp_path: Path) -> None:
    """A device that is killed is offline by its last will."""
    with run(broker.port, tmp_path / "queue.db", "--fps", "5") as child:
        listener.wait(lambda: listener.of("/availability") == [b"online"] and ids(listener.reports))
        child.send_signal(signal.SIGKILL)
        listener.wait(lambda: listener.of("/availability") == [b"online", b"offline"])


@pytest.mark.slow
def test_killed_device_keeps_flushed_messages(
    broker: Any, listener: Any, tmp_path: Path, make_sink: Make, make_observation: Make
) -> None:
    """A device that is killed while the broker is away loses nothing that was flushed."""
    broker.stop()
    with run(broker.port, tmp_path / "queue.db", "--set", "mqtt.flush_seconds=0") as child:
        assert child.stdout is not None
        lines = iter(child.stdout.readline, "")
        assert any("face 3 came" in line for line in lines)
        assert any("face 3 gone" in line for line in lines)
        child.send_signal(signal.SIGKILL)
    broker.start()
    sink = make_sink(broker.port)
    sink.write(changed(make_observation, 0))
    listener.wait(lambda: "2-1" in ids(listener.reports))
    names = [report["id"] for report in listener.reports if report["id"] != "2-1"]
    assert names == [f"1-{number}" for number in range(1, len(names) + 1)]
    events = [(event["kind"], event["id"]) for report in listener.reports[:-1] for event in report["events"]]
    # The last line of the console may be ahead of the queue by what the mailbox holds.
    assert events[:4] == [("came", 1), ("gone", 1), ("came", 2), ("came", 3)]


def test_switch_pauses_and_resumes(broker: Any, listener: Any, make_sink: Make) -> None:
    """The switch pauses and resumes and shows the state."""
    pause_switch = PauseSwitch()
    presses: queue.Queue[str] = queue.Queue()
    pause_switch.pause = lambda: presses.put("pause")  # type: ignore[method-assign]
    pause_switch.resume = lambda: presses.put("resume")  # type: ignore[method-assign]
    listener.say(f"fer-edge/{DEVICE}/pause/set", "ON", retain=True)  # long ago
    sink = make_sink(broker.port, pause_switch)
    listener.wait(lambda: listener.of("/availability"))
    for payload in ("OFF", "perhaps", "ON"):
        listener.say(f"fer-edge/{DEVICE}/pause/set", payload)
    assert [presses.get(timeout=SOON) for _ in range(2)] == ["resume", "pause"]
    sink.state("paused")
    listener.wait(lambda: [report["state"] for report in listener.reports] == ["paused"])
    assert presses.empty()


@pytest.mark.parametrize("retain", [False, True])
def test_huge_message_is_dropped_unread(retain: bool, broker: Any, listener: Any, make_sink: Make) -> None:
    """One of 40 MB on the pause topic takes no memory and ends no connection, and the next one is heard."""
    pause_switch = PauseSwitch()
    topic = f"fer-edge/{DEVICE}/pause/set"
    if retain:
        listener.say(topic, bytes(40_000_000), retain=True)
    sink = make_sink(broker.port, pause_switch)
    listener.wait(lambda: listener.of("/availability"))
    sizes: list[int] = []
    client = sink.link._client
    read = client._sock_recv

    def watched(size: int) -> bytes:
        data: bytes = read(size)
        sizes.append(len(client._in_packet["packet"]) + len(data))
        return data

    client._sock_recv = watched
    listener.say(topic, bytes(40_000_000), retain=retain)
    listener.say(topic, "ON")
    listener.wait(lambda: pause_switch.paused)
    assert max(sizes) <= 3 * MAX_PACKET_BYTES
    assert listener.of("/availability") == [b"online"]


def test_home_assistant_restart_gets_discovery(broker: Any, listener: Any, make_sink: Make) -> None:
    """Home assistant is told again when it starts."""
    make_sink(broker.port)
    listener.wait(lambda: listener.of("/availability"))
    listener.say("homeassistant/status", "offline")
    listener.say("homeassistant/status", "online")
    listener.wait(lambda: len(listener.of("/availability")) == 2)
    first, second = listener.of("/config")
    assert first == second


def test_no_prefix_means_no_discovery(broker: Any, listener: Any, make_sink: Make) -> None:
    """Without a prefix home assistant is told nothing."""
    make_sink(broker.port, discovery_prefix="")
    listener.wait(lambda: listener.of("/availability"))
    assert not listener.of("/config")


def passwords(folder: Path, **users: str) -> str:
    """A configuration line that lets these users in alone."""
    path = folder / "passwords"
    path.touch(0o600)
    for user, password in users.items():
        subprocess.run(["mosquitto_passwd", "-b", path, user, password], check=True, capture_output=True)
    return f"allow_anonymous false\npassword_file {path}"


def test_corrected_password_works_at_once(
    make_broker: Make, make_sink: Make, tmp_path: Path, logged: queue.Queue[str], capfd: pytest.CaptureFixture[str]
) -> None:
    """A wrong password is logged and a corrected one works at once."""
    broker = make_broker(passwords(tmp_path, hall="s3cret-pass"))
    credentials = tmp_path / "credentials"
    credentials.write_text("hall\nwr0ng-pass\n")
    sink = make_sink(broker.port, credentials_file=str(credentials))
    sink.state("running")
    line = logged.get(timeout=SOON)
    assert line.startswith(f"error: mqtt: broker 127.0.0.1:{broker.port}: refuses the login (")
    assert "mqtt.credentials_file" in line
    assert "wr0ng-pass" not in line
    credentials.write_text("hall\ns3cret-pass\n")
    assert logged.get(timeout=SOON) == "note: mqtt: the broker answers again"
    sink.close()
    assert sink.waiting == 0
    assert "-pass" not in capfd.readouterr().err
    assert "s3cret" not in repr(vars(sink))


def test_unselectable_socket_is_a_lost_connection(
    broker: Any, make_sink: Make, logged: queue.Queue[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a process with more than 1,023 open files paho's thread ends without a word; a new connection is tried."""
    select, failures = client.select.select, iter([ValueError("filedescriptor out of range in select()")])

    def unable_once(*arguments: Any) -> Any:
        for failure in failures:
            raise failure
        return select(*arguments)

    monkeypatch.setattr(client.select, "select", unable_once)
    sink = make_sink(broker.port)
    sink.state("running")
    assert "the connection is lost" in logged.get(timeout=SOON)
    assert logged.get(timeout=SOON) == "note: mqtt: the broker answers again"


def test_reconnecting_leaks_no_files(broker: Any, make_sink: Make, logged: queue.Queue[str]) -> None:
    """Files of a connection that is gone are closed at once, not when Python next collects its garbage."""
    gc.disable()
    try:
        sink = make_sink(broker.port)
        sink.state("running")
        open_files = []
        for _ in range(3):
            broker.stop(signal.SIGKILL)
            assert logged.get(timeout=SOON).startswith("error: ")
            broker.start()
            assert logged.get(timeout=SOON) == "note: mqtt: the broker answers again"
            open_files.append(len(list(Path("/proc/self/fd").iterdir())))
        assert len(set(open_files)) == 1, open_files
    finally:
        gc.enable()


def test_login_test_leaves_no_trace(make_broker: Make, make_sink: Make, tmp_path: Path) -> None:
    """What the doctor does: the sink stays connected, and no client of the broker notices."""
    broker = make_broker(passwords(tmp_path, hall="s3cret-pass"))
    credentials, topics = tmp_path / "credentials", Topics(DEVICE, "")
    given: dict[str, Any] = {"credentials_file": str(credentials)}
    settings = MqttSettings(host="127.0.0.1", port=broker.port, **given)
    credentials.write_text("hall\ns3cret-pass\n")
    make_sink(broker.port, **given)
    assert try_login(settings, topics, SOON) == ""
    credentials.write_text("hall\nwr0ng-pass\n")
    why = try_login(settings, topics, SOON)
    assert "refuses the login" in why
    assert "wr0ng-pass" not in why
    broker.stop()
    assert "nothing listens there" in try_login(settings, topics, SOON)
    log = "".join(broker.log)
    assert "already connected" not in log
    guests = [line for line in broker.log if "-doctor-" in line]
    welcome = [line for line in guests if "New client connected" in line]
    assert len(welcome) == log.count("No will message specified") == 1
    assert not [line for line in guests if "Received PUBLISH" in line]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """PEM files of an authority, a broker, a device, and a stranger whom no authority of ours knows."""
    folder = tmp_path_factory.mktemp("certificates")
    ours, other = trustme.CA(), trustme.CA()
    ours.cert_pem.write_to_path(folder / "ca.pem")
    other.cert_pem.write_to_path(folder / "other-ca.pem")
    made = {"broker": ours.issue_cert("127.0.0.1"), "elsewhere": ours.issue_cert("broker.example")}
    made |= {"device": ours.issue_cert("hall"), "stranger": other.issue_cert("hall")}
    for name, certificate in made.items():
        certificate.private_key_pem.write_to_path(folder / f"{name}.key")
        certificate.cert_chain_pems[0].write_to_path(folder / f"{name}.pem")
    return folder


def encrypted(folder: Path, name: str = "broker", *more: str) -> str:
    files = f"cafile {folder / 'ca.pem'}\ncertfile {folder / name}.pem\nkeyfile {folder / name}.key"
    return "\n".join([files, "allow_anonymous true", *more])


def test_trusted_certificate_connects(make_broker: Make, make_sink: Make, authority: Path) -> None:
    """An encrypted connection with a certificate that is trusted."""
    broker = make_broker(encrypted(authority))
    sink = make_sink(broker.port, tls=True, ca_file=str(authority / "ca.pem"))
    sink.state("running")
    sink.close()
    assert sink.waiting == 0


@pytest.mark.parametrize(
    ("name", "ca", "words"),
    [
        ("broker", "other-ca.pem", "its certificate is not trusted (self-signed certificate in certificate chain)"),
        ("broker", "", "its certificate is not trusted (self-signed certificate in certificate chain)"),
        ("elsewhere", "ca.pem", "its certificate is not trusted (IP address mismatch"),
    ],
)
def test_untrusted_broker_gets_nothing(
    name: str, ca: str, words: str, make_broker: Make, make_sink: Make, authority: Path, logged: queue.Queue[str]
) -> None:
    """A broker that cannot be trusted gets nothing."""
    broker = make_broker(encrypted(authority, name))
    sink = make_sink(broker.port, tls=True, ca_file=str(authority / ca) if ca else "")
    sink.state("running")
    line = logged.get(timeout=SOON)
    assert words in line
    assert "check mqtt.ca_file, and that mqtt.host is its name" in line
    sink.close()
    assert not any("CONNECT" in line for line in broker.log)
    assert sink.waiting == 1


def test_client_certificate_is_sent(
    make_broker: Make, make_sink: Make, authority: Path, logged: queue.Queue[str]
) -> None:
    """A broker that asks for a certificate gets ours."""
    broker = make_broker(encrypted(authority, "broker", "require_certificate true"))
    trusted = {"tls": True, "ca_file": str(authority / "ca.pem")}
    own = {f"{kind}_file": str(authority / f"device.{end}") for kind, end in (("cert", "pem"), ("key", "key"))}
    false = {f"{kind}_file": str(authority / f"stranger.{end}") for kind, end in (("cert", "pem"), ("key", "key"))}
    for wrong in ({}, false):
        sink = make_sink(broker.port, **trusted, **wrong)
        sink.state("running")
        assert logged.get(timeout=SOON).startswith(f"error: mqtt: broker 127.0.0.1:{broker.port}: ")
        sink.close()
        assert sink.waiting > 0
    sink = make_sink(broker.port, **trusted, **own)
    sink.close()
    assert sink.waiting == 0


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"tls": True, "ca_file": "none.pem"}, r"mqtt\.ca_file: no such file"),
        ({"tls": True, "ca_file": __file__}, r"mqtt\.ca_file: cannot be used"),
        ({"tls": True, "cert_file": "none.pem"}, r"mqtt\.cert_file: no such file"),
        ({"ca_file": "ca.pem"}, r"mqtt\.tls = False: certificates are set.*set it to true"),
        ({"credentials_file": "none"}, r"mqtt\.credentials_file: cannot be read \(No such file"),
        ({"credentials_file": "/dev/null"}, r"mqtt\.credentials_file: must have the user's name in"),
    ],
)
def test_invalid_settings_are_refused(settings: dict[str, Any], words: str, make_sink: Make, tmp_path: Path) -> None:
    """Settings that cannot work are refused before anything starts."""
    with pytest.raises(SettingsError, match=words):
        make_sink(**settings)
    assert not list(tmp_path.iterdir())


def test_nothing_that_listens_is_told_once(make_sink: Make, logged: queue.Queue[str]) -> None:
    sink = make_sink(1)
    assert "127.0.0.1:1: nothing listens there; check mqtt.host and mqtt.port" in logged.get(timeout=SOON)
    sink.close()
    assert logged.empty()


def test_missing_paho_is_reported(make_sink: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paho that is missing is reported with the fix."""
    monkeypatch.setitem(sys.modules, "paho.mqtt.client", None)
    with pytest.raises(SettingsError, match=r"paho-mqtt 2 is not installed .*pip install 'fer-edge\[mqtt\]'"):
        make_sink()
