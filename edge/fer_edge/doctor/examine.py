"""Runs the checks one by one; one that hangs or breaks is a finding too, and the next has its turn."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator, Mapping

from fer_edge.doctor import CHECKS
from fer_edge.doctor.finding import Finding, Place, of_error
from fer_edge.errors import FerEdgeError, first_line
from fer_edge.lookup import lookup

LIMIT = 20.0  # seconds for one family


def examine(place: Place, checks: Mapping[str, str] = CHECKS, limit: float = LIMIT) -> Iterator[Finding]:
    """What all `checks` find, as it is found."""
    for name in checks:
        yield from _bounded(name, checks, place, limit)


def _bounded(name: str, checks: Mapping[str, str], place: Place, limit: float) -> Iterator[Finding]:
    found: queue.SimpleQueue[Finding | None] = queue.SimpleQueue()

    def work() -> None:
        try:
            findings: Iterable[Finding] = lookup(checks, name, "check")(place)
            for finding in findings:
                found.put(finding)
        except FerEdgeError as error:
            found.put(of_error(name, error))
        except Exception as error:  # noqa: BLE001 (a check that breaks must not hide the others)
            words = f"the check itself failed ({type(error).__name__}: {first_line(error)}); please report it"
            found.put(Finding(name, "failure", words, "fer-edge doctor --bundle report.tar.gz"))
        found.put(None)

    threading.Thread(target=work, name=f"check {name}", daemon=True).start()
    while True:
        try:
            finding = found.get(timeout=limit)
        except queue.Empty:
            yield Finding(name, "failure", f"no answer for {limit:g} s: a driver or a device hangs", "sudo reboot")
            return
        if finding is None:
            return
        yield finding
