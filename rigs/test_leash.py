"""What a rig starts ends with it."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from pathlib import Path

import pytest

SOON = 20.0  # seconds
RIG = "import leash, time; print(leash.start(['sleep', '600']).pid, flush=True); time.sleep(600)"


@pytest.mark.process
def test_server_ends_with_a_killed_rig() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", RIG], cwd=Path(__file__).parent, stdout=subprocess.PIPE, text=True
    ) as rig:
        assert rig.stdout is not None
        server = os.pidfd_open(int(rig.stdout.readline()))
        rig.kill()
        assert select.select([server], [], [], SOON)[0]
        os.close(server)
