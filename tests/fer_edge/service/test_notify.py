"""What is told arrives at a socket with a path or an abstract name; nobody there is no trouble."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from fer_edge.service.notify import notifier, watchdog_seconds


@pytest.mark.parametrize("abstract", [False, True])
def test_variables_arrive_as_one_datagram(abstract: bool, tmp_path: Path) -> None:
    name = f"@fer-edge-{tmp_path.name}-{id(tmp_path)}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + name[1:] if abstract else name)
        manager.settimeout(10)
        notify = notifier({"NOTIFY_SOCKET": name})
        assert notify is not None
        notify({"READY": "1", "STATUS": "23.9 fps, 1 face, happy 93 %"})
        assert manager.recv(1000) == b"READY=1\nSTATUS=23.9 fps, 1 face, happy 93 %"


def test_a_manager_that_is_gone_or_does_not_read_costs_nothing(tmp_path: Path) -> None:
    notify = notifier({"NOTIFY_SOCKET": str(tmp_path / "nobody")})
    assert notify is not None
    notify({"READY": "1"})
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "nobody"))
        for _ in range(2000):  # more than its queue holds: a sender that waits would wait for ever
            notify({"WATCHDOG": "1"})


@pytest.mark.parametrize("address", ["", "relative", "vsock:2:1234"])
def test_without_a_socket_there_is_nobody_to_tell(address: str) -> None:
    assert notifier({"NOTIFY_SOCKET": address}) is None
    assert notifier({}) is None


@pytest.mark.parametrize(("text", "seconds"), [("30000000", 30.0), ("", 0.0), ("soon", 0.0), ("-5", 0.0)])
def test_the_watchdogs_patience(text: str, seconds: float) -> None:
    assert watchdog_seconds({"WATCHDOG_USEC": text}) == seconds
    assert watchdog_seconds({}) == 0.0
