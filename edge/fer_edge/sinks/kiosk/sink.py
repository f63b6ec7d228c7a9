"""The kiosk as an output: a page for the room's screen, a history and an API, in a thread of their own.

For a frame it keeps one reference, so the loop itself writes it; all else is done when a client asks.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from fer_edge.errors import SettingsError, SinkError
from fer_edge.extras import install_command
from fer_edge.pause import PauseSwitch
from fer_edge.settings import KioskSettings, Settings
from fer_edge.sinks.kiosk import ways_in
from fer_edge.sinks.kiosk.origin import is_address, is_loopback
from fer_edge.sinks.kiosk.state import KioskState
from fer_edge.sinks.output import output
from fer_edge.sinks.program import Program
from fer_edge.types import Observation, Sink, State

if TYPE_CHECKING:
    from fer_edge.sinks.kiosk.server import Server

_log = logging.getLogger(__name__)


@output(
    network=True,
    requires=lambda _: ("starlette", "uvicorn"),
    extra="kiosk",
    also_reads=("classifier", "detector", "drawing", "run", "crops", "source", "log"),
    shows=lambda: True,
)
def open_kiosk(settings: Settings, pause_switch: PauseSwitch) -> Kiosk:
    """The kiosk that the settings name. Raises SettingsError; an address that is taken may become free later."""
    return Kiosk(settings, pause_switch)


class Kiosk(Sink):
    """Keeps the server running; one that cannot listen, or broke, is started again as any failed sink is."""

    def __init__(self, settings: Settings, pause_switch: PauseSwitch) -> None:
        _check(settings.kiosk)
        try:
            from fer_edge.sinks.kiosk.app import App
            from fer_edge.sinks.kiosk.server import Server
        except ModuleNotFoundError as cause:
            raise SettingsError(
                f"kiosk: {cause.name} is not installed; install it with: {install_command('kiosk')}"
            ) from None
        self._settings, self._pause_switch = settings, pause_switch
        self._state = KioskState()
        self._app, self._server_kind = App, Server
        self._prepared: App | None = App(self._state, pause_switch, settings)  # made now, since it checks the settings
        self._server: Server | None = None

    @property
    def port(self) -> int:
        """The port that it listens on; 0 while it does not."""
        return 0 if self._server is None else self._server.port

    def attach(self, program: Program) -> None:
        """Show the program that runs it."""
        self._state.program = program

    def write(self, observation: Observation) -> None:
        """Keep the observation. Raises SinkError if it cannot listen on the address."""
        self._state.write(observation)
        if self._server is None or not self._server.alive:
            self._start_server()

    def state(self, state: State) -> None:
        """Keep the camera's state. Raises SinkError if it cannot listen on the address."""
        self._state.set_camera(state)
        if self._server is None:
            self._start_server()

    def _start_server(self) -> None:
        self.close()
        kiosk = self._settings.kiosk
        try:
            app = self._prepared or self._app(self._state, self._pause_switch, self._settings)
        except SettingsError as error:  # the token's file is gone by now
            raise SinkError(str(error)) from None
        self._server = self._server_kind(app, kiosk.address, kiosk.port, kiosk.viewers)
        self._prepared = None
        port = self._server.port
        _log.info(f"kiosk: {', '.join(ways_in.urls(kiosk.address, port, kiosk.path))}")
        ways_in.print_invitation(kiosk.address, port, app.tokens, kiosk.path)

    def close(self) -> None:
        """Stop the server. May be called twice."""
        server, self._server = self._server, None
        if server is not None:
            server.close()


def _check(settings: KioskSettings) -> None:
    """Raise SettingsError if other devices could reach it without a token."""
    if not is_address(settings.address) and settings.address != "localhost":
        raise SettingsError("kiosk.address: not an address; write one, such as 127.0.0.1")
    if not is_loopback(settings.address) and not settings.token_file and not settings.insecure:
        raise SettingsError(
            f"kiosk.address = {settings.address!r}: other devices could open it without a token; "
            "name a file with one in kiosk.token_file, or allow it with kiosk.insecure = true"
        )
