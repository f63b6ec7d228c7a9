"""Training on torch's own kernels computes what Keras computes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fer_convert import networks

pytest.importorskip("torch")

pytestmark = [pytest.mark.torch, pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def found(run_on_torch: Callable[[Path], str]) -> dict[str, Any]:
    """What torch_twin.py finds."""
    result: dict[str, Any] = json.loads(run_on_torch(Path(__file__).with_name("torch_twin.py")))
    return result


@pytest.mark.parametrize("name", [*networks.NETWORKS, "other layers"])
def test_torch_graph_equals_keras(found: dict[str, Any], name: str) -> None:
    """Predictions, gradients and running statistics are those of Keras."""
    twins = found[name]
    assert twins["reads"] < 1e-4
    assert twins["reads roughly"] < 0.02
    assert twins["gradients"] < 1e-2
    assert twins["statistics"] < 2e-3  # torch's running variance divides by one less


def test_means_are_of_pixels_alone(found: dict[str, Any]) -> None:
    """As TensorFlow has it: the padding of the last cells counts for nothing."""
    pixels = np.arange(33.0).reshape(3, 11)
    wanted = [[pixels[row : row + 2, column : column + 4].mean() for column in (0, 4, 8)] for row in (0, 2)]
    np.testing.assert_allclose(found["means"], wanted, rtol=1e-6)


def test_torch_steps_equal_keras_steps(found: dict[str, Any]) -> None:
    """Six steps have the losses of Keras's own."""
    theirs, ours = (found["steps"][name] for name in ("KerasEngine", "TorchEngine"))
    # bfloat16, if the processor has it, keeps three digits
    np.testing.assert_allclose(ours, theirs, rtol=0.03)
    assert ours[-1] < 0.9 * ours[0]


def test_shared_layers_are_left_to_keras(found: dict[str, Any]) -> None:
    """A network that uses a layer twice is trained by Keras."""
    assert found["engines"] == ["TorchEngine", "KerasEngine"]
