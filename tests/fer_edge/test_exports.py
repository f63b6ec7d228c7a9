"""What `import fer_edge` offers: every name is there, late, and type checkers see the same ones."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import fer_edge
import pytest


def test_all_names_are_there() -> None:
    for name in fer_edge.__all__:
        assert getattr(fer_edge, name) is not None
        assert name in dir(fer_edge)
    assert fer_edge.Reader.__module__ == "fer_edge.reader"
    assert fer_edge.errors is importlib.import_module("fer_edge.errors")
    assert fer_edge.FerEdgeError is fer_edge.errors.FerEdgeError
    assert fer_edge.Face is importlib.import_module("fer_edge.types").Face


def test_type_checkers_see_the_same() -> None:
    """Names under TYPE_CHECKING, in `__all__` and in the table are the same ones."""
    tree = ast.parse(Path(fer_edge.__file__).read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    seen = {name.name for node in block.body if isinstance(node, ast.ImportFrom) for name in node.names}
    assert seen == set(fer_edge._HOMES) == set(fer_edge.__all__) - {"__version__"}


def test_unknown_name_says_what_there_is() -> None:
    with pytest.raises(AttributeError, match=r"'fer_edge' has no attribute 'Raeder'; it has .*Reader"):
        fer_edge.Raeder  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'Raeder' from 'fer_edge'"):
        from fer_edge import Raeder  # noqa: F401


@pytest.mark.parametrize(
    ("missing", "program", "words"),
    [
        (
            "numpy",
            "from fer_edge import Reader",
            "ImportError: fer_edge.Reader: no numpy here; fix it with: pip",
        ),
        ("cv2", "from fer_edge import Reader; Reader()", "FerEdgeError: cv2: cannot be imported (no cv2 here); fix it"),
    ],
)
def test_missing_library_comes_with_the_fix(missing: str, program: str, words: str) -> None:
    block = f"""
import sys
class Missing:
    def find_spec(self, name, *rest):
        if name == {missing!r}:
            raise ModuleNotFoundError("no {missing} here", name=name)
sys.meta_path.insert(0, Missing())
"""
    command = [sys.executable, "-c", f"{block}\n{program}"]
    child = subprocess.run(command, capture_output=True, text=True, check=False)
    assert child.returncode == 1
    assert words in child.stderr.splitlines()[-1]
