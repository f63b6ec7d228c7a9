"""What is missing is named with the command that installs it; noise is hidden if it can be captured."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
from pathlib import Path

import pytest
from fer_convert import backend
from fer_edge.errors import FerEdgeError


@pytest.mark.parametrize(
    ("lacking", "cure"),
    [
        ("torch", "pip install 'fer-edge[convert,torch]', or set KERAS_BACKEND=tensorflow"),
        ("jax", "pip install jax, or set KERAS_BACKEND=tensorflow"),
    ],
)
def test_missing_backend_names_its_package(
    lacking: str, cure: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """KERAS_BACKEND=torch without torch: the extra that would be advised otherwise has no torch in it."""
    (tmp_path / "keras.py").write_text(f"import {lacking}\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    monkeypatch.setitem(sys.modules, lacking, None)  # as Python itself does if an import failed
    with pytest.raises(FerEdgeError) as error:
        backend.require("keras")
    assert str(error.value).startswith(f"Keras's backend {lacking} cannot be imported (")
    assert str(error.value).endswith(f"; install it with: {cure}")


def test_torch_has_its_own_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Missing torch is named with the extra that has it."""
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(FerEdgeError, match=r"^torch cannot be imported .*'fer-edge\[convert,torch\]'$"):
        backend.torch()


def test_quiet_without_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A full or missing /tmp does not end a training of hours because of unimportant notes."""
    with monkeypatch.context() as place:  # pytest itself needs the true one again
        place.setattr(tempfile, "tempdir", str(tmp_path / "none"))
        with backend.quiet():
            os.write(1, b"note")
    assert capfd.readouterr() == ("", "")


def test_quiet_without_any_capture(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """If the output cannot be captured, it is shown and the work goes on."""

    def refuse(_: str) -> int:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(os, "memfd_create", refuse)
    with backend.quiet():
        os.write(1, b"note")
    assert capfd.readouterr().out == "note"


def test_quiet_shows_output_of_errors(capfd: pytest.CaptureFixture[str]) -> None:
    """Output is hidden, and shown if the block fails."""
    with backend.quiet():
        os.write(1, b"note")
    assert capfd.readouterr() == ("", "")

    def fail() -> None:
        with backend.quiet():
            os.write(1, b"note")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert capfd.readouterr().err == "note"
