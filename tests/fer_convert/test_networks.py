"""The networks, to the parameter."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from fer_convert import backend, networks
from fer_convert.export import graph
from fer_edge.errors import SettingsError


def needs_tensorflow(test: Callable[..., None]) -> Callable[..., None]:
    """Whichever test comes first waits for TensorFlow to be imported, which takes long on a busy machine."""
    return pytest.mark.tensorflow(pytest.mark.slow(pytest.mark.timeout(180)(test)))


@needs_tensorflow
@pytest.mark.parametrize(("classes", "parameters"), [(7, 57_799), (2, 54_554)])
def test_mini_xception_size(classes: int, parameters: int) -> None:
    """It has no more parameters than the published one."""
    backend.keras()
    model = networks.build("mini_xception", classes, (64, 64))
    assert model.count_params() == parameters <= 58_423
    assert model.input_shape == (None, 64, 64, 1)
    assert model.output_shape == (None, classes)


@needs_tensorflow
@pytest.mark.parametrize(("name", "parameters"), [("cnn4", 389_639), ("resnet", 2_801_063), ("vgg", 1_757_863)])
def test_other_networks_size(name: str, parameters: int) -> None:
    """The networks that it is compared with have the parameters that the tables give."""
    backend.keras()
    assert networks.build(name, 7, (64, 64)).count_params() == parameters


@needs_tensorflow
@pytest.mark.parametrize(("name", "millions"), [("mini_xception", 11.47), ("cnn4", 57.80)])
def test_multiply_adds(name: str, millions: float) -> None:
    """A kernel's weights count once at each position."""
    backend.keras()
    assert graph.multiply_adds(networks.build(name, 7, (64, 64))) == pytest.approx(millions * 1e6, rel=0.005)


@needs_tensorflow
@pytest.mark.parametrize("name", networks.NETWORKS)
def test_probabilities_at_any_size(name: str) -> None:
    """Each network takes pixels of any size and gives probabilities that sum to 1."""
    backend.keras()
    model = networks.build(name, 7, (None, None))
    for side in (48, 64):
        faces = np.random.default_rng(0).integers(0, 256, (2, side, side, 1)).astype(np.float32)
        np.testing.assert_allclose(np.asarray(model(faces)).sum(axis=1), 1, atol=1e-5)


def test_unknown_network_is_refused() -> None:
    """The refusal lists the known networks."""
    with pytest.raises(SettingsError, match=r"network 'resnet50': unknown; known are mini_xception, cnn4"):
        networks.build("resnet50", 7, (64, 64))
