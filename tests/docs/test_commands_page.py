"""docs/commands.md has every command of fer-edge, with every option."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator

import pytest
from doc_pages import ROOT
from fer_edge import cli

PAGE = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")


def commands(parser: argparse.ArgumentParser, name: str) -> Iterator[tuple[str, set[str]]]:
    """(name, options) of a command, and of those below it."""
    options = {
        option
        for action in parser._actions
        if action.help != argparse.SUPPRESS
        for option in action.option_strings
        if option.startswith("--")
    }
    yield name, options - {"--help"}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, below in action.choices.items():
                yield from commands(below, f"{name} {word}")


def all_commands() -> list[tuple[str, set[str]]]:
    found = []
    for name in cli.COMMANDS:
        (sub,) = (action for action in cli.parser([name])._actions if isinstance(action, argparse._SubParsersAction))
        found += list(commands(sub.choices[name], name))
    return found


@pytest.mark.parametrize(("name", "options"), all_commands(), ids=lambda value: value if isinstance(value, str) else "")
def test_page_has_the_options(name: str, options: set[str]) -> None:
    """No more and no fewer: what SETTINGS stands for is said once."""
    shorthand = re.search(r"`SETTINGS` stands for `([^`]*)`", PAGE)
    usage = re.search(r"```text\n(.*?)```", PAGE, re.DOTALL)
    assert shorthand
    assert usage
    lines = re.split(r"\n(?=fer-edge )", usage[1].replace("SETTINGS", shorthand[1]))
    mine = " ".join(line for line in lines if line.startswith(f"fer-edge {name} "))
    written = set(re.findall("--[a-z][a-z0-9-]*", mine))
    below = {word for other, words in all_commands() if other.startswith(f"{name} ") for word in words}
    assert options <= written
    assert written <= options | below
