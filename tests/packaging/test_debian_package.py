"""The Debian package: made of the wheel and of systemd/, and the same to the byte."""

from __future__ import annotations

import os
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="no dpkg-deb: this is not a Debian"),
]

ROOT = Path(__file__).parents[2]
NEEDED = ("packaging/debian", "systemd", "requirements", "edge/fer_edge/completions", "LICENSE", "pyproject.toml")


def build(folder: Path, wheel: str) -> subprocess.CompletedProcess[str]:
    """Run a copy of build.sh, whose dist/ is in `folder`."""
    for name in NEEDED:
        target = folder / name
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target, dirs_exist_ok=True)
        else:
            shutil.copy(ROOT / name, target)
    command = [folder / "packaging/debian/build.sh", wheel]
    environment = os.environ | {"SOURCE_DATE_EPOCH": "1772368210"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The package of a wheel; what is in a wheel it does not look at."""
    (tmp_path / "fer_edge-1.2.3-py3-none-any.whl").write_bytes(b"a wheel")
    done = build(tmp_path, "fer_edge-1.2.3-py3-none-any.whl")
    assert done.returncode == 0, done.stderr
    return tmp_path / "dist/fer-edge_1.2.3_all.deb"


def ask(*command: str | Path) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_package_holds_wheel_and_service(package: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    ask("dpkg-deb", "--extract", package, root)
    share = root / "usr/share/fer-edge"
    assert (share / "fer_edge-1.2.3-py3-none-any.whl").read_bytes() == b"a wheel"
    assert (share / "install.sh").read_bytes() == (ROOT / "systemd/install.sh").read_bytes()
    assert {path.name for path in (ROOT / "systemd").iterdir()} <= {path.name for path in share.iterdir()}
    locks = {path.relative_to(ROOT) for path in (ROOT / "requirements").rglob("*.txt")}
    assert {path.relative_to(share) for path in share.rglob("*.txt")} == locks
    assert (share / "requirements/install.py").read_bytes() == (ROOT / "requirements/install.py").read_bytes()
    assert os.access(root / "usr/sbin/fer-edge-setup", os.X_OK)
    assert (root / "usr/share/man/man8/fer-edge-setup.8.gz").is_file()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert ask("dpkg-deb", "--field", package, "Homepage").strip() == project["urls"]["Homepage"]
    assert "Permission is hereby granted" in (root / "usr/share/doc/fer-edge/copyright").read_text()
    assert ask("dpkg-deb", "--field", package, "Version", "Architecture") == "Version: 1.2.3\nArchitecture: all\n"


def test_package_is_the_same_to_the_byte(package: Path, tmp_path: Path) -> None:
    first = package.read_bytes()
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(tmp_path / "fer_edge-1.2.3-py3-none-any.whl", other)
    assert build(other, "fer_edge-1.2.3-py3-none-any.whl").returncode == 0
    assert (other / "dist" / package.name).read_bytes() == first


@pytest.mark.parametrize(
    ("wheel", "said"), [("gone.whl", "gone.whl: no such file"), ("LICENSE", "LICENSE: not a wheel of fer-edge")]
)
def test_other_files_are_refused(tmp_path: Path, wheel: str, said: str) -> None:
    done = build(tmp_path, wheel)
    assert done.returncode == 1
    assert said in done.stderr
    assert not (tmp_path / "dist").exists()


def test_setup_gives_the_wheel_and_options(package: Path, tmp_path: Path) -> None:
    """What follows fer-edge-setup goes to install.sh, which gets the package's wheel and asks apt for nothing."""
    root = tmp_path / "root"
    ask("dpkg-deb", "--extract", package, root)
    share = root / "usr/share/fer-edge"
    (share / "install.sh").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    script = (root / "usr/sbin/fer-edge-setup").read_text().replace("/usr/share", f"{root}/usr/share")
    given = ask("sh", "-c", script, "fer-edge-setup", "--with", "kiosk").splitlines()
    assert given == ["--wheel", str(share / "fer_edge-1.2.3-py3-none-any.whl"), "--packaged", "--with", "kiosk"]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("lintian") is None, reason="no lintian")
def test_lintian_has_nothing_to_say(package: Path) -> None:
    done = subprocess.run(["lintian", "--allow-root", package], capture_output=True, text=True, check=False)
    assert done.stdout == ""  # no warning either
    assert done.returncode == 0


def test_shellcheck_finds_nothing_in_scripts() -> None:
    tool = shutil.which("shellcheck")
    if tool is None:
        pytest.skip("needs shellcheck (apt-get install shellcheck)")
    scripts = [path for path in (ROOT / "packaging/debian").iterdir() if path.read_bytes().startswith(b"#!")]
    assert len(scripts) == 5
    done = subprocess.run([tool, *scripts], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("", 0)
