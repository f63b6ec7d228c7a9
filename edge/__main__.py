"""`python -m edge` is `fer-edge`."""

import sys

from edge.cli import main

sys.exit(main())
