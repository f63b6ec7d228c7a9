"""What a bug report needs, in one file: versions, findings, settings, and the service's own errors.

It holds no picture, no prediction and no password. Of the settings it shows only numbers, switches and choices; of the
journal only the lines in which fer-edge and systemd report problems. Every text from the settings and the home folder's
name are removed from all of it, and from the journal and the findings also what looks like a secret.
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
from fer_edge.doctor.finding import Context, Finding
from fer_edge.doctor.report import as_json
from fer_edge.doctor.scrub import REDACTED, scrub
from fer_edge.errors import SinkError
from fer_edge.files import new_file
from fer_edge.service.settings_changes import shown
from fer_edge.settings import Settings

READ_JOURNAL = ("journalctl", "-u", "fer-edge", "-o", "short-iso", "--no-hostname", "--no-pager", "-n", "500")
# journal lines that report problems; all others may hold predictions
PROBLEM_LINE = re.compile(
    r"systemd\[\d+\]: |fer-edge: (error|warning|note): |fer-edge\[\d+\]: (detector|source|model): "
)


def write(path: Path, findings: Sequence[Finding], context: Context) -> None:
    """Write the bundle, a new .tar.gz. An existing file is never overwritten. Raises SinkError."""
    redact = redactor(context.settings)
    try:
        with new_file(path) as out, tarfile.open(fileobj=out, mode="w:gz") as archive:
            for name, text in contents(findings, context).items():
                data = redact(text).encode()
                entry = tarfile.TarInfo(f"fer-edge-doctor/{name}")
                entry.size, entry.mtime = len(data), int(time.time())
                archive.addfile(entry, io.BytesIO(data))
    except FileExistsError:
        raise SinkError(f"--bundle {path}: exists already; choose another name") from None
    except OSError as cause:
        raise SinkError(f"--bundle {path}: cannot be written ({cause.strerror}); choose another folder") from None


def contents(findings: Sequence[Finding], context: Context) -> dict[str, str]:
    """Name -> text of each file, before anything is redacted."""
    packages = sorted(f"{package.name} {package.version}" for package in distributions())
    return {
        "findings.json": as_json([without_secrets(finding) for finding in findings]),
        "machine.json": json.dumps(dataclasses.asdict(describe(context.root)), ensure_ascii=False, indent=1),
        "settings.json": json.dumps(public_settings(context.settings), ensure_ascii=False, indent=1),
        "packages.txt": "\n".join(packages),
        "journal.txt": scrub("\n".join(problem_lines(context.ask(*READ_JOURNAL)))),
    }


def without_secrets(finding: Finding) -> Finding:
    """`finding` without what looks like a secret, and without the value of a refused setting."""
    says, cure = scrub(finding.says), scrub(finding.cure)
    if finding.name == "settings" and finding.level == "failure":
        says = f"{finding.says.partition(' = ')[0]}: cannot be used" if " = " in finding.says else says
    return dataclasses.replace(finding, says=says, cure=cure)


def public_settings(settings: Settings) -> dict[str, dict[str, str]]:
    """Part -> key -> value; "..." for a value that may be private."""
    parts = {}
    for part in dataclasses.fields(Settings):
        keys = dataclasses.fields(getattr(settings, part.name))
        parts[part.name] = {key.name: shown(settings, part.name, key.name) for key in keys}
    return parts


def problem_lines(journal: str) -> Iterator[str]:
    """The lines of `journal` that report problems, so none that holds a prediction."""
    return (line for line in journal.splitlines() if PROBLEM_LINE.search(line))


def redactor(settings: Settings) -> Callable[[str], str]:
    """A function that removes from a text what is private: see the module's docstring."""
    defaults = set(_texts(_free_values(Settings())))
    private = {text for text in _texts(_free_values(settings)) if text not in defaults and len(text) > 2}
    home = os.path.expanduser("~")  # noqa: PTH111 (Path.home raises if there is none)
    if len(home) > len("/root"):
        private.add(home)

    def redact(text: str) -> str:
        for word in sorted(private, key=len, reverse=True):
            text = text.replace(word, REDACTED).replace(json.dumps(word)[1:-1], REDACTED)
        return text

    return redact


def _free_values(settings: Settings) -> Iterator[Any]:
    """The values of all settings but those with a fixed list of choices."""
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
