"""Writes values into a settings file and leaves the rest of it unchanged, comments included.

Only single lines are edited. The new text is parsed before it is written: if its content is not exactly what was
wanted, nothing is written.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fer_edge.errors import SettingsError, SinkError
from fer_edge.files import atomic_write

Values = Mapping[str, str | int]

# A value on one line: "text", 'text', or a bare one; what follows, a comment at most, is kept.
_VALUE = r"""("(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[^\s#"'\[{]+)"""
_BYTE_ORDER_MARK = "\ufeff"  # Windows' editors begin a file with it


def apply(path: Path, table: str, values: Values) -> None:
    """Set the keys `values` of `table` in the settings file `path`, which is created if it does not exist.

    Raises SettingsError if the file is not TOML or has a form that cannot be edited, SinkError if it cannot be written.
    The file is then unchanged.
    """
    path = Path(os.path.realpath(path))  # a link stays a link
    try:
        before = path.read_bytes().decode("utf-8") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as cause:
        reason = cause.strerror if isinstance(cause, OSError) else "not UTF-8 text"
        raise SettingsError(f"settings {path}: cannot be read ({reason}); fix it, then try again") from None
    _write(path, edited(before, table, values, str(path)))


def edited(text: str, table: str, values: Values, name: str) -> str:
    """`text` of the settings file `name` with the keys `values` of `table` set. Raises SettingsError."""
    mark, body = (_BYTE_ORDER_MARK, text[1:]) if text.startswith(_BYTE_ORDER_MARK) else ("", text)
    try:
        content: dict[str, Any] = tomllib.loads(body)
    except (tomllib.TOMLDecodeError, RecursionError) as cause:
        raise SettingsError(f"settings {name}: not TOML ({cause}); fix that line, then try again") from None
    after = "".join(_with_values(body.splitlines(keepends=True), table, values))
    wanted = content | {table: {**content.get(table, {}), **values}}
    try:
        found = tomllib.loads(after)
    except (tomllib.TOMLDecodeError, RecursionError):
        found = {}
    if found != wanted:
        lines = ", ".join(f"{key} = {_toml(value)}" for key, value in values.items())
        raise SettingsError(
            f"settings {name}: [{table}] has a form that fer-edge cannot edit; set these keys in it yourself: {lines}"
        )
    return mark + after


def _with_values(lines: list[str], table: str, values: Values) -> list[str]:
    """The lines with the values set: in place if the key exists, else at the end of the table."""
    end = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += end
    heads = [index for index, line in enumerate(lines) if re.match(r"\s*\[", line)]
    head = next((i for i in heads if re.match(rf"\s*\[\s*{table}\s*\]\s*(#.*)?$", lines[i])), None)
    if head is None:
        lines += ([end] if lines else []) + [f"[{table}]{end}"]
        head = len(lines) - 1
    last = next((index for index in heads if index > head), len(lines))
    while last > head + 1 and not lines[last - 1].strip():
        last -= 1  # new keys go before the blank lines that separate it from the next table
    for key, value in values.items():
        pattern = re.compile(rf"""(\s*["']?{key}["']?\s*=\s*){_VALUE}(?=\s*(#.*)?$)""")
        for index in range(head + 1, last):
            if found := pattern.match(lines[index]):
                lines[index] = found[1] + _toml(value) + lines[index][found.end() :]
                break
        else:
            lines.insert(last, f"{key} = {_toml(value)}{end}")
            last += 1
    return lines


def _toml(value: str | int) -> str:
    if isinstance(value, int):
        return str(value)
    escaped = "".join(f"\\{c}" if c in '"\\' else c if c.isprintable() else f"\\U{ord(c):08x}" for c in value)
    return f'"{escaped}"'


def _write(path: Path, text: str) -> None:
    """Replace the file's content atomically: after a power cut it is the old or the new one. Raises SinkError."""
    try:
        with atomic_write(path, mode=0o644) as temporary:  # so that the service's user can read a new one
            temporary.write_text(text, encoding="utf-8", newline="")
    except OSError as cause:
        raise SinkError(
            f"settings {path}: cannot be written ({cause.strerror}); make its folder writable, then try again"
        ) from None
