"""A detector's file is found where it was installed, and what is missing names the command that installs it."""

from __future__ import annotations

from pathlib import Path

import pytest
from fer_edge.detectors import DETECTORS, files
from fer_edge.detectors.files import CATALOGUE, find, model_path
from fer_edge.errors import ModelError

BACK, SHORT, YUNET = CATALOGUE


@pytest.fixture
def both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The user's folder and everybody's."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr(files, "SYSTEM_FOLDER", tmp_path / "etc")
    for folder in files.folders():
        folder.mkdir(parents=True)
    return tmp_path / "data" / "fer-edge" / "detectors", tmp_path / "etc"


def put(folder: Path, entry: files.DetectorFile, size: int | None = None) -> Path:
    path = folder / entry.file
    path.write_bytes(bytes(entry.bytes if size is None else size))
    return path


def test_catalogue_is_complete() -> None:
    """Each entry names a detector, a hash, and one place that it comes from."""
    assert len({entry.name for entry in CATALOGUE}) == len({entry.file for entry in CATALOGUE}) == len(CATALOGUE)
    for entry in CATALOGUE:
        assert entry.detector in DETECTORS
        assert len(bytes.fromhex(entry.sha256)) == 32
        assert bool(entry.url) != bool(entry.package)
        assert bool(entry.member) == bool(entry.package)
        assert entry.url.startswith("https://") or "==" in entry.package


def test_users_own_file_comes_first(both: tuple[Path, Path]) -> None:
    own, system = both
    assert find(BACK) is None
    everybodys = put(system, BACK)
    assert find(BACK) == everybodys
    users = put(own, BACK)
    assert find(BACK) == users


def test_cut_off_file_is_not_there(both: tuple[Path, Path]) -> None:
    own, system = both
    for size in (1000, 0):
        put(own, YUNET, size)
        assert find(YUNET) is None
    everybodys = put(system, YUNET)
    assert find(YUNET) == everybodys


@pytest.mark.usefixtures("both")
def test_user_without_a_home_has_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container the user may have no name, and no home."""
    for name in ("XDG_DATA_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 654_321)
    assert find(BACK) is None


def test_model_path_prefers_the_settings(both: tuple[Path, Path], tmp_path: Path) -> None:
    """What is given, else what is installed, the larger network first."""
    own, _ = both
    short = put(own, SHORT)
    assert model_path("blazeface", "") == str(short)
    back = put(own, BACK)
    assert model_path("blazeface", "") == str(back)
    (tmp_path / "mine.tflite").touch()
    assert model_path("blazeface", str(tmp_path / "mine.tflite")) == str(tmp_path / "mine.tflite")


@pytest.mark.usefixtures("both")
@pytest.mark.parametrize("name", ["blazeface", "yunet"])
def test_missing_file_names_the_command(name: str) -> None:
    with pytest.raises(
        ModelError, match=f"detector {name}: not installed; fix it with: fer-edge detectors install {name}"
    ):
        model_path(name, "")
    with pytest.raises(ModelError, match=r"/none: no such file; set detector\.model to"):
        model_path(name, "/none")
