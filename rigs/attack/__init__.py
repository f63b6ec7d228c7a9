"""Attacks on every door: `make attack` runs them all, `python -m attack.NAME` (in rigs/) one; each prints its table."""
