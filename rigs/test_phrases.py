"""What a rig waits for in a journal is what the product says: a message with other words is noticed in seconds."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import service_cameras

HERE = Path(__file__).parent
LISTENERS = {"told", "count", "moment"}  # methods of service_device.Device that wait for words
OTHERS = {  # systemd's, Linux's, and what the product puts together
    *("Failed with result 'watchdog'", "No space left on device", "sitecustomize.py"),
    *("log.mode changes -> frames", "log: works again", "the model that came with fer-edge is used"),
}
SAID = " ".join(
    re.sub(r'"\s*\n\s*f?"', "", path.read_text())  # a literal over several lines is one
    for path in sorted((HERE.parent / "edge").rglob("*.py"))
)


def phrases(program: str) -> Iterator[str]:
    """Every literal that a rig gives to one of `LISTENERS`, or that must stand in the journal."""
    for node in ast.walk(ast.parse((HERE / program).read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LISTENERS:
            found = node.args[0]
        elif isinstance(node, ast.Compare) and ast.unparse(node.comparators[0]) == "device.journal()":
            found = node.left
        else:
            continue
        if isinstance(found, ast.Constant):
            yield str(found.value)


SERVICE = [*phrases("service.py"), *phrases("service_cameras.py")]
CAMERAS = [service_cameras.LOST, service_cameras.AGAIN, service_cameras.STATUS]


def test_the_rigs_phrases_are_found() -> None:
    assert len(SERVICE) > 8
    assert "the model in use stays" in SERVICE
    assert set(SERVICE) >= OTHERS


@pytest.mark.parametrize("words", sorted({*SERVICE, *CAMERAS} - OTHERS))
def test_the_product_says_so(words: str) -> None:
    assert words in SAID
