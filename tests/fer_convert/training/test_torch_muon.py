"""Muon on torch moves all variables at once as Keras moves them one by one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("torch")

pytestmark = [pytest.mark.torch, pytest.mark.slow, pytest.mark.timeout(180)]


def test_torch_step_equals_keras_step(run_on_torch: Callable[[Path], str]) -> None:
    """Both end with the same variables after four steps; torch_muon_twin.py asserts it."""
    run_on_torch(Path(__file__).with_name("torch_muon_twin.py"))
