"""Run in the container: draws /opt/pictures: ten of the clip, with one face that hardly moves, and a black one."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from fer_edge.demo.clip import HEIGHT, WIDTH, Clip

FIRST, COUNT = 40, 10
FOLDER = Path("/opt/pictures")

FOLDER.mkdir()
clip = Clip()
for number in range(COUNT):
    cv2.imwrite(str(FOLDER / f"{number}.jpg"), clip.draw(FIRST + number))
cv2.imwrite(str(FOLDER / "black.jpg"), np.zeros((HEIGHT, WIDTH, 3), np.uint8))
