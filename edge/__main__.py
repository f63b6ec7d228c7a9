"""`python -m edge` in a checkout: the package in this folder is fer_edge."""

import shlex
import sys

command = shlex.join(["python", "-m", "fer_edge", *sys.argv[1:]])
sys.exit(f"edge: is a folder of this checkout; the program in it is fer_edge. Run: make run, or: {command}")
