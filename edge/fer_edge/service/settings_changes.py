"""What differs between two settings, in words that hold no secret."""

from __future__ import annotations

import dataclasses
from typing import Any

from fer_edge.settings import Settings

ONLY_AT_START = ("source",)  # tables that are read at the start alone
HARMLESS = {"choices", "each", "area", "areas"}  # kinds of settings besides numbers
ALWAYS_READ = ("source.zone",)  # but not these keys of them


def changed(old: Settings, new: Settings) -> dict[str, tuple[str, ...]]:
    """Each part -> its keys that differ, in the settings' order; parts without any are left out."""
    parts = {}
    for part in dataclasses.fields(Settings):
        before, after = getattr(old, part.name), getattr(new, part.name)
        keys = [key.name for key in dataclasses.fields(before) if getattr(before, key.name) != getattr(after, key.name)]
        if keys:
            parts[part.name] = tuple(keys)
    return parts


def harmless(value: Any, metadata: Any) -> bool:
    """Whether a setting may be shown to others: numbers, switches, choices, areas of the frame.

    Texts may be passwords, names, places.
    """
    return isinstance(value, bool | int | float) or bool(metadata.keys() & HARMLESS)


def shown(settings: Settings, part: str, key: str) -> str:
    """A setting's value, or "..." if it may be private."""
    table = getattr(settings, part)
    metadata = next(entry.metadata for entry in dataclasses.fields(table) if entry.name == key)
    value = getattr(table, key)
    if not harmless(value, metadata):
        return "..."
    if "area" in metadata:
        return str(list(value))
    if "areas" in metadata:
        return str([list(area) for area in value])
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def only_at_start(old: Settings, new: Settings) -> list[str]:
    """The keys that differ and count from the next start on: ["source.width"]."""
    names = [f"{part}.{key}" for part, keys in changed(old, new).items() if part in ONLY_AT_START for key in keys]
    return [name for name in names if name not in ALWAYS_READ]


def in_words(old: Settings, new: Settings) -> str:
    """Such as "log.mode changes -> frames; led.pins changed"; "" if they are the same."""
    words = []
    for part, keys in changed(old, new).items():
        for key in keys:
            before, after = shown(old, part, key), shown(new, part, key)
            words.append(f"{part}.{key} changed" if "..." in (before, after) else f"{part}.{key} {before} -> {after}")
    return "; ".join(words)
