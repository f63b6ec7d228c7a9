"""`fer-edge doctor`: what is wrong here, and the command that fixes it."""

from __future__ import annotations

import argparse
import itertools
import os
import pwd
import sys
from pathlib import Path

from fer_edge.commands.options import SERVICE_SETTINGS, add_settings_options, read_settings
from fer_edge.doctor import bundle
from fer_edge.doctor.examine import examine
from fer_edge.doctor.finding import EXIT_CODES, Context, Finding, worst
from fer_edge.doctor.report import as_json, as_text, verdict
from fer_edge.errors import SettingsError
from fer_edge.service.program import as_root
from fer_edge.settings import Settings

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


def run(options: argparse.Namespace, context: Context | None = None) -> int:
    """Print the findings as they come. The exit code is the worst level's. Raises SinkError. Tests give a `context`."""
    settings, first = _settings(options)
    context = Context(settings, user=_service_user()) if context is None else context
    findings: list[Finding] = []
    for finding in itertools.chain([first], examine(context)):
        findings.append(finding)
        if not options.json:
            print(as_text(finding), flush=True)
    print(as_json(findings) if options.json else f"\n{verdict(findings)}")
    if options.bundle is not None:
        bundle.write(options.bundle, findings, context)
        print(f"written: {options.bundle}; please look at its contents before you send it", file=sys.stderr)
    return EXIT_CODES[worst(findings)]


def _settings(options: argparse.Namespace) -> tuple[Settings, Finding]:
    """The settings to check: the service's unless --config names others; the defaults if those cannot be used."""
    if options.config is None and os.path.lexists(SERVICE_SETTINGS):
        if not os.access(SERVICE_SETTINGS, os.R_OK):
            words = f"you may not read {SERVICE_SETTINGS}; the checks below use the default settings"
            return Settings(), Finding("settings", "warning", words, as_root("doctor"))
        options.config = SERVICE_SETTINGS
    try:
        settings = read_settings(options, {})
    except SettingsError as error:
        cure = f"sudo nano {options.config}" if options.config else ""
        return Settings(), Finding("settings", "failure", f"{error}; the checks below use the default settings", cure)
    return settings, Finding("settings", "ok", str(options.config or "the default settings"))


def _service_user() -> str:
    """The user that the service runs as; "" if the service is not installed."""
    try:
        return pwd.getpwnam(SERVICE_USER).pw_name
    except KeyError:
        return ""
