"""fer-edge on the device: camera -> faces -> emotions -> log. Read loop.py first."""

__version__ = "0.1.0"
