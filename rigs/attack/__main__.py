"""All attacks, with the seconds that each took: `python -m attack`, in rigs/. The exit code is 1 if anything gave way.

Doors that wait most of the time are tried beside each other; those that measure time, alone and last.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

BESIDE = (("cameras", "crowds", "installer"), ("secrets", "broker", "parsers"))  # one after the other in each
ALONE = ("pictures", "tokens", "stops")
_printing = threading.Lock()


def main() -> int:
    """Run them; the worst exit code."""
    begun = time.monotonic()
    with ThreadPoolExecutor(len(BESIDE)) as beside:
        codes = list(beside.map(run, BESIDE))
    codes.append(run(ALONE))
    print(f"\nall doors: {time.monotonic() - begun:.0f} s", flush=True)
    return max(codes)


def run(doors: tuple[str, ...]) -> int:
    """Try them one after the other, and print the table of each when it is whole; the worst exit code."""
    worst = 0
    for door in doors:
        begun = time.monotonic()
        done = subprocess.run([sys.executable, "-m", f"attack.{door}"], stdout=subprocess.PIPE, text=True, check=False)
        worst = max(worst, abs(done.returncode))
        with _printing:
            print(f"{done.stdout}{door}: {time.monotonic() - begun:.0f} s", flush=True)
    return worst


if __name__ == "__main__":
    sys.exit(main())
