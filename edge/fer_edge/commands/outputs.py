"""`fer-edge outputs`: where predictions can go, what that needs, and how to switch it on."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from fer_edge.commands.options import add_settings_options, read_settings
from fer_edge.doctor.software import importable, install_command
from fer_edge.lookup import lookup
from fer_edge.settings import Settings
from fer_edge.settings_reference import to_toml
from fer_edge.sinks import SINKS, SUMMARIES
from fer_edge.sinks.output import Output

# What an output must be told before it can start, as options of `fer-edge run`; an output of its own needs none.
NEEDED_OPTIONS = {
    "hook": """--sink hook --set 'hook.command=["/home/pi/greet.sh"]'""",
    "webhook": "--sink webhook --set webhook.url=https://example.org",
    "mqtt": "--sink mqtt --set mqtt.host=broker.local",
    "crops": "--save-crops faces --label smile",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of this command."""
    add_settings_options(parser)


def run(options: argparse.Namespace) -> int:
    """Print the list. Raises SettingsError."""
    settings = read_settings(options, {})
    for name in SINKS:
        print(*_lines(name, settings), sep="\n")
    names = list(dict.fromkeys((*settings.run.sinks, "kiosk")))
    print(f"in a settings file: below [run], sinks = {to_toml(names)}")
    return 0


def _lines(name: str, settings: Settings) -> Iterator[str]:
    output: Output[Any] = lookup(SINKS, name, "sink")
    is_on = name in settings.run.sinks
    yield f"{name:8} {'on' if is_on else '-':3} {SUMMARIES.get(name, '')}".rstrip()
    modules = output.requires(settings)
    if missing := [module for module in modules if not importable(module)]:
        yield f"    not installed: {', '.join(missing)}; {install_command(output)}"
    elif output.extra:
        yield f"    installed: {', '.join(modules) or 'nothing is needed with these settings'}"
    if not is_on:
        yield f"    on with: fer-edge run {NEEDED_OPTIONS.get(name, f'--sink {name}')}"
