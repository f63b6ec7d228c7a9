"""A clip drawn from one portrait, so that everything can be tried without a camera."""

from pathlib import Path

PORTRAIT = Path(__file__).with_name("astronaut.jpg")  # 512 x 512 BGR, one happy face; public domain, see README.md
