"""`fer-edge doctor`: what is wrong here, and the command that mends it."""

from __future__ import annotations

import argparse
import itertools
import os
import pwd
import sys
from pathlib import Path

from fer_edge.commands.options import add_settings_options, read_settings
from fer_edge.doctor import bundle
from fer_edge.doctor.examine import examine
from fer_edge.doctor.finding import EXIT_CODES, Finding, Place, worst
from fer_edge.doctor.report import as_json, in_words, verdict
from fer_edge.errors import SettingsError
from fer_edge.settings import Settings

SERVICE_SETTINGS = Path("/etc/fer-edge/fer-edge.toml")
SERVICE_USER = "fer-edge"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of this command."""
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--bundle",
        metavar="FILE",
        type=Path,
        help="pack what a bug report needs (.tar.gz), without pictures or secrets",
    )
    add_settings_options(parser)


def run(options: argparse.Namespace, place: Place | None = None) -> int:
    """Print the findings as they come; the exit code says the worst. Raises SinkError. Tests give a `place`."""
    settings, first = _settings(options)
    place = Place(settings, user=_service_user()) if place is None else place
    findings: list[Finding] = []
    for finding in itertools.chain([first], examine(place)):
        findings.append(finding)
        if not options.json:
            print(in_words(finding), flush=True)
    print(as_json(findings) if options.json else f"\n{verdict(findings)}")
    if options.bundle is not None:
        bundle.write(options.bundle, findings, place)
        print(f"written: {options.bundle}; please look into it before you send it", file=sys.stderr)
    return EXIT_CODES[worst(findings)]


def _settings(options: argparse.Namespace) -> tuple[Settings, Finding]:
    """The settings to judge by, the service's where none are named; the defaults where they are wrong."""
    if options.config is None and SERVICE_SETTINGS.parent.is_dir():
        if not os.access(SERVICE_SETTINGS, os.R_OK):
            words = f"{SERVICE_SETTINGS} cannot be read by you; below, the built-in ones count"
            return Settings(), Finding("settings", "warning", words, "sudo fer-edge doctor")
        options.config = SERVICE_SETTINGS
    try:
        settings = read_settings(options, {})
    except SettingsError as error:
        cure = f"sudo nano {options.config}" if options.config else ""
        return Settings(), Finding("settings", "failure", f"{error}; below, the built-in ones count", cure)
    return settings, Finding("settings", "ok", str(options.config or "the built-in ones"))


def _service_user() -> str:
    """The user that the service runs as, where it is installed; else nobody in particular."""
    try:
        return pwd.getpwnam(SERVICE_USER).pw_name
    except KeyError:
        return ""
