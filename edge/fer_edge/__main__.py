"""`python -m fer_edge` is `fer-edge`."""

import sys

from fer_edge.cli import main

sys.exit(main())
