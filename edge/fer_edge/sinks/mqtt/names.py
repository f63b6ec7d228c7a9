"""What this device is called on the broker, and its topics."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from pathlib import Path

from fer_edge.errors import SettingsError

ROOT = Path("/")
# Where a machine has something that no other has and that stays; a copied SD card copies the second.
ID_FILES = ("proc/device-tree/serial-number", "etc/machine-id")
RANDOM_NODE_BIT = 1 << 40  # set in uuid.getnode() where no network card has an address


@dataclass(frozen=True)
class Topics:
    """The topics of one device."""

    device: str  # letters, digits, - and _
    discovery: str  # prefix of Home Assistant's; empty: none

    @property
    def state(self) -> str:
        """Where readings go."""
        return f"fer-edge/{self.device}/state"

    @property
    def availability(self) -> str:
        """`online` or `offline`."""
        return f"fer-edge/{self.device}/availability"

    @property
    def pause(self) -> str:
        """Where others write `ON` to pause and `OFF` to resume."""
        return f"fer-edge/{self.device}/pause/set"

    @property
    def config(self) -> str:
        """Where Home Assistant looks for devices."""
        return f"{self.discovery}/device/fer-edge_{self.device}/config"

    @property
    def status(self) -> str:
        """Where Home Assistant says that it is `online`."""
        return f"{self.discovery}/status"


def own_name(root: Path = ROOT) -> str:
    """A name of twelve hexadecimal digits that this machine alone has, and keeps. Raises SettingsError.

    It is made from the serial number and does not tell it.
    """
    for place in ID_FILES:
        try:
            own = (root / place).read_text(encoding="ascii", errors="replace").strip("\0\n ")
        except OSError:
            continue
        if own and own != "uninitialized":
            return _digest(own)
    node = uuid.getnode()
    if node & RANDOM_NODE_BIT:
        raise SettingsError(
            "mqtt.device = '': this machine has no serial number, no machine-id and no network card to make a name of; "
            "give it one"
        )
    return _digest(f"{node:012x}")


def _digest(own: str) -> str:
    return hashlib.sha256(f"fer-edge {own}".encode()).hexdigest()[:12]
