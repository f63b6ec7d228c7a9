"""Models come from disk with what is known about them, or are refused in one line."""

from __future__ import annotations

import errno
import json
import os
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fer_convert import backend, networks
from fer_convert.export import fold, load
from fer_edge.classifiers.cards import load_card
from fer_edge.errors import ModelError
from fer_edge.types import EMOTIONS

# Whichever test comes first waits for TensorFlow to be imported, which takes long on a busy machine.
pytestmark = [pytest.mark.tensorflow, pytest.mark.slow, pytest.mark.timeout(180)]


LEGACY = "peers/fer2013_mini_XCEPTION.102-0.66.hdf5"


@pytest.fixture
def saved(tmp_path: Path, tiny: str) -> Path:
    backend.keras()
    path = tmp_path / "model.keras"
    networks.build(tiny, 7, (48, 48)).save(path)
    return path


def faces(side: int = 48) -> Any:
    return np.random.default_rng(0).integers(0, 256, (3, side, side, 1)).astype(np.float32)


def test_labels_size_and_range(saved: Path) -> None:
    """They come from the .json beside the model, or are guessed from its name and shape."""
    found = load.load(saved)
    assert (found.labels, found.size, found.range) == (EMOTIONS, (48, 48), (0.0, 255.0))
    card = {"labels": list("abcdefg"), "input_range": [-1, 1], "training_data": {"name": "x.csv"}}
    saved.with_suffix(".json").write_text(json.dumps(card))
    found = load.load(saved)
    assert (found.labels, found.range, found.training_data) == (tuple("abcdefg"), (-1.0, 1.0), {"name": "x.csv"})
    assert load.load(saved, (0.0, 1.0)).range == (0.0, 1.0)


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({}, ""),
        ({"training_data": {"name": "x.csv"}}, "labels"),  # by a fer-convert that had no choice
        ({"training_data": {"name": "x.csv"}, "learned_from": "votes"}, "votes"),
        ({"learned_from": "labels"}, "labels"),
    ],
)
def test_what_it_learned_from(saved: Path, known: dict[str, Any], expected: str) -> None:
    """Votes or labels, if that is known."""
    saved.with_suffix(".json").write_text(json.dumps(known))
    assert load.load(saved).learned_from == expected


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.keras", None, "no such file"),
        ("model.onnx", b"x", "give it to fer-convert import"),
        ("model.pth", b"x", "a PyTorch model; export it with torch.onnx.export"),
        ("model.bin", b"x", "not a Keras model by its name"),
        ("empty.keras", b"", "Keras cannot load it"),
        ("text.keras", b"not a model\n", "Keras cannot load it"),
        ("text.hdf5", b"not a model\n", "Keras cannot load it"),
    ],
)
def test_no_model_is_refused(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    """What is no Keras model is one line."""
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=message) as error:
        load.load(path)
    assert "\n" not in str(error.value)


def test_cut_off_model_is_refused(saved: Path) -> None:
    """Half of a model is refused."""
    content = saved.read_bytes()
    saved.write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelError, match="cut off or no model"):
        load.load(saved)


def test_sidecar_that_does_not_fit(saved: Path) -> None:
    """Two labels for seven outputs, and a cut-off .json, are refused."""
    saved.with_suffix(".json").write_text('{"labels": ["a", "b"]}')
    with pytest.raises(ModelError, match="7 outputs, but 2 labels"):
        load.load(saved)
    saved.with_suffix(".json").write_text('{"labels": [')
    with pytest.raises(ModelError, match="not readable as JSON"):
        load.load(saved)


@pytest.mark.parametrize(
    "content",
    [
        "[]", "null", '{"labels": 5}', '{"labels": [1, 2, 3, 4, 5, 6, 7]}', '{"training_data": "x"}',
        '{"input_range": "x"}', '{"input_range": [1]}', '{"input_range": [255, 0]}', '{"input_range": [0, Infinity]}',
        '{"input_range": [0, 1' + "0" * 400 + "]}", "[" * 100_000,
        '{"input_range": [null, 1]}', '{"labels": ["a", "a", "b", "c", "d", "e", "f"]}',
    ],
)  # fmt: skip
def test_sidecar_of_another_kind(saved: Path, content: str) -> None:
    """Whatever a .json holds that is none, the refusal is one line."""
    saved.with_suffix(".json").write_text(content)
    with pytest.raises(ModelError, match="restore or remove") as error:
        load.load(saved)
    assert "\n" not in str(error.value)


def test_other_models_are_refused(tmp_path: Path) -> None:
    """A model with another input or output than a face classifier's is refused."""
    keras = backend.keras()
    for shape, message in (((8, 8, 2), "its input is"), ((8, 8, 1), "its output is"), ((3, 8, 8), "channels first")):
        image = keras.Input(shape)
        keras.Model(image, keras.layers.Conv2D(2, 3)(image)).save(tmp_path / "other.keras")
        with pytest.raises(ModelError, match=message):
            load.load(tmp_path / "other.keras")


