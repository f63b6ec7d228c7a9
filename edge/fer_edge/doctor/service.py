"""The systemd unit: installed, enabled, how its last runs ended; and whether it may use the network that it needs."""

from __future__ import annotations

from collections.abc import Iterator

from fer_edge.doctor.finding import Finding, Place
from fer_edge.settings import Settings

UNIT = "fer-edge"
ASKED = "LoadState,UnitFileState,ActiveState,SubState,Result,NRestarts,ExecMainStatus,StatusText,PrivateNetwork"
START = f"sudo systemctl restart {UNIT}"
DROP_IN = "/etc/systemd/system/fer-edge.service.d/network.conf"
ALLOW = f"sudo install -Dm644 /opt/fer-edge/fer-edge-network.conf {DROP_IN}"
JOURNAL = f"journalctl -u {UNIT} -n 20"
# how a run ended, by its exit code: edge/fer_edge/errors.py
ENDS = {
    2: "settings that cannot be used",
    3: "no pictures from the camera",
    4: "a source that was cut off",
    5: "a model that cannot be used",
    6: "an output that cannot be written",
    10: "a camera that was lost and did not come back",
}
NETWORK_SINKS = ("mqtt", "webhook", "kiosk")


def look(place: Place) -> Iterator[Finding]:
    """Asks systemd, where there is one."""
    state = properties(place.ask("systemctl", "show", UNIT, "-p", ASKED))
    if not state:
        yield Finding("service", "ok", "no systemd here; fer-edge runs as long as somebody runs it")
        return
    if state.get("LoadState") != "loaded":
        yield Finding("service", "warning", "not installed, so it does not start by itself", "sudo systemd/install.sh")
        return
    if state.get("UnitFileState") == "enabled":
        yield Finding("service", "ok", "installed, and starts with the machine")
    else:
        yield Finding("service", "warning", "does not start with the machine", f"sudo systemctl enable {UNIT}")
    yield health(state)
    if needs_network(place.settings):
        yield _network(state)


def properties(text: str) -> dict[str, str]:
    """The Name=value lines of systemctl."""
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def health(state: dict[str, str]) -> Finding:
    """How the unit is, and how it ended last; its status line is left out, since it is a reading."""
    restarts = int(state.get("NRestarts", "0") or 0)
    code = int(state.get("ExecMainStatus", "0") or 0)
    why = f"{state.get('Result', '')}{f', exit code {code}: {ENDS[code]}' if code in ENDS else ''}"
    active = state.get("ActiveState", "")
    if active == "active":
        if restarts:
            return Finding("last exits", "warning", f"running, after {restarts} restarts", JOURNAL)
        return Finding("last exits", "ok", "running since its first start")
    if active in ("activating", "reloading"):
        words = f"starting; {restarts} restarts so far ({why})"
        return Finding("last exits", "warning" if restarts else "ok", words, JOURNAL if restarts else "")
    if active == "failed":
        return Finding("last exits", "failure", f"failed ({why})", JOURNAL)
    return Finding("last exits", "warning", "not running", START)


def needs_network(settings: Settings) -> bool:
    """Whether a sink or the source works by the network."""
    return bool(set(NETWORK_SINKS) & set(settings.run.sinks)) or "://" in settings.source.name


def _network(state: dict[str, str]) -> Finding:
    if state.get("PrivateNetwork") == "yes":
        words = "the settings use it, and the service may not"
        return Finding("network", "failure", words, f"{ALLOW} && sudo systemctl daemon-reload && {START}")
    return Finding("network", "ok", "the settings use it, and the service may")
