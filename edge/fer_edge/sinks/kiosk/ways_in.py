"""How to reach the kiosk: its addresses, and in a terminal a QR code that logs a telephone in, once."""

from __future__ import annotations

import io
import socket
import sys
from contextlib import closing
from ipaddress import ip_address
from typing import TextIO

from fer_edge.sinks.kiosk import paths
from fer_edge.sinks.kiosk.origin import is_loopback
from fer_edge.sinks.kiosk.tokens import ONCE_MINUTES, Tokens

# From documentation networks (RFC 5737, RFC 3849): nothing is sent there, the system only says from where it would be.
ELSEWHERE = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}


def urls(address: str, port: int, path: str = "") -> list[str]:
    """The kiosk's addresses, as a browser takes them: for a network, by its name and then by its number.

    The pages are beneath `path`.
    """
    if is_loopback(address):
        return [_url(address, port, path)]
    number = (own_address() or "") if ip_address(address).is_unspecified else address
    name = socket.gethostname().removesuffix(".local")
    return [_url(f"{name}.local", port, path), *([_url(number, port, path)] if number else [])]


def own_address() -> str | None:
    """The address here, in the network that leads elsewhere; None without one."""
    for family, there in ELSEWHERE.items():
        try:
            with closing(socket.socket(family, socket.SOCK_DGRAM)) as probe:
                probe.connect((there, 9))
                return str(probe.getsockname()[0])
        except OSError:
            continue
    return None


def invitation(url: str, tokens: Tokens) -> str:
    """What a telephone's camera takes: a QR code, and the link in it, which logs in once. For a terminal alone."""
    link = f"{url.rstrip('/')}{paths.LOGIN}?once={tokens.new_once()}" if tokens.required else url
    said = f"{link}   (logs in once, within {ONCE_MINUTES} minutes)" if tokens.required else link
    return f"{_qr_code(link)}{said}"


def print_invitation(address: str, port: int, tokens: Tokens, path: str = "", stream: TextIO | None = None) -> None:
    """Print it if others may open the kiosk and `stream`, standard output, is a terminal: a log must hold no link."""
    stream = stream or sys.stdout
    if not is_loopback(address) and stream.isatty():
        print(invitation(urls(address, port, path)[-1], tokens), file=stream, flush=True)


def _qr_code(text: str) -> str:
    """In characters of half a line; empty if the library is not there."""
    try:
        import segno
    except ModuleNotFoundError:
        return ""
    drawn = io.StringIO()
    segno.make(text, error="l", micro=False).terminal(drawn, border=2, compact=True)
    return drawn.getvalue()


def _url(host: str, port: int, path: str) -> str:
    return f"http://[{host}]:{port}{path}/" if ":" in host else f"http://{host}:{port}{path}/"
