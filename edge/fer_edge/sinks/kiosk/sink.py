"""A page for the room's screen, a history and an API, in a thread of their own; `edge/fer_edge/sinks/kiosk/` has them.

Per frame it puts one reference up, so the loop itself writes it; all else is done when somebody looks.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from fer_edge.errors import SettingsError, SinkError
from fer_edge.pause import PauseSwitch
from fer_edge.settings import KioskSettings, Settings
from fer_edge.sinks.kiosk.origin import is_address, is_loopback
from fer_edge.sinks.kiosk.state import KioskState
from fer_edge.sinks.output import output
from fer_edge.types import Observation, Sink, State

if TYPE_CHECKING:
    from fer_edge.sinks.kiosk.server import Server

_log = logging.getLogger(__name__)


@output(network=True, requires=lambda _: ("starlette", "uvicorn"), extra="kiosk")
def open_kiosk(settings: Settings, pause_switch: PauseSwitch) -> Kiosk:
    """The kiosk that the settings name. Raises SettingsError; an address that is taken may become free later."""
    return Kiosk(settings, pause_switch)


class Kiosk(Sink):
    """Keeps the server running; one that cannot listen, or broke, is begun anew as any failed sink is."""

    def __init__(self, settings: Settings, pause_switch: PauseSwitch) -> None:
        _check(settings.kiosk)
        try:
            from fer_edge.sinks.kiosk.app import App
            from fer_edge.sinks.kiosk.server import Server
        except ModuleNotFoundError as cause:
            raise SettingsError(
                f"kiosk: {cause.name} is not installed; install it with: pip install 'fer-edge[kiosk]'"
            ) from None
        self._settings, self._pause_switch = settings, pause_switch
        self._board = KioskState()
        self._app, self._server_kind = App, Server
        self._prepared: App | None = App(self._board, pause_switch, settings)  # here, since it checks the settings
        self._server: Server | None = None

    @property
    def port(self) -> int:
        """Where it listens; 0 while it does not."""
        return 0 if self._server is None else self._server.port

    def write(self, observation: Observation) -> None:
        """Put the observation up. Raises SinkError where the address is not to be had."""
        self._board.write(observation)
        if self._server is None or not self._server.alive:
            self._serve()

    def state(self, state: State) -> None:
        """Put the state up. Raises SinkError where the address is not to be had."""
        self._board.change(state)
        if self._server is None:
            self._serve()

    def _serve(self) -> None:
        self.close()
        kiosk = self._settings.kiosk
        try:
            app = self._prepared or self._app(self._board, self._pause_switch, self._settings)
        except SettingsError as error:  # the token's file is gone since
            raise SinkError(str(error)) from None
        self._server = self._server_kind(app, kiosk.address, kiosk.port, kiosk.viewers)
        self._prepared = None
        _log.info(f"kiosk: http://{_shown(kiosk.address)}:{self._server.port}/")

    def close(self) -> None:
        """End the server. May be called twice."""
        server, self._server = self._server, None
        if server is not None:
            server.close()


def _shown(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _check(settings: KioskSettings) -> None:
    """Raise SettingsError where others could reach it without a token."""
    if not is_address(settings.address) and settings.address != "localhost":
        raise SettingsError(f"kiosk.address = {settings.address!r}: no address; write one such as 127.0.0.1 or 0.0.0.0")
    if not is_loopback(settings.address) and not settings.token_file and not settings.insecure:
        raise SettingsError(
            f"kiosk.address = {settings.address!r}: others could look without a token; name a file with one in "
            "kiosk.token_file, or allow it with kiosk.insecure = true"
        )
