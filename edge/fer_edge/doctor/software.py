"""Python, its environment, and whether the versions of NumPy, OpenCV, the interpreter and picamera2 fit together."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from fer_edge import __version__, extras
from fer_edge.doctor.finding import Context, Finding
from fer_edge.lookup import lookup
from fer_edge.settings import Settings
from fer_edge.sinks import SINKS
from fer_edge.sinks.output import Output
from fer_edge.types import Sink

OPENCV_CURE = "pip install 'opencv-python-headless>=4.8,<5'"
SHARE_SYSTEM_PACKAGES = "python3 -m venv --system-site-packages --upgrade {}"


def check(context: Context) -> Iterator[Finding]:
    """Versions only; no device is needed."""
    yield _python(sys.version_info[:3])
    yield _environment(context, sys.prefix != sys.base_prefix, find_spec("libcamera") is not None)
    yield _numpy(installed("numpy"), installed("tflite-runtime"), installed("ai-edge-litert"))
    yield _opencv()
    yield from _outputs(context.settings)


def installed(package: str) -> str:
    """A package's version; "" if it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _python(found: tuple[int, ...]) -> Finding:
    words = f"{'.'.join(map(str, found))}, fer-edge {__version__}"
    if found < (3, 11):
        return Finding("Python", "failure", f"{words}: too old, 3.11 is the minimum", "sudo apt install python3.11")
    return Finding("Python", "ok", words)


def _environment(context: Context, virtual: bool, sees_libcamera: bool) -> Finding:
    binding = any((context.root / "usr/lib/python3/dist-packages").glob("libcamera"))
    if binding and not sees_libcamera:
        words = "cannot import the system's libcamera, so a Raspberry Pi camera is not found"
        return Finding("environment", "failure", f"{sys.prefix} {words}", SHARE_SYSTEM_PACKAGES.format(sys.prefix))
    kind = "a virtual environment" if virtual else "the system's Python"
    has = "libcamera can be imported" if sees_libcamera else "no libcamera (Raspberry Pi cameras need it)"
    return Finding("environment", "ok", f"{kind}; {has}")


def _numpy(numpy: str, old: str, new: str) -> Finding:
    interpreter = f"ai-edge-litert {new}" if new else f"tflite-runtime {old}" if old else "no TFLite package"
    words = f"{numpy or 'not installed'}, with {interpreter}"
    if not numpy:
        return Finding("NumPy", "failure", words, "pip install numpy")
    if old and not new and int(numpy.partition(".")[0]) >= 2:
        return Finding("NumPy", "failure", f"{words}: tflite-runtime needs NumPy 1", "pip install 'numpy<2'")
    return Finding("NumPy", "ok", words)


def _opencv() -> Finding:
    try:
        import cv2
    except ImportError as cause:
        return Finding("OpenCV", "failure", f"cannot be imported ({cause})", OPENCV_CURE)
    return _cascades(cv2.__version__, hasattr(cv2, "CascadeClassifier") and hasattr(cv2, "data"))


def _outputs(settings: Settings) -> Iterator[Finding]:
    """A finding for each output of the settings whose libraries are missing."""
    for name in settings.run.sinks:
        output: Output[Sink] = lookup(SINKS, name, "sink")
        missing = [module for module in output.requires(settings) if not importable(module)]
        if missing:
            words = f"{', '.join(missing)} cannot be imported, and this output needs it"
            yield Finding(f"output {name}", "failure", words, install_command(output))


def install_command(output: Output[Sink]) -> str:
    """The command that installs an output's libraries; pip may not have them, as lgpio from Python 3.13 on."""
    if output.debian and any(Path(folder).name == "dist-packages" for folder in sys.path):
        return f"sudo apt install {output.debian}"
    return extras.install_command(output.extra)


def importable(module: str) -> bool:
    """Whether a module is installed; it is not imported."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # not even the package that it is in
        return False


def _cascades(found: str, has_haar: bool) -> Finding:
    if not has_haar:
        return Finding("OpenCV", "failure", f"{found} has no Haar cascades, which find faces", OPENCV_CURE)
    return Finding("OpenCV", "ok", f"{found}, with Haar cascades")
