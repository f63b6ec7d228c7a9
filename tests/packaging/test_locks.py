"""What a device is installed from: it agrees with pyproject.toml, and pip takes nothing else."""

from __future__ import annotations

import hashlib
import importlib.util
import itertools
import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "requirements"
LOCKS = sorted(FOLDER.rglob("*.txt"))
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = PYPROJECT["project"]["optional-dependencies"]
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"requirements_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


install = load("install")


def pinned(lock: Path) -> list[Requirement]:
    return [Requirement(line) for line in re.findall(r"^([\w.-]+==[^\\\n]+?) *\\?$", lock.read_text(), re.MULTILINE)]


def device(python: str, machine: str) -> dict[str, str]:
    return {
        "python_version": python,
        "python_full_version": f"{python}.4",
        "platform_machine": machine,
        "sys_platform": "linux",
        "extra": "",
    }


@pytest.mark.parametrize(
    ("python", "machine", "numpy"),
    [
        *itertools.product(PYTHONS, ("x86_64", "aarch64"), ("", "2.2.4")),
        *itertools.product(("3.11", "3.12"), ("x86_64", "aarch64"), ("1.26.4",)),
        ("3.11", "aarch64", "1.24.2"),
        ("3.11", "armv7l", "1.24.2"),
        ("3.11", "armv7l", ""),
        ("3.13", "armv7l", "2.2.4"),
        ("3.13", "armv7l", ""),
    ],
)
def test_locks_agree_with_pyproject(python: str, machine: str, numpy: str) -> None:
    """Each requirement is in one version that it allows, for each device; NumPy is the system's where there is one."""
    extras = [name for name in EXTRAS if (FOLDER / f"{name}.txt").exists()]
    environment = device(python, machine)
    versions: dict[str, set[str]] = {"numpy": {numpy}} if numpy else {}
    for lock in install.choose(extras, numpy, machine, python):
        for pin in pinned(lock):
            if pin.marker is None or pin.marker.evaluate(environment):
                versions.setdefault(pin.name, set()).add(str(pin.specifier).removeprefix("=="))
    assert {name: found for name, found in versions.items() if len(found) != 1} == {}
    wanted = [*PYPROJECT["project"]["dependencies"], *(line for extra in extras for line in EXTRAS[extra])]
    for requirement in map(Requirement, wanted):
        if requirement.marker is None or requirement.marker.evaluate(environment):
            (version,) = versions[requirement.name.lower().replace(".", "-")]
            assert version in requirement.specifier, f"{requirement}: {version} is locked; try: make update-locks"


def test_each_output_has_a_lock() -> None:
    """Extras are for the device, which have locks, or for the workstation."""
    workstation = {"convert", "convert-cpu", "training", "torch", "check", "test", "test-torch", "docs", "dask"}
    workstation.add("imx500")
    assert {path.stem for path in FOLDER.glob("*.txt")} == {*EXTRAS} - workstation | {"base", "build", "numpy"}


def test_build_lock_has_the_build_system() -> None:
    versions = {pin.name: str(pin.specifier)[2:] for pin in pinned(FOLDER / "build.txt")}
    for requirement in map(Requirement, PYPROJECT["build-system"]["requires"]):
        assert versions[requirement.name] in requirement.specifier
    assert "editables" in versions  # for make run


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: str(path.relative_to(FOLDER)))
def test_each_package_has_hashes(lock: Path) -> None:
    """And no line says where to look: the index is the device's own."""
    head, *packages = re.split(r"^(?=[\w.-]+==)", lock.read_text(), flags=re.MULTILINE)
    assert packages
    assert all(line.startswith("#") for line in head.splitlines())
    for package in packages:
        assert re.fullmatch(r"\S+==[^\n]+ \\\n( +--hash=sha256:[0-9a-f]{64}( \\)?\n)+", package)


def test_requirements_have_upper_bounds() -> None:
    """A new major version is tried before it is taken."""
    lines = [
        *PYPROJECT["build-system"]["requires"],
        *PYPROJECT["project"]["dependencies"],
        *itertools.chain(*EXTRAS.values()),
    ]
    found = [Requirement(line) for line in lines if not line.startswith("fer-edge[")]
    assert len(found) > 30
    assert [str(each) for each in found if not {"<", "=="} & {part.operator for part in each.specifier}] == []


def test_numpy_one_has_locks_of_its_own() -> None:
    chosen = install.choose(["kiosk", "parquet"], "1.24.2", "aarch64", "3.11")
    assert [str(path.relative_to(FOLDER)) for path in chosen] == ["numpy1/base.txt", "kiosk.txt", "parquet.txt"]
    assert [path.stem for path in install.choose([], "", "x86_64", "3.11")] == ["numpy", "base"]
    assert install.choose([], "2.2.4", "aarch64", "3.13") == [FOLDER / "base.txt"]
    assert install.choose([], "", "armv7l", "3.11") == [FOLDER / "numpy1/numpy.txt", FOLDER / "numpy1/base.txt"]
    assert install.choose([], "", "armv7l", "3.13") == [FOLDER / "numpy.txt", FOLDER / "base.txt"]


