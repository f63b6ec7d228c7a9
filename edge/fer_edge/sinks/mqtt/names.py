"""The name of this device on the broker, and its topics."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from pathlib import Path

from fer_edge.errors import SettingsError

ROOT = Path("/")
# Files that identify a machine for good; a copied SD card copies the second.
ID_FILES = ("proc/device-tree/serial-number", "etc/machine-id")
RANDOM_NODE_BIT = 1 << 40  # set in uuid.getnode() if no network card has an address


@dataclass(frozen=True)
class Topics:
    """The topics of one device."""

    device: str  # letters, digits, - and _
    discovery: str  # prefix of Home Assistant's; empty: none

    @property
    def state(self) -> str:
        """Where messages go."""
        return f"fer-edge/{self.device}/state"

    @property
    def availability(self) -> str:
        """`online` or `offline`."""
        return f"fer-edge/{self.device}/availability"

    @property
    def pause(self) -> str:
        """Where other clients write `ON` to pause and `OFF` to resume."""
        return f"fer-edge/{self.device}/pause/set"

    @property
    def event(self) -> str:
        """Where each event goes by itself, not kept: who comes later must not take it for one of now."""
        return f"fer-edge/{self.device}/event"

    @property
    def health(self) -> str:
        """How the device itself is, at intervals."""
        return f"fer-edge/{self.device}/health"

    @property
    def latest_version(self) -> str:
        """Where others may tell all devices, and Home Assistant, of the newest release; no device writes there."""
        return "fer-edge/latest_version"

    @property
    def config(self) -> str:
        """Where Home Assistant finds devices."""
        return f"{self.discovery}/device/fer-edge_{self.device}/config"

    @property
    def status(self) -> str:
        """Where Home Assistant says that it is `online`."""
        return f"{self.discovery}/status"


def device_name(root: Path = ROOT) -> str:
    """A name of twelve hexadecimal digits, unique to this machine, and stable. Raises SettingsError.

    It is a digest of the serial number, which cannot be computed from it.
    """
    for path in ID_FILES:
        try:
            found = (root / path).read_text(encoding="ascii", errors="replace").strip("\0\n ")
        except OSError:
            continue
        if found and found != "uninitialized":
            return _digest(found)
    node = uuid.getnode()
    if node & RANDOM_NODE_BIT:
        raise SettingsError(
            "mqtt.device = '': this machine has no serial number, machine-id or network card to make a name from; "
            "give it one"
        )
    return _digest(f"{node:012x}")


def _digest(identity: str) -> str:
    return hashlib.sha256(f"fer-edge {identity}".encode()).hexdigest()[:12]
