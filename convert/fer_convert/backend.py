"""Keras, TensorFlow and torch: set up once and imported late, so that `fer-convert --help` needs none of them."""

from __future__ import annotations

import functools
import importlib
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import IO, Any

from fer_edge.errors import FerEdgeError, SettingsError, first_line

INSTALL_COMMAND = "pip install 'fer-edge[convert]'"
# For the backends of Keras that the extra leaves out
BACKEND_INSTALL_COMMANDS = {"torch": "pip install 'fer-edge[convert,torch]'", "jax": "pip install jax"}


def require(*modules: str) -> None:
    """Import `modules`. Raises FerEdgeError with the one command that installs what is missing."""
    _environment()
    for name in modules:
        try:
            with quiet():
                importlib.import_module(name)
        except ImportError as cause:
            raise FerEdgeError(_missing(name, cause)) from None
        except ValueError as cause:
            chosen = os.environ.get("KERAS_BACKEND")
            if name != "keras" or not chosen:
                raise
            raise SettingsError(
                f"KERAS_BACKEND={chosen}: Keras refuses it ({first_line(cause)[:120]}); use tensorflow, jax or torch"
            ) from None


def _missing(name: str, cause: ImportError) -> str:
    """The message that the module `name` cannot be imported, with the command that fixes it."""
    lacking = (cause.name or name).partition(".")[0]
    if lacking not in BACKEND_INSTALL_COMMANDS:
        return f"{name} cannot be imported ({cause}); install it with: {INSTALL_COMMAND}"
    what, other = lacking, ""
    if name == "keras":
        what, other = f"Keras's backend {lacking}", ", or set KERAS_BACKEND=tensorflow"
    install = BACKEND_INSTALL_COMMANDS[lacking]
    return f"{what} cannot be imported ({first_line(cause)[:120]}); install it with: {install}{other}"


@functools.cache
def keras() -> Any:
    """The keras module. Raises FerEdgeError if it is not installed."""
    require("keras")
    module = importlib.import_module("keras")
    with quiet():
        module.ops.zeros(1)  # the first array searches for devices, and prints which it did not find
    return module


def tensorflow() -> Any:
    """The tensorflow module, which the conversion needs. Raises FerEdgeError if it is not installed."""
    require("tensorflow")
    return importlib.import_module("tensorflow")


@functools.cache
def torch() -> Any:
    """The torch module. Raises FerEdgeError if it is not installed."""
    require("torch")
    return importlib.import_module("torch")


@contextmanager
def quiet() -> Iterator[None]:
    """Hide what the libraries print (drivers not found, compiler notes, advice to their own authors) from the user.

    If the block raises something unexpected, it is shown after all. Works on the file descriptors, so that compiled
    code is covered. If the output cannot be captured, it is shown: noise is no reason to stop.
    """
    with warnings.catch_warnings(), ExitStack() as stack:
        warnings.simplefilter("ignore")
        captured = None
        with suppress(OSError):
            captured = stack.enter_context(_scratch_file())
        if captured is None:
            yield
            return
        streams = {1: sys.stdout, 2: sys.stderr}
        saved = {number: os.dup(number) for number in streams}
        for number, stream in streams.items():
            stream.flush()
            os.dup2(captured.fileno(), number)
        try:
            yield
        except FerEdgeError:
            raise  # its one line says everything
        except Exception:
            captured.seek(0)
            os.write(saved[2], captured.read())
            raise
        finally:
            for number, stream in streams.items():
                stream.flush()
                os.dup2(saved[number], number)
                os.close(saved[number])


def _scratch_file() -> IO[bytes]:
    """A file for the captured output: in memory if the system can, so that no folder needs to have room."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("fer-convert"), "w+b")
    return tempfile.TemporaryFile()


def _environment() -> None:
    # oneDNN's backward pass of a strided 1 x 1 convolution with 8 channels corrupts the heap (TensorFlow 2.19 to 2.21,
    # torch 2.15): the first shortcut of the published Mini-XCEPTION is one.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    # Hides the notes of loader and compiler; errors still show.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
