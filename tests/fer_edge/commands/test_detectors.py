"""`fer-edge detectors` shows what there is, and installs one."""

from __future__ import annotations

from pathlib import Path

import pytest
from fer_edge.cli import main
from fer_edge.commands import detectors
from fer_edge.detectors import files
from fer_edge.detectors.auto import DetectorChoice
from fer_edge.detectors.files import CATALOGUE, DetectorFile
from fer_edge.settings import DetectorSettings


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder; everybody's is empty."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr(files, "SYSTEM_FOLDER", tmp_path / "etc")
    monkeypatch.setattr(detectors, "SYSTEM_FOLDER", tmp_path / "etc")
    return files.user_folder()


def auto_takes(name: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on, whatever is installed."""
    settings = DetectorSettings(name=name.partition("-")[0], model=path)
    monkeypatch.setattr(detectors, "choose_detector", lambda _: DetectorChoice(name, settings, f"{name}, because"))


def test_detectors_are_listed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With licence and size, and whether they are installed."""
    folder.mkdir(parents=True)
    (folder / CATALOGUE[1].file).write_bytes(bytes(CATALOGUE[1].bytes))
    assert main(["detectors"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[:2] == ["haar", "always"]
    assert len([line for line in lines if line.endswith("auto takes it")]) == 1
    for entry, line, summary in zip(CATALOGUE, lines[3::2], lines[4::2], strict=False):
        assert line.split()[:4] == [
            entry.name,
            "yes" if entry is CATALOGUE[1] else "no",
            f"{entry.bytes / 1000:.0f}",
            entry.licence,
        ]
        assert summary == f"    {entry.summary}"
    assert max(map(len, lines)) <= 80
    assert lines[-1] == "install one: fer-edge detectors install blazeface"


@pytest.mark.parametrize("root", [True, False])
def test_place_depends_on_the_user(
    root: bool, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """For everybody as root, else for this user; `--to` names another."""
    taken: list[tuple[str, Path | None, Path]] = []

    def install(entry: DetectorFile, source: Path | None, to: Path) -> tuple[Path, str]:
        taken.append((entry.name, source, to))
        return to / entry.file, "tried: well"

    monkeypatch.setattr(detectors, "install_detector", install)
    monkeypatch.setattr("os.geteuid", lambda: 0 if root else 1000)
    assert main(["detectors", "install", "yunet"]) == 0
    assert main(["detectors", "install", "blazeface", "--from", "x.whl", "--to", str(tmp_path)]) == 0
    assert taken == [
        ("yunet", None, tmp_path / "etc" if root else folder),
        ("blazeface", Path("x.whl"), tmp_path),
    ]
    path = tmp_path / CATALOGUE[0].file
    words = f"takes haar; use this one with: --set detector.name=blazeface --set detector.model={path}\n"
    assert capsys.readouterr().out.endswith(words)


def test_next_start_takes_the_best(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is installed need not be set, unless another one is better."""
    monkeypatch.setattr(detectors, "install_detector", lambda entry, _, to: (to / entry.file, "tried: well"))
    path = tmp_path / CATALOGUE[1].file
    auto_takes("blazeface-short", str(path), monkeypatch)
    assert main(["detectors", "install", "blazeface-short", "--to", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == [
        f"installed: {path}",
        "auto, the default of detector.name, takes it from the next start on",
    ]
    auto_takes("blazeface", "/x/face_detection_back.tflite", monkeypatch)
    assert main(["detectors", "install", "blazeface-short", "--to", str(tmp_path)]) == 0
    assert "takes blazeface; use this one with: --set detector.name=blazeface " in capsys.readouterr().out


@pytest.mark.parametrize("name", ["haar", *(entry.name for entry in CATALOGUE)])
def test_list_marks_what_auto_takes(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    auto_takes(name, "", monkeypatch)
    assert main(["detectors"]) == 0
    marked = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line.endswith("  auto takes it")]
    assert marked == [name]


def test_list_says_what_is_damaged(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder.mkdir(parents=True)
    (folder / CATALOGUE[0].file).write_bytes(bytes(CATALOGUE[0].bytes))
    assert main(["detectors"]) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines()[1].endswith("  auto takes it")
    assert "damaged, its sha256 is not that of" in printed.err


def test_unknown_names_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["detectors", "install", "retinaface"]) == 2
    assert "'retinaface' (choose from" in capsys.readouterr().err
