"""What a rig starts ends with it."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from pathlib import Path

import pytest

SOON = 20.0  # seconds
# The server tells its number itself: it has its leash then.
RIG = "import leash, time; leash.start(['sh', '-c', 'echo $$; exec sleep 600']); time.sleep(600)"


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
