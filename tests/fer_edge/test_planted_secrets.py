"""Secrets of a dozen shapes are planted in settings, right and wrong ones; no output of any command has one of them."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from fer_edge import cli
from fer_edge.commands import doctor
from fer_edge.doctor import bundle
from fer_edge.doctor.examine import examine
from fer_edge.doctor.finding import Context, Finding
from fer_edge.errors import SettingsError
from fer_edge.settings import load

WORD = "hunter2"
SECRETS = [WORD, f"{WORD} {WORD}", f"https://h.org/T/{WORD}?k={WORD}", f"Bearer {WORD}", f"u:{WORD}@h", f"{WORD}\\n"]
WRONG = [  # each with a secret in the place of %s
    "[mqtt]\npassword = %s",
    "[mqtt]\nport = %s",
    "[mqtt]\nhost = [%s]",
    "[mqtt]\ndevice = [%s]",
    "[mqtt]\ntls = %s",
    "mqtt = %s",
    "[webhok]\nurl = %s",
    "[webhok.headers]\nAuthorization = %s",
    "webhok = %s",
    "[webhook]\nuri = %s",
    "[webhook]\nurl = [%s]",
    "[webhook]\nheaders = %s",
    "[webhook.headers]\nAuthorization = [%s]",
    "[webhook]\non = [%s]",
    "[webhook.headers]\n%s = 1",
    "[kiosk]\ntoken = %s",
    "[kiosk]\ninsecure = %s",
    "[kiosk]\nport = %s",
    "[source]\nurl = %s",
    "[source]\nname = {a = %s}",
    "[source]\nfps = %s",
    "[source]\nlabel = [%s]",
    "[hook]\ncommand = %s",
    "[secrets]\n%s = 1",
    "%s = 1",
    "[%s]\n[%s]",
    "[webhook]\nurl = %s %s",
    "[webhook]\nurl = x%s",
]
REFUSED_LATER = {  # settings that only the output itself refuses
    "kiosk": ["token_file = %s", "language = %s", "address = %s"],
    "mqtt": ["credentials_file = %s", "ca_file = %s\ntls = true", "cert_file = %s\ntls = true"],
    "webhook": [
        "url = %s",
        'url = "https://h.org/"\nca_file = %s',
        'url = "http://h.org/"\n[webhook.headers]\n%s = "x"',
    ],
    "hook": ["command = [%s]"],
}
CAMERAS = [
    "rtsp://u:%s@127.0.0.1:9/x",
    "rtsp://127.0.0.1:9/user=u_password=%s_channel=1",
    "http://127.0.0.1:9/v?psw=%s",
    "http://127.0.0.1:9/v?p=%s",
    "http://127.0.0.1:9/key/%s/live",
    "rtsp:127.0.0.1/%s",
    "rtsp:u:%s@127.0.0.1/x",
    "127.0.0.1/%s/x",
    "u:%s@127.0.0.1",
    "ftp://127.0.0.1/%s",
    "rtsp://u:a#%s@127.0.0.1:9/x",
    "camera:u:%s@127.0.0.1",
]


def planted() -> list[str]:
    quoted = [json.dumps(secret) for secret in SECRETS]
    texts = [wrong.replace("%s", text) for wrong in WRONG for text in quoted]
    return [text for text in texts if f'"{WORD}" = 1' not in text]  # a word alone is a name


@pytest.mark.parametrize("text", planted())
def test_refused_settings_show_no_value(text: str, tmp_path: Path) -> None:
    path = tmp_path / "fer-edge.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as refused:
        load(path)
    assert WORD not in str(refused.value)


@pytest.mark.parametrize(
    ("sink", "setting"), [(sink, setting) for sink, settings in REFUSED_LATER.items() for setting in settings]
)
def test_refused_outputs_show_no_value(
    sink: str, setting: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "fer-edge.toml"
    secret = json.dumps(f"{WORD} {WORD}")
    path.write_text(f'[run]\nsinks = ["{sink}"]\n[source]\nname = "demo"\n[{sink}]\n' + setting.replace("%s", secret))
    assert cli.main(["run", "--config", str(path)]) == SettingsError.exit_code
    assert WORD not in "".join(capsys.readouterr())


@pytest.mark.parametrize("camera", CAMERAS)
def test_camera_shows_no_secret(camera: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither by run, nor by detect, bench or the doctor."""
    spec = camera.replace("%s", WORD)
    settings = ["--set", "source.timeout_seconds=0.2", "--set", f"source.name={json.dumps(spec)}"]
    assert cli.main(["run", *settings])
    assert cli.main(["run", "--source", spec, "--set", "source.timeout_seconds=0.2"])
    assert cli.main(["detect", spec])
    assert cli.main(["bench", "--source", spec])
    shown = "".join(capsys.readouterr())
    assert WORD not in shown
    assert "error" in shown


def _contents(path: Path) -> str:
    with tarfile.open(path) as archive:
        files = [archive.extractfile(member) for member in archive.getmembers()]
        return "".join(file.read().decode() for file in files if file is not None)


@pytest.mark.parametrize("text", [*planted()[:: len(SECRETS) + 1], *CAMERAS])
def test_doctor_shows_no_secret(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As text, as JSON and in its bundle, whose journal has what earlier versions and settings left there."""
    path = tmp_path / "fer-edge.toml"
    name = json.dumps(text.replace("%s", WORD))
    path.write_text(f"[source]\ntimeout_seconds = 0.2\nname = {name}" if text in CAMERAS else text)
    old = [f"x fer-edge[9]: fer-edge: error: {wrong.replace('%s', WORD)}" for wrong in CAMERAS]
    old += [f"x fer-edge[9]: fer-edge: error: mqtt.password = {secret!r}: unknown key" for secret in SECRETS]

    def ask(*command: str) -> str:
        return "\n".join(old) if command[0] == "journalctl" else ""

    monkeypatch.setattr("fer_edge.commands.doctor.examine", _quick)
    for more in ([], ["--json", "--bundle", str(tmp_path / "b.tar.gz")]):
        options = cli.parser(["doctor"]).parse_args(["doctor", "--config", str(path), *more])
        doctor.run(options, Context(doctor._settings(options)[0], tmp_path, ask))
    assert WORD not in "".join(capsys.readouterr())
    assert WORD not in _contents(tmp_path / "b.tar.gz")
    assert "error" in _contents(tmp_path / "b.tar.gz")
    assert bundle.REDACTED in _contents(tmp_path / "b.tar.gz")


def _quick(context: Context) -> Iterator[Finding]:
    """The checks that quote settings; the others take a second each."""
    return examine(context, {"camera": "fer_edge.doctor.camera:check", "service": "fer_edge.doctor.service:check"})
