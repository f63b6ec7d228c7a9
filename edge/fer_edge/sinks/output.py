"""What an output declares beside the function that opens it, so that no other module has to list it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from fer_edge.pause import PauseSwitch
from fer_edge.settings import Settings
from fer_edge.types import Sink

S_co = TypeVar("S_co", bound=Sink, covariant=True)
Open = Callable[[Settings, PauseSwitch], S_co]


@dataclass(frozen=True)
class Output(Generic[S_co]):
    """An output that settings may name. Calling it opens the sink. Raises SettingsError, SinkError."""

    open: Open[S_co]
    in_thread: bool  # True: slow, so it gets a thread and a mailbox; False: `write` returns at once, the loop calls it
    network: bool  # whether it works by the network
    requires: Callable[[Settings], Sequence[str]]  # modules of optional libraries that it imports with these settings
    extra: str  # the extra of fer-edge that installs them
    also_reads: tuple[str, ...] = ()  # further tables of the settings; if one changes while it runs, it is opened again
    shows: Callable[[], bool] = lambda: False  # whether people see it at once; the demo then plays in real time
    debian: str = ""  # Debian's packages of them, which an environment that sees the system's packages takes instead
    where: Callable[[Settings], str] = lambda _: ""  # where it writes, said at the start; "": it says so itself

    def __call__(self, settings: Settings, pause_switch: PauseSwitch) -> S_co:
        """The sink that the settings ask for; it may pause the loop by `pause_switch`."""
        return self.open(settings, pause_switch)


def output(
    *,
    in_thread: bool = False,
    network: bool = False,
    requires: Callable[[Settings], Sequence[str]] = lambda _: (),
    extra: str = "",
    also_reads: tuple[str, ...] = (),
    shows: Callable[[], bool] = lambda: False,
    debian: str = "",
    where: Callable[[Settings], str] = lambda _: "",
) -> Callable[[Open[S_co]], Output[S_co]]:
    """Decorate the function that opens an output with its properties."""
    return lambda function: Output(function, in_thread, network, requires, extra, also_reads, shows, debian, where)
