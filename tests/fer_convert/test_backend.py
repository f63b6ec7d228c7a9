"""What is missing is named with the command that brings it, and noise is kept back where there is room for it."""

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
def test_a_missing_backend_is_named_with_its_own_package(
    lacking: str, cure: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """KERAS_BACKEND=torch without torch: the extra that would be advised otherwise has no torch in it."""
    (tmp_path / "keras.py").write_text(f"import {lacking}\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    monkeypatch.setitem(sys.modules, lacking, None)  # what Python itself does where an import failed
    with pytest.raises(FerEdgeError) as error:
        backend.need("keras")
    assert str(error.value).startswith(f"Keras's backend {lacking} cannot be imported (")
    assert str(error.value).endswith(f"; install it with: {cure}")


def test_torch_itself_comes_with_its_own_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(FerEdgeError, match=r"^torch cannot be imported .*'fer-edge\[convert,torch\]'$"):
        backend.torch()


def test_noise_is_kept_back_without_a_folder_for_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A full or missing /tmp does not end a training of hours because of notes that nobody needs."""
    with monkeypatch.context() as place:  # pytest itself needs the true one again
        place.setattr(tempfile, "tempdir", str(tmp_path / "none"))
        with backend.quiet():
            os.write(1, b"note")
    assert capfd.readouterr() == ("", "")


def test_where_nothing_can_be_kept_the_work_goes_on_aloud(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(_: str) -> int:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(os, "memfd_create", refuse)
    with backend.quiet():
        os.write(1, b"note")
    assert capfd.readouterr().out == "note"


def test_noise_is_kept_back_and_shown_with_an_error(capfd: pytest.CaptureFixture[str]) -> None:
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
