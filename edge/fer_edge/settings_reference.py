"""Every setting with its value, its default, what is allowed and what it means, taken from settings.py itself."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, get_type_hints

from fer_edge import settings as module
from fer_edge.service.settings_changes import harmless
from fer_edge.settings import Settings

WIDTH = 80  # columns of the text
HEAD = """\
# The settings of fer-edge, with their defaults. To change one, remove the "# " before its line. Any table and any
# key may be left out."""


class Setting(NamedTuple):
    """One setting."""

    part: str  # its table
    key: str
    kind: str  # in words: "a number"
    allowed: str  # what it may be, in words: "0 to 60"; "" if the kind says it
    default: Any
    meaning: str  # the comment below it in settings.py
    metadata: Mapping[str, Any]

    @property
    def name(self) -> str:
        """As `--set` and messages have it."""
        return f"{self.part}.{self.key}"


class Table(NamedTuple):
    """One table of the file."""

    name: str
    meaning: str
    settings: tuple[Setting, ...]


def tables() -> Iterator[Table]:
    """All tables, in the order of the file's."""
    source = inspect.getsource(module)
    lines, parts = source.splitlines(), get_type_hints(Settings)
    classes = {node.name: node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)}
    for part in dataclasses.fields(Settings):
        kind = parts[part.name]
        node, defaults, types = classes[kind.__name__], kind(), get_type_hints(kind)
        ends = {
            entry.target.id: entry.end_lineno or 0
            for entry in node.body
            if isinstance(entry, ast.AnnAssign) and isinstance(entry.target, ast.Name)
        }
        found = tuple(
            Setting(
                part.name,
                entry.name,
                _kind(types[entry.name], entry.metadata),
                _allowed(entry.metadata),
                getattr(defaults, entry.name),
                _comment(lines, ends[entry.name]),
                entry.metadata,
            )
            for entry in dataclasses.fields(kind)
        )
        words = (inspect.getdoc(kind) or "").partition("]: ")[2].replace("\n", " ")
        yield Table(part.name, words, found)


def as_text(settings: Settings, chosen: Sequence[str] = ()) -> str:
    """All settings, or those whose name or table is in `chosen`, for a terminal. Texts that may be secrets are not."""
    parts = []
    for table in tables():
        entries = [entry for entry in table.settings if not chosen or {entry.name, entry.part} & {*chosen}]
        if entries:
            parts += [_filled(f"[{table.name}]: {table.meaning}", ""), *(_entry(entry, settings) for entry in entries)]
    return "\n\n".join(parts)


def as_toml(settings: Settings) -> str:
    """A settings file: what differs from the defaults in `settings` is set, the rest a comment."""
    parts = [HEAD]
    for table in tables():
        lines = [f"[{table.name}]", *_commented(table.meaning)]
        for entry in table.settings:
            value = getattr(getattr(settings, entry.part), entry.key)
            sign = "# " if value == entry.default else ""
            about = f"{entry.meaning} ({entry.allowed})" if entry.allowed else entry.meaning
            lines += ["", *_commented(about), f"{sign}{entry.key} = {to_toml(value)}"]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def as_markdown() -> str:
    """docs/settings.md."""
    parts = [
        "# Settings",
        "`fer-edge settings` prints this list with the values in use, `fer-edge settings --toml` a file to start "
        "from, and `fer-edge settings --check FILE` says whether a file is right. A settings file is TOML: a line "
        '`[log]`, and below it `mode = "frames"`. `--set log.mode=frames` sets one for a run. Made by '
        "`fer-edge settings --markdown`.",
    ]
    for table in tables():
        rows = ["| setting | default | allowed | meaning |", "|---|---|---|---|"]
        for entry in table.settings:
            cells = (f"`{entry.key}`", f"`{to_toml(entry.default)}`", entry.allowed or entry.kind, entry.meaning)
            rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        parts += [f"## {table.name}", f"{table.meaning[:1].upper()}{table.meaning[1:]}", "\n".join(rows)]
    return "\n\n".join(parts) + "\n"


def changed(settings: Settings) -> list[str]:
    """The names of the settings that differ from their defaults."""
    return [
        entry.name
        for table in tables()
        for entry in table.settings
        if getattr(getattr(settings, entry.part), entry.key) != entry.default
    ]


def to_toml(value: Any) -> str:
    """A setting's value as TOML."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)} = {to_toml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(to_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)  # TOML has the same strings, numbers, true and false


def _entry(entry: Setting, settings: Settings) -> str:
    value = getattr(getattr(settings, entry.part), entry.key)
    if value == entry.default:
        about = entry.allowed or entry.kind
        shown = to_toml(value)
    else:
        about = f"{entry.allowed or entry.kind}; default {to_toml(entry.default)}"
        shown = to_toml(value) if harmless(value, entry.metadata) else "..."
    return f"{_filled(f'{entry.name} = {shown}   ({about})', '    ')}\n{_filled(entry.meaning, '    ', '    ')}"


def _filled(text: str, indent: str, first: str = "") -> str:
    return textwrap.fill(
        text, WIDTH, initial_indent=first, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _commented(text: str) -> list[str]:
    return textwrap.wrap(text, 118, initial_indent="# ", subsequent_indent="# ", break_long_words=False)


def _comment(lines: Sequence[str], end: int) -> str:
    """The comment lines that follow line `end`, counted from 1."""
    words = []
    for line in lines[end:]:
        if not line.strip().startswith("#"):
            break
        words.append(line.strip().lstrip("#").strip())
    return " ".join(words)


def _kind(kind: Any, metadata: Mapping[str, Any]) -> str:
    if "area" in metadata:
        return "an area, [x, y, width, height] as shares of the frame"
    if "areas" in metadata:
        return "areas, [[x, y, width, height], ...] as shares of the frame"
    if "values" in metadata or "free" in metadata:
        return "a table"
    if "items" in metadata or "each" in metadata:
        return "a list"
    return {int: "a whole number", float: "a number", bool: "true or false"}.get(kind, "text")


def _allowed(metadata: Mapping[str, Any]) -> str:
    for name in ("choices", "values_of"):
        if name in metadata:
            return ", ".join(map(str, metadata[name]))
    if "each" in metadata:
        return f"a list of {', '.join(metadata['each'])}"
    if "pattern" in metadata:
        return f"as in {metadata['example']}"
    if "low" in metadata:
        unset = "" if metadata["unset"] is None else f", or {metadata['unset']:g}"
        return f"{_number(metadata['low'])} to {_number(metadata['high'])}{unset}"
    return ""


def _number(value: float) -> str:
    return f"{value:g}" if value < 1e6 else f"{value:.0f}"
