"""Writes dist/fer_edge-VERSION.cdx.json, what a release is installed with (CycloneDX): `make sbom`.

    python requirements/sbom.py [--to FOLDER]

It names each package of the locks with the hashes of its files, and asks no server. With SOURCE_DATE_EPOCH it is the
same to the byte. Needs cyclonedx-bom.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parent
VERSION = re.compile(r'^__version__ = "(.+)"$', re.MULTILINE)


def main(arguments: list[str] | None = None) -> int:
    """Write the file."""
    parser = argparse.ArgumentParser(description="Writes the bill of materials of a release.")
    parser.add_argument("--to", type=Path, default=ROOT / "dist", help="its folder")
    to = parser.parse_args(arguments).to
    (version,) = VERSION.findall((ROOT / "edge/fer_edge/__init__.py").read_text())
    command = [sys.executable, "-m", "cyclonedx_py", "requirements", "--pyproject", str(ROOT / "pyproject.toml")]
    command += ["--output-reproducible", "--no-validate", "-"]
    done = subprocess.run(command, input=locked(), stdout=subprocess.PIPE, text=True, check=True)
    text = json.dumps(completed(json.loads(done.stdout), version), indent=2, sort_keys=True) + "\n"
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if error:
        print(f"sbom.py: error: not CycloneDX: {error}", file=sys.stderr)
        return 1
    to.mkdir(parents=True, exist_ok=True)
    path = to / f"fer_edge-{version}.cdx.json"
    path.write_text(text)
    print(f"{path}: {text.count('pkg:pypi/')} packages")
    return 0


def locked() -> str:
    """What all locks of a device name, each version once."""
    packages: dict[str, str] = {}
    for lock in sorted(FOLDER.rglob("*.txt")):
        if lock.name != "build.txt":
            for package in re.split(r"^(?=[\w.-]+==)", lock.read_text(), flags=re.MULTILINE)[1:]:
                packages.setdefault(package.split()[0], package)
    return "".join(packages[name] for name in sorted(packages))


def completed(bom: dict[str, Any], version: str) -> dict[str, Any]:
    """With fer-edge's version, which pyproject.toml does not hold, and what it depends on."""
    root = bom["metadata"]["component"]
    root["version"] = version
    for component in bom["components"]:
        component.pop("description", None)  # the lines of the lock, once more
    for part in bom["dependencies"]:
        if part["ref"] == root["bom-ref"]:
            part["dependsOn"] = sorted(component["bom-ref"] for component in bom["components"])
    return bom


if __name__ == "__main__":
    sys.exit(main())
