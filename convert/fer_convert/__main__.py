"""`python -m fer_convert` does what the command `fer-convert` does."""

from __future__ import annotations

import sys

from fer_convert.cli import main

if __name__ == "__main__":
    sys.exit(main())
