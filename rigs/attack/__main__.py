"""All attacks, one after the other: `python -m attack`, in rigs/. The exit code is 1 if anything gave way."""

from __future__ import annotations

import importlib
import sys

DOORS = ("parsers", "secrets", "installer", "tokens", "broker", "cameras", "pictures", "crowds", "stops")


def main() -> int:
    """Run them; the worst exit code."""
    return max(importlib.import_module(f"attack.{door}").main() for door in DOORS)


if __name__ == "__main__":
    sys.argv = sys.argv[:1]
    sys.exit(main())
