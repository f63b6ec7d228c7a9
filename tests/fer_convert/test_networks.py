"""The networks, to the parameter."""

from __future__ import annotations

import numpy as np
import pytest
from fer_convert import backend, networks
from fer_convert.export import graph
from fer_edge.errors import SettingsError

# The first test to need it waits for TensorFlow, which on a busy machine takes long.
pytestmark = pytest.mark.timeout(180)


@pytest.mark.slow
@pytest.mark.parametrize(("classes", "parameters"), [(7, 57_799), (2, 54_554)])
def test_mini_xception_is_no_larger_than_the_published_one(classes: int, parameters: int) -> None:
    backend.keras()
    model = networks.build("mini_xception", classes, (64, 64))
    assert model.count_params() == parameters <= 58_423
    assert model.input_shape == (None, 64, 64, 1)
    assert model.output_shape == (None, classes)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "parameters"), [("cnn4", 389_639), ("resnet", 2_801_063), ("vgg", 1_757_863)])
def test_what_it_is_compared_with_and_learns_from_is_larger(name: str, parameters: int) -> None:
    backend.keras()
    assert networks.build(name, 7, (64, 64)).count_params() == parameters


@pytest.mark.slow
@pytest.mark.parametrize(("name", "millions"), [("mini_xception", 12.50), ("cnn4", 57.80)])
def test_multiply_adds_are_counted_at_every_position(name: str, millions: float) -> None:
    backend.keras()
    assert graph.multiply_adds(networks.build(name, 7, (64, 64))) == pytest.approx(millions * 1e6, rel=0.005)


@pytest.mark.slow
@pytest.mark.parametrize("name", networks.NETWORKS)
def test_it_takes_pixels_and_gives_probabilities_at_any_size(name: str) -> None:
    backend.keras()
    model = networks.build(name, 7, (None, None))
    for side in (48, 64):
        faces = np.random.default_rng(0).integers(0, 256, (2, side, side, 1)).astype(np.float32)
        np.testing.assert_allclose(np.asarray(model(faces)).sum(axis=1), 1, atol=1e-5)


def test_an_unknown_network_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SettingsError, match=r"network 'resnet50': unknown; known are mini_xception, cnn4"):
        networks.build("resnet50", 7, (64, 64))
