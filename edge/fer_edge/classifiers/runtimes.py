"""The TFLite interpreters, whichever is installed: the one place where a .tflite file is loaded."""

from __future__ import annotations

import importlib
import os
import platform
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from fer_edge.errors import ModelError, first_line

FALLBACK = "opencv"  # the runtime for systems that no TFLite package has a wheel for
# In order of preference: the maintained one, the small old one, the one of a gigabyte, and what is always there but
# runs float models alone.
RUNTIMES = {
    "ai-edge-litert": "ai_edge_litert.interpreter:Interpreter",
    "tflite-runtime": "tflite_runtime.interpreter:Interpreter",
    "tensorflow": "tensorflow:lite.Interpreter",
    FALLBACK: "fer_edge.classifiers.opencv_runtime:Interpreter",
}


FLOAT_VARIANTS = ("float32", "float16")  # all that the fallback runs
VIEW_WAITS, VIEW_WAIT_S = 100, 0.002  # for a profiler to drop the frames that it looks at


def runs(runtime: str, variant: str) -> bool:
    """Whether the `runtime` can run models of this `variant`."""
    return runtime != FALLBACK or variant in FLOAT_VARIANTS


def find_runtime(name: str = "auto") -> tuple[str, type[Any]]:
    """The interpreter class called `name`, or the first of RUNTIMES that is installed. Raises ModelError."""
    if name != "auto" and name not in RUNTIMES:
        raise ModelError(f"runtime {name!r}: unknown; known are auto, {', '.join(RUNTIMES)}")
    failures = []
    for candidate in RUNTIMES if name == "auto" else (name,):
        module, _, attributes = RUNTIMES[candidate].partition(":")
        try:
            found: Any = importlib.import_module(module)
        except ImportError as cause:
            failures.append(f"{candidate}: {cause}")
            continue
        for attribute in attributes.split("."):
            found = getattr(found, attribute)
        return candidate, found
    raise ModelError(f"runtime {name!r}: no TFLite interpreter can be imported ({'; '.join(failures)}); {_fix(name)}")


def _fix(runtime: str) -> str:
    """What gives this machine an interpreter: OpenCV has one, where it is no older than 4.10."""
    package = tflite_package() if runtime != FALLBACK else ""
    return "fix it with: pip install " + (package or "'opencv-python-headless>=4.10'")


def tflite_package() -> str:
    """The package with an interpreter for this machine; "" if there is none.

    For 32-bit Arm there is one wheel, of tflite-runtime for Python 3.11.
    """
    if platform.machine() not in ("armv7l", "armv6l"):
        return "ai-edge-litert"
    return "tflite-runtime" if tuple(sys.version_info[:2]) < (3, 12) else ""


def load_interpreter(path: Path, content: bytes, runtime: str = "auto", threads: int = 1) -> tuple[str, Any]:
    """The name of the runtime, and its interpreter with the `content` of the file at `path`. Raises ModelError."""
    name, interpreter = find_runtime(runtime)
    try:
        with _quiet():
            loaded = interpreter(model_content=content, num_threads=threads)
            loaded.allocate_tensors()
    except Exception as cause:  # the runtimes raise ValueError, RuntimeError, SystemError and more
        raise ModelError(_why(path, name, cause)) from cause
    return name, loaded


def invoke(interpreter: Any) -> None:
    """Run the model on what was written to its input. Raises what the runtime raises.

    A sampling profiler, such as a Dask worker's, holds for a moment the frame of a function that wrote the input, and
    with it a view into the interpreter's memory, while which it refuses to run.
    """
    for _ in range(VIEW_WAITS):
        try:
            interpreter.invoke()
            return
        except RuntimeError as cause:
            if "reference to internal data" not in str(cause):
                raise
            time.sleep(VIEW_WAIT_S)
    interpreter.invoke()


_STDERR_LOCK = threading.Lock()  # two threads at once would each restore what the other one had redirected


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide the line "INFO: Created TensorFlow Lite XNNPACK delegate", which no setting of the runtimes turns off.

    C++ code prints it, so the file descriptor itself is redirected. Errors come as exceptions and are not hidden.
    """
    with _STDERR_LOCK:
        try:
            stderr = os.dup(2)
        except OSError:  # there is no standard error
            yield
            return
        devnull = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(devnull, 2)
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            os.close(devnull)


def _why(path: Path, runtime: str, cause: Exception) -> str:
    if runtime == "tflite-runtime" and int(np.__version__.split(".")[0]) >= 2:
        return f"runtime tflite-runtime: does not work with NumPy {np.__version__}; fix it with: pip install 'numpy<2'"
    if runtime == FALLBACK and isinstance(cause, ValueError):  # which has its own cure
        return f"model {path}: {first_line(cause)}"
    return f"model {path}: {runtime} cannot load it ({first_line(cause)}); restore, install or convert it again"
