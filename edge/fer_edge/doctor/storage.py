"""The clock, room on the disk, and how much the log writes in a day."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fer_edge.doctor.finding import Finding, Place
from fer_edge.logs.files import parts
from fer_edge.logs.keeping import PLAUSIBLE
from fer_edge.settings import LogSettings

LEAST = timedelta(hours=1)  # of log, to say what a day writes
MUCH = 1e9  # bytes a day; a 32 GB card bears that for years, and no more


def look(place: Place) -> Iterator[Finding]:
    """Reads names and sizes of the log's files, and not one line."""
    yield clock(place, datetime.now(UTC))
    settings = place.settings.log
    if "log" not in place.settings.run.sinks or settings.store == "memory":
        yield Finding("log", "ok", "nothing is written to the disk")
        return
    yield disk(settings)
    yield writes(settings)


def clock(place: Place, now: datetime) -> Finding:
    """Whether the wall clock may be believed."""
    words = f"{now:%Y-%m-%d %H:%M} UTC"
    if not PLAUSIBLE[0] <= now < PLAUSIBLE[1]:
        cure = f"sudo date -s '{datetime(2026, 1, 31, 12):%Y-%m-%d %H:%M}'"
        return Finding("clock", "failure", f"{words}: not set, so the log's times are wrong", cure)
    synchronized = place.ask("timedatectl", "show", "-p", "NTPSynchronized", "--value").strip()
    if synchronized == "no":
        return Finding("clock", "warning", f"{words}, not set by the network", "sudo timedatectl set-ntp true")
    return Finding("clock", "ok", words)


def disk(settings: LogSettings) -> Finding:
    """Room where the log is."""
    folder = Path(settings.path).absolute().parent
    try:
        usage = shutil.disk_usage(folder)
    except OSError as cause:
        return Finding("disk", "failure", f"{folder}: {cause.strerror}", f"sudo mkdir -p {folder}")
    words = f"{usage.free / 1e9:.1f} GB free of {usage.total / 1e9:.1f} GB; the log takes {limits(settings)}"
    share = 1 - usage.free / max(usage.total, 1)
    if usage.free < 50e6:
        return Finding("disk", "failure", f"{words}: full, and the log stops", "sudo apt clean")
    if settings.warn_disk and share >= settings.warn_disk:
        return Finding("disk", "warning", f"{words}: {share:.0%} in use", "sudo apt clean")
    return Finding("disk", "ok", words)


def limits(settings: LogSettings) -> str:
    """What the log is kept within, in words."""
    size = f"{settings.keep_megabytes:g} MB at most" if settings.keep_megabytes else "what it needs"
    return f"{size}, kept {settings.keep_days:g} days" if settings.keep_days else f"{size}, kept for ever"


def writes(settings: LogSettings) -> Finding:
    """Bytes a day by the files that are there."""
    path = Path(settings.path)
    try:
        full = parts(path)
        total = sum(part.path.stat().st_size for part in full)
    except OSError:
        full, total = [], 0
    span = full[-1].span.end - full[0].span.begin if full else timedelta()
    if span < LEAST:
        size = path.stat().st_size if path.is_file() else 0
        return Finding("writes", "ok", f"{_size(size)} in the log so far; too new to say how much a day")
    daily = total / (span / timedelta(days=1))
    words = f"{_size(daily)} a day, over {span / timedelta(days=1):.1f} days of log"
    if daily > MUCH:
        return Finding("writes", "warning", f"{words}: wears an SD card", "fer-edge run --log-mode changes")
    return Finding("writes", "ok", words)


def _size(count: float) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"
