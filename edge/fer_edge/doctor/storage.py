"""The clock, free space on the disk, and how much the log writes in a day."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fer_edge.doctor.finding import Context, Finding
from fer_edge.logs.files import full_files
from fer_edge.logs.retention import PLAUSIBLE_TIMES
from fer_edge.settings import LogSettings

MIN_LOG_SPAN = timedelta(hours=1)  # to estimate the bytes a day from
MIN_FREE_BYTES = 50e6
MAX_BYTES_PER_DAY = 1e9  # a 32 GB card endures that for years, and no more


def check(context: Context) -> Iterator[Finding]:
    """The names and sizes of the log's files; no line of the log is read."""
    yield clock(context, datetime.now(UTC))
    settings = context.settings.log
    if "log" not in context.settings.run.sinks or settings.store == "memory":
        yield Finding("log", "ok", "nothing is written to the disk")
        return
    yield disk(settings)
    yield writes(settings)


def clock(context: Context, now: datetime) -> Finding:
    """Whether the wall clock is set."""
    words = f"{now:%Y-%m-%d %H:%M} UTC"
    if not PLAUSIBLE_TIMES[0] <= now < PLAUSIBLE_TIMES[1]:
        cure = f"sudo date -s '{datetime(2026, 1, 31, 12):%Y-%m-%d %H:%M}'"
        return Finding("clock", "failure", f"{words}: not set, so the log's times are wrong", cure)
    synchronized = context.ask("timedatectl", "show", "-p", "NTPSynchronized", "--value").strip()
    if synchronized == "no":
        return Finding("clock", "warning", f"{words}, not synchronized (NTP)", "sudo timedatectl set-ntp true")
    return Finding("clock", "ok", words)


def disk(settings: LogSettings) -> Finding:
    """Free space where the log is."""
    folder = _path(settings).parent
    try:
        usage = shutil.disk_usage(folder)
    except OSError as cause:
        return Finding("disk", "failure", f"{folder}: {cause.strerror}", f"sudo mkdir -p {shlex.quote(str(folder))}")
    words = f"{usage.free / 1e9:.1f} GB free of {usage.total / 1e9:.1f} GB; the log takes {limits(settings)}"
    share = 1 - usage.free / max(usage.total, 1)
    if usage.free < MIN_FREE_BYTES:
        return Finding("disk", "failure", f"{words}: full, so the log stops", "sudo apt clean")
    if settings.warn_disk and share >= settings.warn_disk:
        return Finding("disk", "warning", f"{words}: {share:.0%} in use", "sudo apt clean")
    return Finding("disk", "ok", words)


def _path(settings: LogSettings) -> Path:
    """Of the log; of a link the file that it names, beside which full ones are."""
    return Path(os.path.realpath(settings.path))


def limits(settings: LogSettings) -> str:
    """The log's limits in size and age, in words."""
    size = f"{settings.keep_megabytes:g} MB at most" if settings.keep_megabytes else "any amount"
    return f"{size}, kept {settings.keep_days:g} days" if settings.keep_days else f"{size}, kept for ever"


def writes(settings: LogSettings) -> Finding:
    """Bytes a day, estimated from the log's files."""
    path = _path(settings)
    try:
        full = full_files(path)
        total = sum(part.path.stat().st_size for part in full)
    except OSError:
        full, total = [], 0
    span = full[-1].span.end - full[0].span.begin if full else timedelta()
    if span < MIN_LOG_SPAN:
        size = path.stat().st_size if path.is_file() else 0
        return Finding("writes", "ok", f"{_size(size)} in the log so far; too new to estimate a day's amount")
    daily = total / (span / timedelta(days=1))
    words = f"{_size(daily)} a day, over {span / timedelta(days=1):.1f} days of log"
    if daily > MAX_BYTES_PER_DAY:
        return Finding("writes", "warning", f"{words}: wears out an SD card", "fer-edge run --log-mode changes")
    return Finding("writes", "ok", words)


def _size(count: float) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"
