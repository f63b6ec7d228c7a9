"""What a stranger does in rigs/stranger.py is what the documentation says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import stranger
from stranger import WAYS

ROOT = Path(__file__).parents[1]


def test_strangers_commands_are_documented() -> None:
    pages = "\n".join(path.read_text() for path in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")))
    said = re.split(r"[`\n]|&&| {2,}#|  +#", pages)
    known = {part.strip() for part in said}
    steps = [step for way in WAYS.values() for step in way if step.documented]
    parts = {part.strip() for step in steps for part in re.split(r"&&|\|", step.command)} - {"cat"}
    assert parts <= known


@pytest.mark.parametrize("arch", ["amd64", "arm64"])
def test_clean_system_is_a_tar(arch: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a folder where neither a format nor the name of the file says tar."""

    def mmdebstrap(*command: str) -> str:
        target = next(Path(word) for word in command if word.startswith(str(tmp_path)))
        target.touch() if "--format=tar" in command or target.name.endswith(".tar") else target.mkdir()
        return ""

    monkeypatch.setattr(stranger, "BUILD", tmp_path)
    monkeypatch.setattr(stranger.debian, "run", mmdebstrap)
    assert stranger.clean_system("trixie", arch).is_file()
