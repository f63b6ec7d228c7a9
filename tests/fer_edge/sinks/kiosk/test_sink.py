"""The kiosk as a sink: it refuses what is not safe, reports what does not work, and recovers by itself."""

from __future__ import annotations

import socket
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from fer_edge.build import make_sink
from fer_edge.errors import SettingsError, SinkError
from fer_edge.pause import PauseSwitch
from fer_edge.settings import Settings, parse
from fer_edge.sinks.guard import Guarded
from fer_edge.sinks.kiosk.sink import Kiosk, open_kiosk
from fer_edge.types import Observation

Make = Callable[..., Observation]


def settings(**kiosk: Any) -> Settings:
    return parse({"kiosk": {"port": 0} | kiosk})


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that another program listens on."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.168.1.5"])
def test_other_devices_need_a_token(address: str) -> None:
    """Others are not let in without a token."""
    with pytest.raises(SettingsError, match=rf"kiosk.address = '{address}'.*kiosk.token_file.*kiosk.insecure"):
        open_kiosk(settings(address=address), PauseSwitch())


def test_token_or_insecure_opens_the_address(tmp_path: Path) -> None:
    """With a token or by wish they are."""
    (tmp_path / "token").write_text("0123456789abcdef")
    for more in ({"token_file": str(tmp_path / "token")}, {"insecure": True}):
        with closing(open_kiosk(settings(address="0.0.0.0", **more), PauseSwitch())) as sink:
            sink.state("starting")
            assert sink.port > 0


@pytest.mark.parametrize("address", ["", "fer-edge.local", "1.2.3", "127.0.0.1:80"])
def test_an_address_is_needed(address: str) -> None:
    with pytest.raises(SettingsError, match=r"not an address; write one, such as 127\.0\.0\.1"):
        open_kiosk(settings(address=address), PauseSwitch())


@pytest.mark.parametrize(
    "wrong", [{"token_file": "/no/token"}, {"language": "xx"}, {"address": "0.0.0.0", "token_file": "/dev/null"}]
)
def test_invalid_settings_are_refused(wrong: dict[str, Any]) -> None:
    """What cannot work is refused at once."""
    with pytest.raises(SettingsError, match=r"kiosk\."):
        open_kiosk(settings(**wrong), PauseSwitch())


def test_missing_starlette_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without starlette it says how to install it."""
    for name in [
        name
        for name in sys.modules
        if name.startswith(("starlette", "fer_edge.sinks.kiosk.app", "fer_edge.sinks.kiosk.server"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "starlette", None)
    with pytest.raises(SettingsError, match=r"kiosk: starlette.* is not installed; .*pip install 'fer-edge\[kiosk\]'"):
        open_kiosk(settings(), PauseSwitch())


def test_taken_port_is_tried_again(taken: int, make_observation: Make, capsys: pytest.CaptureFixture[str]) -> None:
    """A port that is taken is logged and tried again."""
    sink = open_kiosk(settings(port=taken), PauseSwitch())
    with pytest.raises(SinkError, match=f"kiosk 127.0.0.1, port {taken}: Address already in use; choose another"):
        sink.state("starting")
    with pytest.raises(SinkError):
        sink.write(make_observation(1))
    sink.close()


def test_server_starts_once_port_is_free(make_observation: Make, capsys: pytest.CaptureFixture[str]) -> None:
    """It serves as soon as the port is free."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        sink = make_sink("kiosk", settings(port=port))
        assert isinstance(sink, Guarded)  # the loop writes it: it costs a frame nothing
        sink.state("starting")
        assert sink.failing
        assert capsys.readouterr().err.count("\n") == 1
    with closing(sink):
        sink.write(make_observation(0, time=0.5))
        assert sink.failing
        for second in (2.0, 3.0, 4.0):
            sink.write(make_observation(0, time=second))
        assert not sink.failing
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10) as answer:
            assert answer.status == 200


def test_broken_server_is_started_again(make_observation: Make) -> None:
    """A server that broke is started again."""
    with closing(open_kiosk(settings(), PauseSwitch())) as sink:
        sink.state("running")
        assert isinstance(sink, Kiosk)
        assert sink._server is not None
        sink._server._uvicorn.should_exit = True
        sink._server._thread.join(10)
        sink.write(make_observation(1))
        with urllib.request.urlopen(f"http://127.0.0.1:{sink.port}/healthz", timeout=10) as answer:
            assert answer.status == 200


def test_frame_costs_one_reference(make_observation: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted, not timed: no other function of ours, and nothing of the server's, is called."""
    with closing(open_kiosk(settings(), PauseSwitch())) as sink:
        sink.state("running")
        seen, called = make_observation(1, "happy"), []
        sys.setprofile(lambda frame, event, _: called.append(frame.f_code.co_qualname) if event == "call" else None)
        try:
            for _ in range(10):
                sink.write(seen)
        finally:
            sys.setprofile(None)
    ours = ["Kiosk.write", "KioskState.write", "Server.alive", "Thread.is_alive"]
    assert set(called) <= {*ours, "Thread._wait_for_tstate_lock", "Event.is_set"}
    assert len(called) <= 60
