"""The systemd unit: installed, enabled, how its last runs ended; and whether it may use the network if it needs it."""

from __future__ import annotations

from collections.abc import Iterator

from fer_edge.doctor.finding import Context, Finding
from fer_edge.errors import counted
from fer_edge.lookup import lookup
from fer_edge.settings import Settings
from fer_edge.sinks import SINKS

UNIT = "fer-edge"
PROPERTIES = "LoadState,UnitFileState,ActiveState,SubState,Result,NRestarts,ExecMainStatus,StatusText,PrivateNetwork"
START = f"sudo systemctl restart {UNIT}"
DROP_IN = "/etc/systemd/system/fer-edge.service.d/network.conf"
ALLOW = f"sudo install -Dm644 /opt/fer-edge/fer-edge-network.conf {DROP_IN}"
JOURNAL_HINT = f"journalctl -u {UNIT} -n 20"
# exit code of errors.py -> what it means
EXIT_REASONS = {
    2: "the settings cannot be used",
    3: "no pictures from the camera",
    4: "the source was cut off",
    5: "the model cannot be used",
    6: "an output cannot be written",
    10: "the camera was lost and did not come back",
}


def check(context: Context) -> Iterator[Finding]:
    """Ask systemd, if this system has it."""
    state = properties(context.ask("systemctl", "show", UNIT, "-p", PROPERTIES))
    if not state:
        yield Finding("service", "ok", "no systemd here; fer-edge does not start by itself")
        return
    if state.get("LoadState") != "loaded":
        yield Finding("service", "warning", "not installed, so it does not start by itself", "sudo systemd/install.sh")
        return
    if state.get("UnitFileState") == "enabled":
        yield Finding("service", "ok", "installed, starts at boot")
    else:
        yield Finding("service", "warning", "does not start at boot", f"sudo systemctl enable {UNIT}")
    yield health(state)
    if needs_network(context.settings):
        yield _network(state)


def properties(text: str) -> dict[str, str]:
    """The Name=value lines of `systemctl show`."""
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def health(state: dict[str, str]) -> Finding:
    """The unit's state and how it last ended. Its status line is left out, since it holds a prediction."""
    restarts = int(state.get("NRestarts", "0") or 0)
    code = int(state.get("ExecMainStatus", "0") or 0)
    why = f"{state.get('Result', '')}{f', exit code {code}: {EXIT_REASONS[code]}' if code in EXIT_REASONS else ''}"
    active = state.get("ActiveState", "")
    if active == "active":
        if restarts:
            return Finding("last exits", "warning", f"running, after {counted(restarts, 'restart')}", JOURNAL_HINT)
        return Finding("last exits", "ok", "running since its first start")
    if active in ("activating", "reloading"):
        words = f"starting; {counted(restarts, 'restart')} so far ({why})"
        return Finding("last exits", "warning" if restarts else "ok", words, JOURNAL_HINT if restarts else "")
    if active == "failed":
        return Finding("last exits", "failure", f"failed ({why})", JOURNAL_HINT)
    return Finding("last exits", "warning", "not running", START)


def needs_network(settings: Settings) -> bool:
    """Whether a sink or the source uses the network."""
    return "://" in settings.source.name or any(lookup(SINKS, name, "sink").network for name in settings.run.sinks)


def _network(state: dict[str, str]) -> Finding:
    if state.get("PrivateNetwork") == "yes":
        words = "the settings need it, but the service has no access to it"
        return Finding("network", "failure", words, f"{ALLOW} && sudo systemctl daemon-reload && {START}")
    return Finding("network", "ok", "the settings need it, and the service has access to it")
