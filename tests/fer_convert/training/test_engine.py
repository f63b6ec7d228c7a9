"""Training on torch's own kernels computes what Keras computes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fer_convert import backend, networks
from fer_convert.training import engine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    """What torch_twin.py finds with Keras on torch."""
    pytest.importorskip("torch", reason="torch is not installed: pip install '.[torch]'")
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("torch_twin.py"))],
        env={**os.environ, "KERAS_BACKEND": "torch", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.mark.torch
@pytest.mark.parametrize("name", [*networks.NETWORKS, "other layers"])
def test_it_reads_trains_and_keeps_statistics_as_keras_does(found: dict[str, Any], name: str) -> None:
    twins = found[name]
    assert twins["reads"] < 1e-4
    assert twins["reads roughly"] < 0.02
    assert twins["gradients"] < 1e-2
    assert twins["statistics"] < 2e-3  # torch's running variance divides by one less


@pytest.mark.torch
def test_its_steps_lower_the_loss_as_those_of_keras(found: dict[str, Any]) -> None:
    theirs, ours = (found["steps"][name] for name in ("KerasEngine", "TorchEngine"))
    # bfloat16, where the processor has it, keeps three digits
    np.testing.assert_allclose(ours, theirs, rtol=0.03)
    assert ours[-1] < 0.9 * ours[0]


@pytest.mark.torch
def test_a_graph_that_it_cannot_walk_is_left_to_keras(found: dict[str, Any]) -> None:
    assert found["engines"] == ["TorchEngine", "KerasEngine"]


def test_other_backends_have_the_engine_of_keras() -> None:
    backend.keras()
    assert isinstance(engine.engine(networks.build("cnn4", 7, (48, 48))), engine.KerasEngine)
