"""docs/troubleshooting.md has a row for each warning and failure that the doctor's code can give, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fer_edge.doctor import CHECKS
from fer_edge.doctor.devices import DEVICE_PATTERNS, ENABLE_COMMANDS

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "troubleshooting.md"
DOCTOR = ROOT / "edge" / "fer_edge" / "doctor"
ROW = re.compile(r"^\| (?P<names>(?:`[^`]+`, )*`[^`]+`|any):(?P<says>[^|]*)\|", re.MULTILINE)


def constants(node: ast.AST) -> str:
    """The texts in an expression, with … where a value stands."""
    parts = [
        str(part.value) for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str)
    ]
    return " ".join(parts)


def assigned(function: ast.AST, name: str) -> Iterator[ast.AST]:
    """What is assigned to the local variable `name`, one by one."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                pairs = [(target, node.value)]
                if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                    pairs = list(zip(target.elts, node.value.elts, strict=True))
                yield from (value for each, value in pairs if isinstance(each, ast.Name) and each.id == name)


def texts(function: ast.AST, node: ast.AST) -> str:
    """The texts of an expression, and of the local variables in it."""
    names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    return " ".join(
        [constants(node), *(constants(value) for name in sorted(names) for value in assigned(function, name))]
    )


def finding_names(node: ast.expr) -> set[str]:
    """What a Finding is called: a text, a kind of device, an output, or the name of a group of checks."""
    if isinstance(node, ast.Constant):
        return {str(node.value)}
    if isinstance(node, ast.JoinedStr):
        return {"output …"}
    assert isinstance(node, ast.Name), ast.dump(node)
    return {"kind": set(DEVICE_PATTERNS), "name": {"any"}}[node.id]


def troubles() -> Iterator[tuple[str, str]]:
    """(name, texts) of each warning and failure in the doctor's code."""
    for path in sorted(DOCTOR.glob("*.py")):
        functions = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)]
        for function in functions:
            for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
                if not isinstance(call.func, ast.Name):
                    continue
                if call.func.id == "Finding" and len(call.args) >= 3:
                    if isinstance(call.args[1], ast.Constant) and call.args[1].value == "ok":
                        continue
                    if path.name == "finding.py":
                        continue  # of_error itself: its callers are below
                    says = texts(function, call.args[2])
                    names = finding_names(call.args[0])
                    if "no such device" in says:
                        names &= set(ENABLE_COMMANDS)  # no setting requires the others
                    yield from ((name, says) for name in names)
                if call.func.id == "of_error":
                    name_node = call.args[0]
                    if isinstance(name_node, ast.Constant):
                        yield str(name_node.value), ""


def matches(words: str, says: str) -> bool:
    """Whether a row's words are those of a finding."""
    if words == "…":
        return not re.search("[a-z]{4}", says)
    return words.replace("`", "") in says.replace("`", "")


ROWS = [
    (name, match["says"].strip())
    for match in ROW.finditer(PAGE.read_text(encoding="utf-8"))
    for name in match["names"].replace("`", "").split(", ")
]


@pytest.mark.parametrize(("name", "says"), sorted(set(troubles())))
def test_each_finding_has_a_row(name: str, says: str) -> None:
    """In its words; … is for a finding whose words are an error's."""
    assert any(row == name and matches(words, says) for row, words in ROWS), (name, says)


def test_each_row_is_a_finding() -> None:
    known = list(troubles())
    assert len(known) > 40
    groups = {name for name, _ in known} | set(CHECKS)
    for row, words in ROWS:
        assert row in groups, row
        assert any(name == row and matches(words, says) for name, says in known), (row, words)
