"""What is counted: one face read again and again, as the benchmark and the loop read it.

python read_faces.py VARIANT RUNTIME TIMES
"""

from __future__ import annotations

import sys

import cv2

from edge.bench.candidates import Candidate, find_cards, reader

variant, runtime, times = sys.argv[1:]
cv2.setNumThreads(1)  # two runs must do the same, to the instruction
(card,) = find_cards([f"mini_xception-{variant}"])
read = reader(Candidate(card, runtime, 1))
for _ in range(int(times)):
    read()
