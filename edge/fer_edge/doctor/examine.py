"""Runs the checks one by one. A check that hangs or raises becomes a finding too, and the next one runs."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator, Mapping

from fer_edge.doctor import CHECKS
from fer_edge.doctor.finding import Context, Finding, of_error
from fer_edge.errors import FerEdgeError, first_line
from fer_edge.lookup import lookup

TIME_LIMIT_S = 20.0  # for one group of checks


def examine(context: Context, checks: Mapping[str, str] = CHECKS, limit: float = TIME_LIMIT_S) -> Iterator[Finding]:
    """The findings of all `checks`, each as soon as it is known; `limit` seconds for each group."""
    for name in checks:
        yield from _run_with_limit(name, checks, context, limit)


def _run_with_limit(name: str, checks: Mapping[str, str], context: Context, limit: float) -> Iterator[Finding]:
    found: queue.SimpleQueue[Finding | None] = queue.SimpleQueue()

    def work() -> None:
        try:
            findings: Iterable[Finding] = lookup(checks, name, "check")(context)
            for finding in findings:
                found.put(finding)
        except FerEdgeError as error:
            found.put(of_error(name, error))
        except Exception as error:  # noqa: BLE001 (a check that breaks must not hide the others)
            words = f"the check itself crashed ({type(error).__name__}: {first_line(error)}); please report it"
            found.put(Finding(name, "failure", words, "fer-edge doctor --bundle report.tar.gz"))
        found.put(None)

    threading.Thread(target=work, name=f"check {name}", daemon=True).start()
    while True:
        try:
            finding = found.get(timeout=limit)
        except queue.Empty:
            yield Finding(name, "failure", f"no answer within {limit:g} s: a driver or a device hangs", "sudo reboot")
            return
        if finding is None:
            return
        yield finding