def test_too_large_input_is_refused(tmp_path: Path) -> None:
    """Else a conversion of minutes ends with a card that the device refuses."""
    keras = backend.keras()
    image = keras.Input((48, 2000, 1))
    keras.Model(image, keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(7, 3)(image))).save(tmp_path / "m.h5")
    with pytest.raises(ModelError, match="takes 48 x 2000 pixels, the device 1 to 1024 a side; give a model with"):
        load.load(tmp_path / "m.h5")


@pytest.mark.parametrize(("more", "fits"), [(0, True), (1, False)])
def test_size_limit_is_that_of_cards(tmp_path: Path, more: int, fits: bool) -> None:
    """What may be loaded may be on a card, to the pixel."""
    entry = {"height": load.MAX_SIDE_PX + more, "width": 1, "dtype": "int8", "range": [0, 1]}
    card = {"card": 1, "name": "m", "model": "m", "variant": "int8", "file": "m.tflite", "sha256": "", "bytes": 1}
    (tmp_path / "m.json").write_text(json.dumps(card | {"labels": ["a", "b"], "input": entry}))
    with nullcontext() if fits else pytest.raises(ModelError, match="sides of 1 to 1024"):
        load_card(tmp_path / "m.json")


@pytest.mark.parametrize("suffix", [".keras", ".json"])
def test_unreadable_path_is_one_line(saved: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    """A closed folder, of the model or of what is known of it."""
    look = Path.stat

    def stat(path: Path, **more: Any) -> os.stat_result:
        if path == saved.with_suffix(suffix):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return look(path, **more)

    monkeypatch.setattr(Path, "stat", stat)
    with pytest.raises(ModelError, match=rf"model{suffix}: cannot be read \(Permission denied\); check the path"):
        load.load(saved)


def test_too_long_path_is_one_line() -> None:
    """A path that no system takes is no traceback."""
    with pytest.raises(ModelError, match=r"cannot be read \(File name too long\)"):
        load.load(Path("x" * 5000 + ".keras"))


def test_with_pixel_input(saved: Path) -> None:
    """A model of other values predicts the same from pixels."""
    known = load.load(saved)
    assert load.with_pixel_input(known) is known.model
    legacy = load.load(saved, (-1.0, 1.0))
    wanted = legacy.model.predict_on_batch(faces() / 127.5 - 1)
    np.testing.assert_allclose(load.with_pixel_input(legacy).predict_on_batch(faces()), wanted, atol=1e-5)


def test_new_last_layer_keeps_the_others(saved: Path) -> None:
    """The last layer is new, all others keep their weights."""
    found = load.load(saved)
    model = load.with_classes(found, 3)
    assert model.output_shape == (None, 3)
    np.testing.assert_allclose(model.predict_on_batch(faces()).sum(axis=1), 1, atol=1e-5)
    old, new = found.model.get_weights(), model.get_weights()
    for before, after in zip(old[:-2], new[:-2], strict=True):
        np.testing.assert_array_equal(before, after)
    assert [weights.shape[-1] for weights in new[-2:]] == [3, 3]


def test_last_layer_can_be_replaced_twice(saved: Path, tmp_path: Path) -> None:
    """A model that was made from another can be changed in the same way."""
    scaled = load.with_pixel_input(load.load(saved, (-1.0, 1.0)))
    scaled.save(tmp_path / "second.keras")
    second = load.load(tmp_path / "second.keras")
    np.testing.assert_allclose(second.model.predict_on_batch(faces()), scaled.predict_on_batch(faces()), atol=1e-6)
    third = load.with_classes(second, 3)
    assert third.output_shape == (None, 3)
    for before, after in zip(scaled.get_weights()[:-2], third.get_weights()[:-2], strict=True):
        np.testing.assert_array_equal(before, after)


def test_sequential_model(tmp_path: Path) -> None:
    """A Sequential model is folded and changed like any other."""
    keras = backend.keras()
    layers = [keras.layers.Conv2D(7, 3), keras.layers.GlobalAveragePooling2D(), keras.layers.Activation("softmax")]
    model = keras.Sequential([keras.Input((48, 48, 1)), *layers])
    model.save(tmp_path / "model.h5")
    found = load.load(tmp_path / "model.h5")
    wanted = model.predict_on_batch(faces() / 127.5 - 1)
    np.testing.assert_allclose(fold.to_pixel_input(found).predict_on_batch(faces()), wanted, atol=1e-5)
    assert load.with_classes(found, 3).output_shape == (None, 3)


def test_legacy_model_loads(shared: Path) -> None:
    """The published .hdf5 has its parameters, and takes another last layer."""
    found = load.load(shared / LEGACY)
    assert (found.labels, found.size, found.range) == (EMOTIONS, (64, 64), (-1.0, 1.0))
    assert found.model.count_params() == 58_423
    assert load.with_classes(found, 3).predict_on_batch(faces(64)).shape == (3, 3)
