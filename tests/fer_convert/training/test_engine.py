"""Each backend has its engine."""

from __future__ import annotations

import pytest
from fer_convert import backend, networks
from fer_convert.training import engine

# Whichever test comes first waits for TensorFlow to be imported, which takes long on a busy machine.
pytestmark = [pytest.mark.tensorflow, pytest.mark.slow, pytest.mark.timeout(180)]


def test_tensorflow_has_keras_engine() -> None:
    """On TensorFlow the engine is Keras's."""
    backend.keras()
    assert isinstance(engine.make_engine(networks.build("cnn4", 7, (48, 48))), engine.KerasEngine)
