"""The browser of the page's tests: Playwright's own, the system's or Debian's, whichever is seen to start.

Playwright drives it with a node of its own, which needs libatomic1; on Debian root gets what is missing.

python3 rigs/chromium.py      # sets one up where none starts, and says which it is or why there is none
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import Any

import debian
from debian import RigError, say

NAMES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS: dict[str, Any] = {"args": ["--no-sandbox"]} if os.geteuid() == 0 else {}


def check_driver() -> None:
    """Whether Playwright's node runs here. Raises RigError."""
    from playwright._impl._driver import compute_driver_executable

    node, _ = compute_driver_executable()
    done = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RigError(f"Playwright's node does not run: {debian.gist(done.stderr)}; try: apt-get install libatomic1")


def launch(playwright: Any) -> Any:
    """The first browser that starts: Playwright's own, else the system's. Raises RigError."""
    from playwright.sync_api import Error

    reasons = []
    for path in (None, *filter(None, map(shutil.which, NAMES))):
        try:
            return playwright.chromium.launch(executable_path=path, **OPTIONS)
        except Error as cause:
            reasons.append(f"{path or 'its own'}: {debian.gist(str(cause))}")
    raise RigError(
        f"none starts ({'; '.join(reasons)}); try: apt-get install chromium, or: playwright install chromium"
    )


def find() -> str:
    """Name and version of the browser that starts. Raises RigError."""
    from playwright.sync_api import sync_playwright

    check_driver()
    with sync_playwright() as playwright:
        browser = launch(playwright)
        try:
            return f"{browser.browser_type.name} {browser.version}"
        finally:
            browser.close()


def make() -> str:
    """As find; what is missing is installed first. Raises RigError."""
    try:
        check_driver()
    except RigError:
        debian.install("libatomic1")
    try:
        return find()
    except RigError as cause:
        say(f"{cause}; fetching Playwright's own (0.2 GB)")
    command = [sys.executable, "-m", "playwright", "install", "--only-shell", "chromium"]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        say("it cannot be fetched; taking Debian's (0.4 GB)")
        debian.install("chromium", "fonts-dejavu-core")
    return find()


if __name__ == "__main__":
    try:
        say(f"{make()} starts")
    except RigError as cause:
        say(f"no browser, so the page's tests are skipped: {cause}")
        sys.exit(1)
