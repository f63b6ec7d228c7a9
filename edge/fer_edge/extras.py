"""How an extra of pip's is installed: by the service's installer in the service's environment, else by pip."""

from __future__ import annotations

import sys
from pathlib import Path

SERVICE_FOLDER = Path("/opt/fer-edge")  # install.sh's environments lie in it; each upgrade makes another one
PACKAGED_SETUP = Path("/usr/sbin/fer-edge-setup")  # of the Debian package, which has no install.sh at hand


def install_command(extra: str) -> str:
    """The command: "pip install 'fer-edge[kiosk]'", or "sudo systemd/install.sh --with kiosk"."""
    if SERVICE_FOLDER not in Path(sys.prefix).parents:
        return f"pip install 'fer-edge[{extra}]'"
    setup = PACKAGED_SETUP.stem if PACKAGED_SETUP.exists() else "systemd/install.sh"
    return f"sudo {setup} --with {extra}"
