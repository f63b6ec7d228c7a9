"""`--apply` changes its keys and nothing else, comments included, or nothing at all."""

from __future__ import annotations

import os
import stat
import tomllib
from pathlib import Path

import pytest
from fer_edge.bench.apply import apply, edited
from fer_edge.errors import SettingsError, SinkError
from hypothesis import given
from hypothesis import strategies as st

VALUES = {"model": "mini", "variant": "int8", "threads": 2}


def test_missing_file_is_created(tmp_path: Path) -> None:
    """A settings file that does not exist is created."""
    path = tmp_path / "fer-edge.toml"
    apply(path, "classifier", VALUES)
    assert path.read_text() == '[classifier]\nmodel = "mini"\nvariant = "int8"\nthreads = 2\n'
    assert list(tmp_path.iterdir()) == [path]


def test_values_change_in_place() -> None:
    """Values change in place, and everything else stays."""
    text = """# my camera
[source]
name = "camera:0"   # by the door

[classifier]  # which model
threads = 1         # of the interpreter
'variant' = 'auto'# as the card says

[log]
mode = "frames"
"""
    assert edited(text, "classifier", VALUES, "x.toml") == (
        text.replace("threads = 1 ", "threads = 2 ")
        .replace("'variant' = 'auto'", "'variant' = \"int8\"")
        .replace("card says\n", 'card says\nmodel = "mini"\n')
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[log]",
        "[classifier]",
        "[classifier]\n\n\n[log]\n",
        "\n[log]\nmode = 'frames'\n\n\n",
        '[classifier]\nmodel = "a # b \\" c" # why\n',
        "\ufeff[classifier]\nthreads=1",
        "[ classifier ]\n\tthreads\t=\t1\n",
        '[classifier]\nmodel_of_old = 1\n"model" = "x"\n',
    ],
)
def test_edit_has_the_wanted_content(text: str) -> None:
    """The edited text parses to the wanted content."""
    after = edited(text, "classifier", VALUES, "x.toml")
    before = tomllib.loads(text.removeprefix("\ufeff"))
    assert tomllib.loads(after.removeprefix("\ufeff")) == before | {"classifier": before.get("classifier", {}) | VALUES}
    assert after.startswith("\ufeff") == text.startswith("\ufeff")


@given(st.text(max_size=40))
def test_any_text_is_escaped(name: str) -> None:
    """Any text comes back unchanged."""
    after = edited("", "classifier", {"model": name}, "x.toml")
    assert tomllib.loads(after) == {"classifier": {"model": name}}


def test_lines_end_as_they_did() -> None:
    after = edited("[classifier]\r\nthreads = 1\r\n", "classifier", VALUES, "x.toml")
    assert after.count("\n") == after.count("\r\n") == 4


@pytest.mark.parametrize(
    "text",
    [
        "classifier = {threads = 1}\n",
        "classifier.threads = 1\n",
        '[log]\npath = """\n[classifier]\nthreads = 5\n"""\n[classifier]\n',  # lines cannot tell a text from a table
    ],
)
def test_uneditable_file_is_refused(text: str, tmp_path: Path) -> None:
    """A form that cannot be edited is refused, and the error has the lines to write."""
    path = tmp_path / "fer-edge.toml"
    path.write_text(text)
    with pytest.raises(
        SettingsError, match=r'set these keys in it yourself: model = "mini", variant = "int8", threads = 2'
    ):
        apply(path, "classifier", VALUES)
    assert path.read_text() == text


@pytest.mark.parametrize("content", [b"[classifier\n", b"\xff\xfe"])
def test_invalid_toml_is_left_alone(content: bytes, tmp_path: Path) -> None:
    """A file that is not TOML is refused and left unchanged."""
    path = tmp_path / "fer-edge.toml"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"fer-edge\.toml"):
        apply(path, "classifier", VALUES)
    assert path.read_bytes() == content


def test_the_mode_and_a_link_stay(tmp_path: Path) -> None:
    real, link = tmp_path / "real.toml", tmp_path / "link.toml"
    real.write_text("[log]\n")
    real.chmod(0o600)
    link.symlink_to(real)
    apply(link, "classifier", VALUES)
    assert link.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o600
    assert "int8" in real.read_text()


def test_owner_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run by root, the file keeps its owner."""
    path = tmp_path / "fer-edge.toml"
    path.write_text("")
    given: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "fchown", lambda file, user, group: given.append((user, group)))
    apply(path, "classifier", VALUES)
    assert given == [(path.stat().st_uid, path.stat().st_gid)]


def test_full_disk_keeps_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk leaves the old file, and no temporary one."""

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "fer-edge.toml"
    path.write_text("[log]\n")
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(SinkError, match="No space left on device"):
        apply(path, "classifier", VALUES)
    assert path.read_text() == "[log]\n"
    assert list(tmp_path.iterdir()) == [path]
