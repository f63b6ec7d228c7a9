"""Reports to the service manager by sd_notify(3): a datagram to the socket that it names."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from contextlib import suppress

Notify = Callable[[Mapping[str, str]], None]


def notifier(environment: Mapping[str, str]) -> Notify | None:
    """A function that sends variables such as {"READY": "1"}; None without a manager that asks for them.

    $NOTIFY_SOCKET is a path, or after "@" an abstract name (unix(7)). Sending neither waits nor fails: a manager that
    does not listen is not ours to fix.
    """
    address = environment.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return None
    to = "\0" + address[1:] if address[0] == "@" else address

    def notify(variables: Mapping[str, str]) -> None:
        text = "\n".join(f"{name}={value}" for name, value in variables.items())
        kind = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK
        with suppress(OSError), socket.socket(socket.AF_UNIX, kind) as mouth:
            mouth.sendto(text.encode(), to)

    return notify


def watchdog_seconds(environment: Mapping[str, str]) -> float:
    """Seconds of silence after which the service manager ends the program; 0.0: it does not."""
    try:
        return max(int(environment.get("WATCHDOG_USEC", "")) / 1e6, 0.0)
    except ValueError:
        return 0.0
