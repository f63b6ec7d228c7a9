"""One address that takes all it can get, and another one, and this device, that want to be served meanwhile.

    python -m attack.crowds

It runs in a network of its own, whose loopback has two further addresses (`unshare -rn`, iproute2). Held: each of the
others' requests is answered, and the service holds at most 200 MB.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from contextlib import suppress

from attack.target import MAX_MEMORY_MB, Service, Table, memory_mb, service

ATTACKER, OTHER = "10.66.0.1", "10.66.0.2"
INSIDE = "FER_ATTACK_INSIDE"
HEAD = b"HTTP/1.1\r\nHost: 10.66.0.9\r\n"
POST = b"POST /api/v1/detect " + HEAD + b"Content-Type: image/png\r\nContent-Length: 1000000\r\n\r\n"
# what each of its connections sends
CROWDS = {
    "380 silent connections": (380, b""),
    "380 half requests": (380, b"GET / " + HEAD),
    "300 event streams": (300, b"GET /api/v1/stream " + HEAD + b"\r\n"),
    "50 slow uploads": (50, POST + bytes(1000)),
    "50 histories": (50, b"GET /api/v1/history " + HEAD + b"\r\n"),
    "50 that read nothing": (50, (b"GET /static/feed.js " + HEAD + b"\r\n") * 100),
}
# what the others ask for: a request, and what its answer may begin with
WANTED = {
    "page": (b"GET / " + HEAD + b"\r\n", b" 200 "),
    "stream": (b"GET /api/v1/stream " + HEAD + b"\r\n", b" 200 "),
    "picture": (b"POST /api/v1/detect " + HEAD + b"Content-Type: image/png\r\nContent-Length: 1\r\n\r\n1", b" 422 "),
}


def main() -> int:
    if INSIDE not in os.environ:
        if not shutil.which("unshare") or not shutil.which("ip"):
            print("crowds: needs unshare (util-linux) and ip (iproute2)")
            return 0
        up = 'ip link set lo up && for a in 1 2 9; do ip addr add 10.66.0.$a/24 dev lo; done && exec "$@"'
        command = ["unshare", "-rn", "sh", "-c", up, "sh", sys.executable, "-m", "attack.crowds"]
        return subprocess.run(command, env=os.environ | {INSIDE: "1"}, check=False).returncode
    table = Table("one address against all others")
    with service({"kiosk": {"address": "0.0.0.0", "insecure": True, "hosts": "10.66.0.9"}}) as target:
        for name, (count, data) in CROWDS.items():
            attack(table, target, name, count, data)
    return table.close()


def attack(table: Table, target: Service, name: str, count: int, data: bytes) -> None:
    target.begin_peak()
    crowd = []
    for _ in range(count):
        with suppress(OSError):
            crowd.append(connect(target, ATTACKER, data))
    tried = held = 0
    for address in (OTHER, "127.0.0.1"):
        for request, answer in WANTED.values():
            tried += 1
            with suppress(OSError), connect(target, address, request) as connection:
                held += answer in connection.recv(65_536).split(b"\r\n")[0]
    for connection in crowd:
        connection.close()
    peak = max(target.peak_mb, memory_mb(target.process.pid))
    table.row(name, tried, held if peak <= MAX_MEMORY_MB else 0, f"{peak:.0f} MB")


def connect(target: Service, address: str, data: bytes) -> socket.socket:
    place = "127.0.0.1" if address == "127.0.0.1" else "10.66.0.9"
    connection = socket.create_connection((place, target.port), timeout=20, source_address=(address, 0))
    connection.sendall(data)
    return connection


if __name__ == "__main__":
    sys.exit(main())
