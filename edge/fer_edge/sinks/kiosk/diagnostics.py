"""How this device does: speed, temperature, disk, outputs; the doctor's findings; the settings and where they are from.

All of it is found out when a client asks. The doctor runs as a program of its own,
`python -m fer_edge.sinks.kiosk.diagnostics SETTINGS`, whose memory goes with it; SETTINGS is a descriptor of JSON.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fer_edge.errors import SinkError

if TYPE_CHECKING:
    from fer_edge.settings import Settings
    from fer_edge.sinks.kiosk.jobs import Job
    from fer_edge.sinks.kiosk.state import KioskState

DOCTOR_TIMEOUT_S = 90.0
MIN_FPS_SPAN_S = 1.0  # between the two frames that a rate is computed from


class Diagnostics:
    """`/api/v1/diagnostics`."""

    def __init__(self, state: KioskState, settings: Settings) -> None:
        self._state, self._settings = state, settings
        self._before: tuple[int, float] | None = None  # number and time of a frame, seconds
        self._fps: float | None = None

    def now(self) -> dict[str, Any]:
        """What the page shows; unknown is null."""
        from fer_edge.doctor.scrub import scrub
        from fer_edge.logs.retention import disk_used
        from fer_edge.sources.thermal import celsius

        state, program, log = self._state, self._state.program, self._settings.log
        temperature, disk = celsius(), None
        with suppress(OSError):
            disk = round(100 * disk_used(Path(log.path).absolute().parent))
        return {
            "state": state.camera,
            "fps": self.fps(),
            "celsius": None if temperature is None else round(temperature),
            "disk_percent": disk,
            "source": program.source if program else state.source or None,
            "model": program.model() if program else None,
            "stages": self.stages(),
            "outputs": [
                {"name": one.name, "failing": one.troubled, "last_error": scrub(one.last_error) or None}
                for one in (program.outputs() if program else ())
            ],
        }

    def fps(self) -> float | None:
        """Frames a second since it was asked for before, or since the start; None while there are none."""
        latest, program = self._state.latest, self._state.program
        if latest is None:
            self._before = self._fps = None
            return None
        number, moment = latest.frame.number, latest.frame.time
        if self._before is None or not moment - self._before[1] >= 0 or number < self._before[0]:
            self._before, self._fps = (number, moment), None
        elif moment - self._before[1] >= MIN_FPS_SPAN_S:
            self._fps = round((number - self._before[0]) / (moment - self._before[1]), 1)
            self._before = number, moment
        return self._fps if self._fps is not None or program is None else round(program.stopwatch.fps, 1)

    def stages(self) -> list[dict[str, Any]]:
        """The loop's stages since the start, in milliseconds."""
        program = self._state.program
        return [
            {
                "stage": name,
                "median_ms": round(1000 * times.percentile(0.5), 2),
                "p95_ms": round(1000 * times.percentile(0.95), 2),
            }
            for name, times in (list(program.stopwatch.stages.items()) if program else ())
        ]


def settings_in_words(settings: Settings, config: Path | None) -> dict[str, Any]:
    """Each setting with its value, its default, its meaning and who set it; a value that may be a secret is null."""
    from fer_edge.service.settings_changes import harmless
    from fer_edge.settings_reference import tables, to_toml

    given = _given(config)
    parts = []
    for table in tables():
        entries = []
        for entry in table.settings:
            value = getattr(getattr(settings, entry.part), entry.key)
            changed = value != entry.default
            own = given.get(entry.part)
            in_file = isinstance(own, dict) and entry.key in own and _same(own[entry.key], value)
            entries.append(
                {
                    "name": entry.name,
                    "value": to_toml(value) if not changed or harmless(value, entry.metadata) else None,
                    "default": to_toml(entry.default),
                    "allowed": entry.allowed or entry.kind,
                    "meaning": entry.meaning,
                    "changed": changed,
                    "set_by": "file" if in_file else "command" if changed else "default",
                }
            )
        parts.append({"name": table.name, "meaning": table.meaning, "settings": entries})
    return {"file": None if config is None else str(config), "tables": parts}


def _given(config: Path | None) -> dict[str, Any]:
    """What the settings file has now; empty if it cannot be read."""
    try:
        return tomllib.loads(config.read_text(encoding="utf-8-sig")) if config is not None else {}
    except (OSError, ValueError, RecursionError):
        return {}


def _same(given: Any, value: Any) -> bool:
    """Whether a setting has the value that a file gives."""
    return bool(json.loads(json.dumps(value, default=str)) == json.loads(json.dumps(given, default=str)))


def examine(settings: Settings, job: Job) -> dict[str, Any]:
    """The doctor's findings, without that of the camera, which is in use. May take long.

    Raises SinkError, CancelledJobError.
    """
    descriptor = os.memfd_create("fer-edge-settings")
    try:
        os.write(descriptor, json.dumps(dataclasses.asdict(settings)).encode())
        module = "fer_edge.sinks.kiosk.diagnostics"
        code, out, _ = job.run_module(module, [str(descriptor)], DOCTOR_TIMEOUT_S, (descriptor,))
        found: dict[str, Any] = json.loads(out)
    except (subprocess.TimeoutExpired, ValueError):
        raise SinkError("kiosk: the checks did not end; run them in a terminal: fer-edge doctor") from None
    finally:
        os.close(descriptor)
    if code:
        raise SinkError("kiosk: the checks failed; run them in a terminal: fer-edge doctor")
    return found | {"time": round(time.time(), 1)}


def main(descriptor: str) -> int:
    """Print the findings as JSON."""
    from fer_edge.doctor import CHECKS
    from fer_edge.doctor.examine import examine as all_findings
    from fer_edge.doctor.finding import Context, worst
    from fer_edge.doctor.scrub import scrub
    from fer_edge.settings import parse

    with suppress(OSError):  # a service may not be allowed to
        os.nice(10)
    settings = parse(json.loads(os.pread(int(descriptor), os.fstat(int(descriptor)).st_size, 0)))
    checks = {name: check for name, check in CHECKS.items() if name != "camera"}
    findings = list(all_findings(Context(settings), checks))
    entries = [finding.as_dict() | {"says": scrub(finding.says)} for finding in findings]
    print(json.dumps({"verdict": worst(findings), "findings": entries}))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
