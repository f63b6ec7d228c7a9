"""Asks for known vulnerabilities of what the locks name: `make audit`. Needs pip-audit.

The exit code is 1 if there are some, and 2 if the index's data of them cannot be reached for all packages.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
COMMAND = ("-m", "pip_audit", "--format", "json", "--progress-spinner", "off", "--require-hashes", "--disable-pip")


def main() -> int:
    """Ask for all locks; say what is known."""
    locks = sorted(FOLDER.rglob("*.txt"))
    asked, unknown, found = set(), set(), []
    for lock in locks:
        command = [sys.executable, *COMMAND, "--requirement", str(lock)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        try:
            packages = json.loads(done.stdout)["dependencies"]
        except (ValueError, KeyError):
            last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            print(f"audit.py: error: {lock.name}: pip-audit does not answer: {last}", file=sys.stderr)
            return 2
        for package in packages:
            name = f"{package['name']} {package.get('version', '')}".strip()
            (unknown if "skip_reason" in package else asked).add(name)
            for each in package.get("vulns", []):
                versions = ", ".join(each["fix_versions"]) or "no version"
                found.append(f"{lock.relative_to(FOLDER)}: {name}: {each['id']}, fixed in {versions}")
    for line in dict.fromkeys(found):
        print(line)
    if unknown:
        print(f"not checked: the index's data of vulnerabilities cannot be reached for {len(unknown)} packages")
    print(f"{len(asked)} packages asked for, {len(set(found))} known vulnerabilities")
    return 1 if found else 2 if unknown else 0


if __name__ == "__main__":
    sys.exit(main())
