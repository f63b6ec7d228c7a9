"""The kiosk as a sink: it refuses what is not safe, tells what does not work, and comes back by itself."""

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
    """A port that somebody else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.168.1.5"])
def test_others_are_not_let_in_without_a_token(address: str) -> None:
    with pytest.raises(SettingsError, match=rf"kiosk.address = '{address}'.*kiosk.token_file.*kiosk.insecure"):
        open_kiosk(settings(address=address), PauseSwitch())


def test_with_a_token_or_by_wish_they_are(tmp_path: Path) -> None:
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
def test_what_cannot_work_is_refused_at_once(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=r"kiosk\."):
        open_kiosk(settings(**wrong), PauseSwitch())


def test_without_starlette_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [
        name
        for name in sys.modules
        if name.startswith(("starlette", "fer_edge.sinks.kiosk.app", "fer_edge.sinks.kiosk.server"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "starlette", None)
    with pytest.raises(SettingsError, match=r"kiosk: starlette.* is not installed; .*pip install 'fer-edge\[kiosk\]'"):
        open_kiosk(settings(), PauseSwitch())


def test_a_port_that_is_taken_is_told_and_tried_again(
    taken: int, make_observation: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    sink = open_kiosk(settings(port=taken), PauseSwitch())
    with pytest.raises(SinkError, match=f"kiosk 127.0.0.1, port {taken}: Address already in use; choose another"):
        sink.state("starting")
    with pytest.raises(SinkError):
        sink.write(make_observation(1))
    sink.close()


def test_it_serves_as_soon_as_the_port_is_free(make_observation: Make, capsys: pytest.CaptureFixture[str]) -> None:
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


def test_a_server_that_broke_is_begun_anew(make_observation: Make) -> None:
    with closing(open_kiosk(settings(), PauseSwitch())) as sink:
        sink.state("running")
        assert isinstance(sink, Kiosk)
        assert sink._server is not None
        sink._server._uvicorn.should_exit = True
        sink._server._thread.join(10)
        sink.write(make_observation(1))
        with urllib.request.urlopen(f"http://127.0.0.1:{sink.port}/healthz", timeout=10) as answer:
            assert answer.status == 200


def test_a_frame_costs_nothing_but_putting_it_up(make_observation: Make, monkeypatch: pytest.MonkeyPatch) -> None:
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
