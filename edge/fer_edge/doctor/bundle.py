"""What a bug report needs, in one file: versions, findings, settings, and what the service said of itself.

No picture, no reading, no password: of the settings only numbers, switches and choices are shown; of the journal only
the lines with which fer-edge and systemd tell of trouble; and every text from the settings, every password in an
address and the home folder's name are taken out of all of it.
"""

from __future__ import annotations

import dataclasses
import io
import json
import os
import re
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from fer_edge.bench.machine import describe
from fer_edge.doctor.finding import Finding, Place
from fer_edge.doctor.report import as_json
from fer_edge.errors import SinkError
from fer_edge.service.settings_changes import shown
from fer_edge.settings import Settings

JOURNAL = ("journalctl", "-u", "fer-edge", "-o", "short-iso", "--no-hostname", "--no-pager", "-n", "500")
# lines of the journal that tell of trouble; all others may be readings
TELLING = re.compile(r"systemd\[\d+\]: |fer-edge: (error|warning|note): |fer-edge\[\d+\]: (source|model): ")
HIDDEN = "..."


def write(path: Path, findings: Sequence[Finding], place: Place) -> None:
    """Write the bundle, a .tar.gz, in place of none: what is there is not overwritten. Raises SinkError."""
    clean = scrubber(place.settings)
    try:
        with path.open("xb") as out, tarfile.open(fileobj=out, mode="w:gz") as archive:
            for name, text in contents(findings, place).items():
                data = clean(text).encode()
                entry = tarfile.TarInfo(f"fer-edge-doctor/{name}")
                entry.size, entry.mtime = len(data), int(time.time())
                archive.addfile(entry, io.BytesIO(data))
    except FileExistsError:
        raise SinkError(f"--bundle {path}: is there already; choose another name") from None
    except OSError as cause:
        raise SinkError(f"--bundle {path}: cannot be written ({cause.strerror}); choose another place") from None


def contents(findings: Sequence[Finding], place: Place) -> dict[str, str]:
    """Name -> text of each file, before it is scrubbed."""
    packages = sorted(f"{package.name} {package.version}" for package in distributions())
    return {
        "findings.json": as_json([without_value(finding) for finding in findings]),
        "machine.json": json.dumps(dataclasses.asdict(describe(place.root)), ensure_ascii=False, indent=1),
        "settings.json": json.dumps(settings_shown(place.settings), ensure_ascii=False, indent=1),
        "packages.txt": "\n".join(packages),
        "journal.txt": "\n".join(telling(place.ask(*JOURNAL))),
    }


def without_value(finding: Finding) -> Finding:
    """Without the value that a refused setting has: what it holds is not known to be none of the secrets."""
    if finding.name != "settings" or finding.level != "failure":
        return finding
    return dataclasses.replace(finding, says=f"{finding.says.partition(' = ')[0]}: cannot be used")


def settings_shown(settings: Settings) -> dict[str, dict[str, str]]:
    """Part -> key -> value, "..." for what may be nobody else's business."""
    parts = {}
    for part in dataclasses.fields(Settings):
        keys = dataclasses.fields(getattr(settings, part.name))
        parts[part.name] = {key.name: shown(settings, part.name, key.name) for key in keys}
    return parts


def telling(journal: str) -> Iterator[str]:
    """Its lines that are no readings."""
    return (line for line in journal.splitlines() if TELLING.search(line))


def scrubber(settings: Settings) -> Callable[[str], str]:
    """A function that takes out of a text what is private: see the module."""
    usual = set(_texts(_all(Settings())))
    private = {text for text in _texts(_all(settings)) if text not in usual and len(text) > 2}
    home = os.path.expanduser("~")  # noqa: PTH111 (Path.home raises where there is none)
    if len(home) > len("/root"):
        private.add(home)

    def clean(text: str) -> str:
        for word in sorted(private, key=len, reverse=True):
            text = text.replace(word, HIDDEN).replace(json.dumps(word)[1:-1], HIDDEN)
        return re.sub(r"(\w+://)[^/\s@]*@", rf"\1{HIDDEN}@", text)

    return clean


def _all(settings: Settings) -> Iterator[Any]:
    for part in dataclasses.fields(Settings):
        table = getattr(settings, part.name)
        for key in dataclasses.fields(table):
            if "choices" not in key.metadata and "each" not in key.metadata:
                yield getattr(table, key.name)


def _texts(values: Iterator[Any]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            yield value
            yield from (word for word in re.split(r"[/@:?&=\s]+", value) if len(word) > 5)
        elif isinstance(value, Mapping):
            yield from _texts(iter(value.values()))
        elif isinstance(value, tuple):
            yield from _texts(iter(value))
