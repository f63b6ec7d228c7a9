"""A broker that answers, one that does not, and none that is asked for."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest
from fer_edge.doctor import network
from fer_edge.doctor.finding import Context


@pytest.mark.slow
def test_the_broker(make_context: Callable[..., Context], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "BROKER_TIMEOUT_S", 0.2)
    assert list(network.check(make_context())) == []
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        tables = {"run": {"sinks": ["mqtt"]}, "mqtt": {"host": "127.0.0.1", "port": port}}
        connects, login = network.check(make_context(**tables))
        assert connects.level == "ok"
        assert (login.name, login.level) == ("MQTT login", "failure")
        assert "does not answer (nothing for 0.2 s)" in login.says
    (finding,) = network.check(make_context(**tables))
    assert finding.level == "failure"
    assert f"127.0.0.1:{port} does not answer" in finding.says


@pytest.mark.parametrize("host", ["broker..local", "b" * 70])
def test_name_that_is_none(host: str, make_context: Callable[..., Context]) -> None:
    (finding,) = network.check(make_context(run={"sinks": ["mqtt"]}, mqtt={"host": host}))
    assert (finding.level, finding.name) == ("failure", "MQTT broker")
    assert f"{host}:1883 does not answer (" in finding.says