@pytest.mark.parametrize("name", ["kiosks", "convert", "base", "../build"])
def test_unknown_output_is_refused(name: str) -> None:
    with pytest.raises(
        install.RefusedError, match=r"no lock for it; known: gpio, heif, kiosk, mqtt, oled, parquet, signed"
    ):
        install.choose([name], "", "x86_64", "3.11")


def test_system_numpy_is_told_apart(tmp_path: Path) -> None:
    """Outside the environment it counts; the environment's own, of an earlier installation, does not."""

    def probe(path: str) -> str:
        environment = os.environ | {"PYTHONPATH": path}
        done = subprocess.run([sys.executable, "-c", install.PROBE], env=environment, capture_output=True, check=True)
        return json.loads(done.stdout)["numpy"]

    metadata = tmp_path / "numpy-1.24.2.dist-info/METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 1.24.2\n")
    assert probe(str(tmp_path)) == "1.24.2"
    assert probe("") == ""


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all that pip sees, with one wheel."""
    folder = tmp_path / "index"
    folder.mkdir()
    with zipfile.ZipFile(folder / "lamp-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("lamp.py", "")
        wheel.writestr("lamp-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: lamp\nVersion: 1.0\n")
        wheel.writestr("lamp-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("lamp-1.0.dist-info/RECORD", "")
    for name, value in {"CONFIG_FILE": os.devnull, "NO_INDEX": "1", "FIND_LINKS": str(folder)}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    return folder


def locked(index: Path, sha256: str) -> Path:
    lock = index.parent / "lock.txt"
    lock.write_text(f"lamp==1.0 \\\n    --hash=sha256:{sha256}\n")
    return lock


@pytest.mark.process
@pytest.mark.timeout(180)  # pip starts three times
def test_other_file_is_refused_in_one_line(index: Path, tmp_path: Path) -> None:
    """Pip takes the file whose hash is locked and no other; where no hash can be checked, the version counts."""
    machine = {"machine": "x86_64", "python": "3.11"}
    digest = hashlib.sha256((index / "lamp-1.0-py3-none-any.whl").read_bytes()).hexdigest()
    target = tmp_path / "target"
    with pytest.raises(install.RefusedError) as refused:
        install.install_locked(sys.executable, [locked(index, "0" * 64)], machine, ["--target", str(target)])
    said = f"lamp==1.0: the file that came is not the one that is locked (its sha256 is {digest[:16]}…); not installed"
    assert str(refused.value) == said
    assert not (target / "lamp.py").exists()
    install.install_locked(sys.executable, [locked(index, digest)], machine, ["--target", str(target)])
    assert (target / "lamp.py").exists()
    target = tmp_path / "armv7l"
    old = {"machine": "armv7l", "python": "3.11"}
    install.install_locked(sys.executable, [locked(index, "0" * 64)], old, ["--target", str(target)])
    assert (target / "lamp.py").exists()


@pytest.mark.process
def test_missing_wheel_is_said_in_one_line(index: Path, tmp_path: Path) -> None:
    lock = locked(index, "0" * 64)
    lock.write_text(lock.read_text().replace("1.0", "2.0"))
    with pytest.raises(
        install.RefusedError, match=r"^lamp==2\.0: no such wheel was found for Python 3\.11 on x86_64; .*$"
    ):
        install.install_locked(sys.executable, [lock], {"machine": "x86_64", "python": "3.11"}, [])


def test_locks_without_hashes_keep_versions(tmp_path: Path) -> None:
    for number, lock in enumerate(LOCKS):
        path = install.without_hashes(lock, tmp_path / f"{number}.txt")
        assert "--hash" not in path.read_text()
        assert pinned(path) == pinned(lock)


@pytest.mark.slow
def test_bill_of_materials_names_each_package(tmp_path: Path) -> None:
    pytest.importorskip("cyclonedx_py", reason="needs cyclonedx-bom")
    sbom = load("sbom")
    assert sbom.main(["--to", str(tmp_path)]) == 0
    (path,) = tmp_path.glob("fer_edge-*.cdx.json")
    bom = json.loads(path.read_text())
    found = {(part["name"], part["version"]) for part in bom["components"]}
    wanted = {(pin.name, str(pin.specifier)[2:]) for lock in LOCKS if lock.stem != "build" for pin in pinned(lock)}
    assert found == wanted
    assert all(part["externalReferences"][0]["hashes"] for part in bom["components"])
    root = bom["metadata"]["component"]
    assert path.name == f"fer_edge-{root['version']}.cdx.json"
    (depends,) = (part["dependsOn"] for part in bom["dependencies"] if part["ref"] == root["bom-ref"])
    assert len(depends) == len(bom["components"])
