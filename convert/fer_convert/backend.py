"""Keras, set up once and imported late, so that `fer-convert --help` needs none of it."""

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

INSTALL = "pip install 'fer-edge[convert]'"
# What installs the backends of Keras that the extra leaves out.
BACKENDS = {"torch": "pip install 'fer-edge[convert,torch]'", "jax": "pip install jax"}


def need(*modules: str) -> None:
    """Import `modules`, or raise FerEdgeError with the one command that installs what is missing."""
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
    """That the module `name` cannot be imported, and what mends it."""
    lacking = (cause.name or name).partition(".")[0]
    if lacking not in BACKENDS:
        return f"{name} cannot be imported ({cause}); install it with: {INSTALL}"
    what, other = lacking, ""
    if name == "keras":
        what, other = f"Keras's backend {lacking}", ", or set KERAS_BACKEND=tensorflow"
    return f"{what} cannot be imported ({first_line(cause)[:120]}); install it with: {BACKENDS[lacking]}{other}"


@functools.cache
def keras() -> Any:
    """The keras module. Raises FerEdgeError where it is not installed."""
    need("keras")
    module = importlib.import_module("keras")
    with quiet():
        module.ops.zeros(1)  # the first array looks for devices, and says which it did not find
    return module


def tensorflow() -> Any:
    """The tensorflow module, which the conversion needs. Raises FerEdgeError where it is not installed."""
    need("tensorflow")
    return importlib.import_module("tensorflow")


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what the libraries say (drivers not found, compiler notes, advice to their own authors) from the user.

    If the block raises unexpectedly, it is shown after all. Works on the file descriptors, so compiled code is covered.
    Where nothing can be kept, it is shown: noise is no reason to stop.
    """
    with warnings.catch_warnings(), ExitStack() as stack:
        warnings.simplefilter("ignore")
        written = None
        with suppress(OSError):
            written = stack.enter_context(_scratch())
        if written is None:
            yield
            return
        streams = {1: sys.stdout, 2: sys.stderr}
        kept = {number: os.dup(number) for number in streams}
        for number, stream in streams.items():
            stream.flush()
            os.dup2(written.fileno(), number)
        try:
            yield
        except FerEdgeError:
            raise  # says all there is to say in its one line
        except Exception:
            written.seek(0)
            os.write(kept[2], written.read())
            raise
        finally:
            for number, stream in streams.items():
                stream.flush()
                os.dup2(kept[number], number)
                os.close(kept[number])


def _scratch() -> IO[bytes]:
    """A file for what is kept from the user: in memory where the system has such, so that no folder need have room."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("fer-convert"), "w+b")
    return tempfile.TemporaryFile()


def _environment() -> None:
    # oneDNN's backward pass of a strided 1 x 1 convolution with 8 channels corrupts the heap (TensorFlow 2.19 to 2.21,
    # torch 2.15): the first shortcut of the published Mini-XCEPTION is one.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    # The loader's and the compiler's notes; errors still show.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


@functools.cache
def torch() -> Any:
    """The torch module. Raises FerEdgeError where it is not installed."""
    need("torch")
    return importlib.import_module("torch")
