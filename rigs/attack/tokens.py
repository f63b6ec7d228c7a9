"""Guesses of the kiosk's token: by the login page, by Authorization, by forged cookies, from many addresses, by time.

    python -m attack.tokens

It runs in a network of its own with further addresses of IPv4 and IPv6 (`unshare -rn`, iproute2). Held: five guesses a
minute of an address, where one /64 of IPv6 is one, are looked at; nothing but the token opens; a guess that is half
right takes no longer.
"""

from __future__ import annotations

import http.client
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from fer_edge.sinks.kiosk.tokens import Tokens

from attack.target import Service, Table, service

TOKEN = "Zx81-planted-Token-4711-unguessed"
INSIDE = "FER_ATTACK_INSIDE"
ALLOWED = 6  # five at once, and one that comes back meanwhile
MAX_DIFFERENCE = 0.15  # of time
TIMED_CALLS, TIMED_ROUNDS = 2000, 60
ADDRESSES = [
    "10.66.0.1",
    "10.66.0.2",
    "10.66.0.9",
    "fd66:0:0:1::1",
    "fd66:0:0:1::2",
    "fd66:0:0:1:ffff::3",
    "fd66:0:0:2::1",
]


def main() -> int:
    if INSIDE not in os.environ:
        if not shutil.which("unshare") or not shutil.which("ip"):
            print("tokens: needs unshare (util-linux) and ip (iproute2)")
            return 0
        lines = "".join(f" && ip addr add {a}/{24 if '.' in a else 48} dev lo" for a in ADDRESSES)
        up = f'ip link set lo up{lines} && exec "$@"'
        command = ["unshare", "-rn", "sh", "-c", up, "sh", sys.executable, "-m", "attack.tokens"]
        return subprocess.run(command, env=os.environ | {INSIDE: "1"}, check=False).returncode
    table = Table("the kiosk's token")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "token"
        path.write_text(f"{TOKEN}\n")
        path.chmod(0o600)
        kiosk = {"address": "::", "token_file": str(path), "hosts": "10.66.0.9"}
        with service({"kiosk": kiosk}, token=TOKEN) as target:
            guesses(table, target)
            cookies(table, target)
            paths(table, target)
            shown = target.errors + (target.folder / "console").read_text()
            table.row("the token in what is printed", 1, int(TOKEN not in shown))
    timing(table)
    return table.close()


def ask(target: Service, source: str, method: str, path: str, body: bytes = b"", **headers: str) -> int:
    """The status of an answer to `source`, an address of the attacker's."""
    place = "10.66.0.9" if "." in source else "fd66:0:0:1::1"
    with closing(http.client.HTTPConnection(place, target.port, timeout=20, source_address=(source, 0))) as connection:
        try:
            connection.request(method, path, body, {name.replace("_", "-"): text for name, text in headers.items()})
            return connection.getresponse().status
        except OSError:
            return 0


def guesses(table: Table, target: Service) -> None:
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    for name, sources in {
        "40 guesses of an IPv4 address": ["10.66.0.1"],
        "40 guesses of three addresses of a /64": ["fd66:0:0:1::1", "fd66:0:0:1::2", "fd66:0:0:1:ffff::3"],
    }.items():
        answers = []
        for number in range(40):
            source = sources[number % len(sources)]
            if number % 2:
                answers.append(ask(target, source, "POST", "/login", b"token=guess%d" % number, **form))
            else:
                answers.append(ask(target, source, "GET", "/api/v1/now", Authorization=f"Bearer guess{number}"))
        looked_at = sum(answer in (401, 403) for answer in answers)
        held = looked_at <= ALLOWED and set(answers) <= {401, 403, 429}
        table.row(name, 1, int(held), f"{looked_at} looked at, {answers.count(429)} refused")
    others = [ask(target, source, "GET", "/api/v1/now", Authorization=f"Bearer {TOKEN}") for source in ADDRESSES[1:2]]
    others.append(ask(target, "fd66:0:0:2::1", "GET", "/api/v1/now", Authorization=f"Bearer {TOKEN}"))
    table.row("the right token of others meanwhile", len(others), others.count(200))


def cookies(table: Table, target: Service) -> None:
    """Forged, expired and odd ones."""
    now = int(time.time())
    own = Tokens("another-token-of-an-attacker").new_cookie()
    signature = own.partition(".")[2]
    forged = [own, f"{now + 9**9}.{signature}", f"{now}.", ".", "", "9" * 4000, f"{now}.{'0' * 64}", f"-1.{signature}"]
    forged += [
        f"{now + 100}.{signature[:-1]}é",
        f"\u0661.{signature}",
        f"{now + 100}",
        f"{TOKEN[:-1]}",
        f"1e9.{signature}",
    ]
    answers = [
        ask(target, "10.66.0.2", "GET", "/api/v1/now", Cookie=f"fer-edge={text}".encode().decode("latin-1"))
        for text in forged
    ]
    table.row("forged cookies", len(forged), answers.count(401))


def paths(table: Table, target: Service) -> None:
    """Ways around the check: paths that begin with an open one, odd letters, methods."""
    odd = [
        "/static/../api/v1/now",
        "/login/../api/v1/now",
        "/healthz/api",
        "//api/v1/now",
        "/API/v1/now",
        "/static/%2e%2e/now",
    ]
    odd += [
        "/login;/api/v1/now",
        "/api/v1/now/",
        "/api%2fv1/now",
        "/%61pi/v1/now",
        "/live.mjpg",
        "/metrics",
        "/api/v1/stream",
    ]
    answers = [ask(target, "10.66.0.2", method, path) for path in odd for method in ("GET", "HEAD", "OPTIONS")]
    held = [status for status in answers if status in (303, 400, 401, 404, 405, 429)]
    table.row("ways around it", len(answers), len(held))


def timing(table: Table) -> None:
    """The shortest times of comparing guesses that are wrong at once and at the very end."""
    tokens = Tokens(TOKEN)
    wrong = {"first": "!" + TOKEN[1:], "last": TOKEN[:-1] + "!"}
    times: dict[str, list[float]] = {name: [] for name in wrong}
    for _ in range(TIMED_ROUNDS):
        for name, guess in wrong.items():
            begun = time.perf_counter()
            for _ in range(TIMED_CALLS):
                tokens.is_valid(guess)
            times[name].append((time.perf_counter() - begun) / TIMED_CALLS)
    first, last = (statistics.quantiles(each, n=10)[0] for each in times.values())
    held = abs(last - first) / first <= MAX_DIFFERENCE
    table.row("time of a comparison", 1, int(held), f"{1e9 * first:.0f} ns, wrong at the end {1e9 * last:.0f} ns")


if __name__ == "__main__":
    sys.exit(main())
