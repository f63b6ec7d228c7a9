"""What keeps `fer-edge run` alive for a year: signals, watchdog, new settings, new models. Begin with runtime.py."""
