"""Converted models of others get a card, and probabilities if they lack them."""

from __future__ import annotations

import json
import re
import shutil
import stat
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn")

from fer_convert.export import import_model as importing
from fer_convert.export.import_model import import_model
from fer_edge.classifiers import bare
from fer_edge.classifiers.cards import load_card
from fer_edge.classifiers.runtimes import load_interpreter
from fer_edge.classifiers.tflite import TfliteClassifier
from fer_edge.errors import DataError, FerEdgeError, ModelError
from fer_edge.types import EMOTIONS

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow, pytest.mark.timeout(180)]

MODELS = Path(__file__).parents[2] / "fer_edge" / "classifiers"
LOGITS = MODELS / "m_logits48-float32.tflite"


def silent(line: str) -> None:
    """Log nothing."""


def raw(path: Path, face: np.ndarray) -> np.ndarray:
    """What the .tflite gives for a face of its size."""
    _, interpreter = load_interpreter(path, path.read_bytes())
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], np.float32(face)[None, :, :, None])
    interpreter.invoke()
    values: np.ndarray = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0]
    return values


def test_logits_get_a_softmax(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """In the file itself: the device, which refuses it without, reads softmax of the logits."""
    source = Path(shutil.copy(LOGITS, tmp_path / "logits.tflite"))
    written = import_model(source, EMOTIONS, tmp_path / "models", "mine", (0.0, 255.0))
    assert "a softmax is added" in capfd.readouterr().out
    face = np.random.default_rng(0).integers(0, 256, (48, 48), np.uint8)
    powers = np.exp(raw(LOGITS, face))
    found = TfliteClassifier(load_card(written)).predict_crops(face[None])[0]
    np.testing.assert_allclose(found, powers / powers.sum(), atol=1e-5)
    assert load_card(written).labels == EMOTIONS


@pytest.mark.parametrize("name", ["model", "model_unquant"])
def test_exports_with_a_list(name: str, tmp_path: Path) -> None:
    """Teachable Machine's models are copied as they are, with a card that says what the device would have taken."""
    source = MODELS / "teachable" / f"{name}.tflite"
    written = import_model(source, None, tmp_path, "mine", log=silent)
    assert written.read_bytes() == source.read_bytes()
    card, plain = load_card(written), load_card(source)
    assert (card.labels, card.size, card.range, card.channels) == (("Sad", "Happiness"), (24, 24), plain.range, 3)


def test_labels_are_needed(tmp_path: Path) -> None:
    source = Path(shutil.copy(LOGITS, tmp_path / "alone.tflite"))
    with pytest.raises(ModelError, match=r"nothing says its labels; give them .* with --labels a,b,c, or a labels.txt"):
        import_model(source, None, tmp_path / "models", log=silent)
    assert not (tmp_path / "models").exists()


def test_measured_on_data(faces_csv: Path, tmp_path: Path) -> None:
    """The card has the figures; data with other classes are refused."""
    written = import_model(LOGITS, EMOTIONS, tmp_path, "mine", (0.0, 255.0), faces_csv, log=silent)
    assert load_card(written).accuracy is not None
    with pytest.raises(DataError, match="its classes are angry"):
        import_model(LOGITS, tuple("abcdefg"), tmp_path / "other", "mine", None, faces_csv, log=silent)
    assert not (tmp_path / "other").exists()


def program(folder: Path, script: str) -> None:
    """Put a program called onnx2tf into `folder`."""
    path = folder / importing.CONVERTER
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_onnx_needs_its_converter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it, and if it fails, the message says what to do; what it writes is taken."""
    source = tmp_path / "net.onnx"
    source.write_bytes(b"onnx")
    monkeypatch.setenv("PATH", str(tmp_path / "bin") + ":/usr/bin:/bin")
    (tmp_path / "bin").mkdir()
    with pytest.raises(ModelError, match=r"onnx2tf, which is not installed; install it apart .* pipx install onnx2tf"):
        import_model(source, EMOTIONS, tmp_path / "models", log=silent)
    program(tmp_path / "bin", "echo 'ValueError: no such operator' >&2; exit 1")
    with pytest.raises(ModelError, match=r"onnx2tf cannot convert it \(ValueError: no such operator\)"):
        import_model(source, EMOTIONS, tmp_path / "models", log=silent)
    program(tmp_path / "bin", f'mkdir -p "$4" && cp {LOGITS} "$4/net_float32.tflite"')
    written = import_model(source, EMOTIONS, tmp_path / "models", input_range=(0.0, 255.0), log=silent)
    assert written.name == "net.tflite"
    assert load_card(written).labels == EMOTIONS
    assert bare.labels_file(written) is None


@pytest.mark.parametrize("labels", [None, EMOTIONS])
def test_other_files_are_refused(tmp_path: Path, labels: tuple[str, ...] | None) -> None:
    """Before their labels are asked for, which would mislead."""
    missing = "cannot be read (No such file or directory)"
    for name, words in (
        ("m.keras", "give Keras models to fer-convert quantize"),
        ("m.onnx", missing),
        ("m.tflite", missing),
    ):
        with pytest.raises(ModelError, match=re.escape(words)):
            import_model(tmp_path / name, labels, tmp_path / "models", log=silent)


@pytest.mark.parametrize(
    "text", ['{"labels": %s, "input": {"range": [0, 255]}}', '{"labels": %s, "input_range": [0, 255]}']
)
def test_card_beside_says_labels_and_range(tmp_path: Path, text: str) -> None:
    """A card, or what may stand beside a Keras model; options go before it."""
    source = Path(shutil.copy(LOGITS, tmp_path / "m.tflite"))
    source.with_suffix(".json").write_text(text % json.dumps(EMOTIONS))
    card = load_card(import_model(source, None, tmp_path / "models", log=silent))
    assert (card.labels, card.range) == (EMOTIONS, (0, 255))
    card = load_card(import_model(source, tuple("abcdefg"), tmp_path / "models", None, (-1.0, 1.0), log=silent))
    assert (card.labels, card.range) == (tuple("abcdefg"), (-1, 1))


@pytest.mark.parametrize("text", ['{"labels": 1}', '{"input": {"range": [1]}}', "[]", "{"])
def test_odd_json_beside_is_refused(tmp_path: Path, text: str) -> None:
    source = Path(shutil.copy(LOGITS, tmp_path / "m.tflite"))
    source.with_suffix(".json").write_text(text)
    with pytest.raises(ModelError, match=r"m\.json: .*; restore or remove"):
        import_model(source, None if "labels" in text else EMOTIONS, tmp_path / "models", log=silent)


@pytest.mark.filterwarnings("ignore:Statistics for quantized inputs")
def test_export_of_teachable_machine_s_size(tmp_path: Path) -> None:
    """224 x 224 in colour, float and 8 bits, with a numbered list: read by the device as given, and imported."""
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(1)
    picture = keras.Input((224, 224, 3))
    values = keras.layers.Conv2D(4, 3, strides=8, activation="relu6")(picture)
    values = keras.layers.Conv2D(8, 3, strides=4, activation="relu6")(values)
    values = keras.layers.Dense(3, activation="softmax")(keras.layers.GlobalAveragePooling2D()(values))
    model = keras.Model(picture, values)
    faces = np.random.default_rng(1).integers(0, 256, (4, 224, 224), np.uint8)
    colours = np.repeat(np.float32(faces / 127.5 - 1)[..., None], 3, axis=3)
    wanted = np.asarray(model(colours))
    (tmp_path / "labels.txt").write_text("0 Happy\n1 Sad\n2 Neutral\n")
    for name, limit in (("model_unquant", 1e-4), ("model", 0.05)):
        converter = tf.lite.TFLiteConverter.from_keras_model(model)
        if name == "model":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: ([face[None]] for face in colours)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = converter.inference_output_type = tf.uint8
        source = tmp_path / f"{name}.tflite"
        source.write_bytes(converter.convert())
        imported = import_model(source, None, tmp_path / "models", log=silent)
        for path in (source, imported):
            card = load_card(path)
            assert (card.labels, card.size, card.channels) == (("Happy", "Sad", "Neutral"), (224, 224), 3)
            np.testing.assert_allclose(TfliteClassifier(card).predict_crops(faces), wanted, atol=limit)


def test_errors_name_the_file_given(tmp_path: Path, faces_csv: Path) -> None:
    """And no copy of it, which is gone by then."""
    source = Path(shutil.copy(LOGITS, tmp_path / "given.tflite"))
    (broken := tmp_path / "broken.tflite").write_bytes(b"no model")
    for path, labels, data, words in (
        (source, ("a", "b", "c"), None, r"gives \[\(1, 7\)\], for 3 labels"),
        (broken, EMOTIONS, None, "cannot load it"),
        (source, tuple("abcdefg"), faces_csv, "its classes are angry"),
    ):
        with pytest.raises(FerEdgeError, match=words) as caught:
            import_model(path, labels, tmp_path / "models", "mine", (0.0, 255.0), data, log=silent)
        assert str(path) in str(caught.value)
        assert "fer-convert-" not in str(caught.value)
