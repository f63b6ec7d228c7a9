"""Installed from the wheel and started in any folder, it finds its models and its demo."""

from __future__ import annotations

import email
import os
import re
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RELEASED_AT = datetime(2026, 3, 1, 12, 30, 10, tzinfo=UTC)
BUILD = os.environ | {"SOURCE_DATE_EPOCH": str(int(RELEASED_AT.timestamp()))}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir"]
    subprocess.run([*command, str(folder), str(ROOT)], check=True, capture_output=True, env=BUILD)
    (path,) = folder.glob("fer_edge-*.whl")
    return path


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `python -m build` makes: the sdist, and the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("release")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, env=BUILD)
    return folder


@pytest.mark.slow
def test_the_wheel_holds_what_the_device_needs_and_no_more(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for variant in ("float32", "float16", "dynamic", "int8"):
        assert f"fer_edge/_models/mini_xception-{variant}.tflite" in names
        assert f"fer_edge/_models/mini_xception-{variant}.json" in names
    for suffix in ("tflite", "json"):
        assert f"fer_edge/_models/detectors/face_verifier.{suffix}" in names
    assert "fer_edge/demo/astronaut.jpg" in names
    edge = ROOT / "edge"
    pages = {
        str(path.relative_to(edge))
        for path in (edge / "fer_edge" / "sinks" / "kiosk").rglob("*.*")
        if path.suffix != ".pyc"
    }
    assert len(pages) > 30
    assert pages <= set(names)
    assert "fer_convert/cli.py" in names
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"fer_edge", "fer_convert"}
    assert wheel.stat().st_size < 2_000_000


@pytest.mark.slow
def test_the_wheel_runs_in_any_folder(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    folder = tmp_path / "somewhere"
    folder.mkdir()
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "site")}

    def start(*arguments: str) -> str:
        command = [sys.executable, "-m", "fer_edge", *arguments]
        child = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert child.returncode == 0, child.stderr
        return child.stdout

    assert f"{tmp_path / 'site' / 'fer_edge' / '_models'} (shipped)" in start("models", "--verify")
    assert "happy" in start("run", "--source", "demo", "--max-frames", "5")
    # The heartbeats at the start, with the face that came, and at the end
    assert (folder / "fer-edge.jsonl").read_text().count("\n") == 2


@pytest.mark.slow
def test_sdist_gives_the_same_wheel(wheel: Path, release: Path) -> None:
    """Whoever builds the release again gets it to the byte; its files carry the time that was asked for."""
    (again,) = release.glob("*.whl")
    assert again.name == wheel.name
    assert {entry.date_time for entry in zipfile.ZipFile(again).infolist()} == {RELEASED_AT.timetuple()[:6]}
    assert sorted(zipfile.ZipFile(again).namelist()) == sorted(zipfile.ZipFile(wheel).namelist())
    assert again.read_bytes() == wheel.read_bytes()


@pytest.mark.slow
def test_release_passes_the_index_checks(release: Path) -> None:
    files = [str(path) for path in sorted(release.iterdir())]
    assert [path.rpartition(".")[2] for path in files] == ["whl", "gz"]
    for command in (["twine", "check", "--strict", *files], ["check_wheel_contents", files[0]]):
        done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_description_has_absolute_links_alone(wheel: Path) -> None:
    """On a package index the README stands without the repository: each link is an address, of a file that there is."""
    archive = zipfile.ZipFile(wheel)
    (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    metadata = email.message_from_bytes(archive.read(name))
    text = metadata.get_payload()
    links = re.findall(r"\]\(([^)]+)\)", text) + re.findall(r'(?:src|srcset|href)="([^"]+)"', text)
    assert len(links) >= 5
    assert [link for link in links if not link.startswith("https://")] == []
    here = re.compile(
        rf"https://(?:raw\.githubusercontent|github)\.com/[^/]+/fer-edge/(?:blob/)?v{metadata['Version']}/([^#]+)"
    )
    files = [match[1] for link in links if (match := here.match(link))]
    assert len(files) >= 3
    assert [path for path in files if not (ROOT / path).exists()] == []
    assert metadata["License-Expression"] == "MIT"
    assert metadata.get_all("License-File") == ["LICENSE"]
    addresses = {url.partition(",")[0] for url in metadata.get_all("Project-URL")}
    assert addresses >= {"Homepage", "Source", "Issues", "Changelog"}
