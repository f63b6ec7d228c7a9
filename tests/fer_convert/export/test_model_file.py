"""A file that Keras does not load is named for what it is, with the way out, in one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fer_convert import backend
from fer_convert.export import load
from fer_edge.errors import ModelError

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow, pytest.mark.timeout(180)]


def network(extra: Any = None) -> Any:
    keras = backend.keras()
    layers = [keras.Input((24, 24, 1)), *([extra] if extra is not None else []), keras.layers.Flatten()]
    return keras.Sequential([*layers, keras.layers.Dense(3, activation="softmax")])


def with_lambda(path: Path) -> None:
    network(backend.keras().layers.Lambda(lambda x: x / 255)).save(path)


def with_own_layer(path: Path) -> None:
    class Own(backend.keras().layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return x

    network(Own()).save(path)


@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        ("m.h5", with_lambda, "has a Lambda layer, Python code in the file"),
        ("m.keras", with_lambda, "has a Lambda layer"),
        ("m.weights.h5", lambda path: network().save_weights(path), "holds weights alone, without the network"),
        ("m.h5", with_own_layer, "with layers of Keras alone"),
        ("m.keras", with_own_layer, "with layers of Keras alone"),
    ],
)
def test_what_the_file_is(name: str, make: Callable[[Path], None], message: str, tmp_path: Path) -> None:
    with backend.quiet():
        make(tmp_path / name)
    with pytest.raises(ModelError, match=message) as error:
        load.load(tmp_path / name)
    assert "cut off" not in str(error.value)
    assert "\n" not in str(error.value)


def test_cut_off_files_are_called_so(tmp_path: Path) -> None:
    for name in ("m.h5", "m.keras"):
        network().save(tmp_path / name)
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content[: len(content) // 2])
        with pytest.raises(ModelError, match="it is cut off or no model"):
            load.load(tmp_path / name)


def test_saved_model_names_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").write_bytes(b"x")
    with pytest.raises(ModelError, match=r"TensorFlow's SavedModel.*save it as \.keras: tf\.keras\.models\.load_model"):
        load.load(tmp_path / "saved")
    with pytest.raises(ModelError, match="a folder; give the file of a Keras model in it"):
        load.load(tmp_path)


def test_teachable_machines_keras_model(tmp_path: Path) -> None:
    """Keras 2 wrote `groups`, which Keras 3 refuses; the labels are in a list beside it."""
    import h5py

    keras = backend.keras()
    path = tmp_path / "keras_model.h5"
    layers = [keras.Input((24, 24, 3)), keras.layers.DepthwiseConv2D(3), keras.layers.GlobalAveragePooling2D()]
    model = keras.Sequential([keras.Sequential(layers), keras.layers.Dense(2, activation="softmax")])
    model.build((None, 24, 24, 3))
    with backend.quiet():
        model.save(path)
    with h5py.File(path, "r+") as file:
        config = file.attrs["model_config"]
        changed = config.replace('"depth_multiplier": 1', '"groups": 1, "depth_multiplier": 1')
        assert changed != config
        file.attrs["model_config"] = changed
    (tmp_path / "labels.txt").write_text("0 happy\n1 sad\n")
    found = load.load(path)
    assert (found.labels, found.labels_said, found.range) == (("happy", "sad"), True, (-1.0, 1.0))
    faces = np.random.default_rng(0).uniform(-1, 1, (3, 24, 24, 1)).astype(np.float32)
    wanted = model.predict_on_batch(np.repeat(faces, 3, axis=3))
    np.testing.assert_allclose(found.model.predict_on_batch(faces), wanted, atol=1e-5)
