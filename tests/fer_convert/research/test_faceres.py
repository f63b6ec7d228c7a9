"""The network that has seen faces becomes the start of a teacher: the same features, ready to be trained."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import faceres  # convert/research/faceres.py
import numpy as np
import pytest
from fer_convert import backend, cli
from fer_convert.data.faces import network_input
from fer_convert.export import load
from fer_edge.errors import ModelError
from numpy.typing import NDArray

# Whichever test comes first waits for TensorFlow to be imported, which takes long on a busy machine.
pytestmark = [pytest.mark.tensorflow, pytest.mark.slow, pytest.mark.timeout(180)]


WIDTHS = (4, *(6 + block % 3 for block in range(faceres.BLOCKS)))  # channels: few, as no weight depends on them
PAIRS = list(itertools.pairwise(WIDTHS))


def drawn(rng: np.random.Generator) -> faceres.Weights:
    """Weights as HSE-FaceRes has them by their names, but narrow."""
    sigma = 1 / 300  # of pixels
    found = {"conv1/convolution/merged_input": rng.normal(0, sigma, (3, 3, 3, WIDTHS[0])) / 3}
    found["conv1_bn/batchnorm_1/sub"] = rng.uniform(0, 2, WIDTHS[0])
    for block, (entering, leaving) in enumerate(PAIRS, start=1):
        found[f"conv_dw_{block}/depthwise_kernel"] = rng.normal(0, 0.5, (3, 3, entering, 1))
        found[f"conv_dw_{block}_bn/batchnorm_1/mul"] = rng.uniform(0.5, 1.5, entering)
        found[f"conv_dw_{block}_bn/batchnorm_1/sub"] = rng.uniform(-0.2, 1, entering)
        found[f"conv_pw_{block}/convolution/merged_input"] = rng.normal(0, 0.6, (1, 1, entering, leaving))
        found[f"conv_pw_{block}_bn/batchnorm_1/sub"] = rng.uniform(-0.2, 1, leaving)
    return {name: values.astype(np.float32) for name, values in found.items()}


def write(path: Path, weights: faceres.Weights, kind: str = "float32") -> Path:
    """A graph model of TensorFlow.js, in two files of weights; `kind` float16 as the smaller of the two has it."""
    entries: list[dict[str, Any]] = [
        {"name": name, "shape": list(values.shape), "dtype": "float32"} for name, values in weights.items()
    ]
    if kind != "float32":
        entries = [{**entry, "quantization": {"dtype": kind, "original_dtype": "float32"}} for entry in entries]
    entries.append({"name": "pooling/reduction_indices", "shape": [2], "dtype": "int32"})
    raw = b"".join(values.astype(kind).tobytes() for values in weights.values()) + np.array([1, 2], "<i4").tobytes()
    for number, part in enumerate((raw[:1001], raw[1001:])):
        path.with_suffix(f".{number}.bin").write_bytes(part)
    names = [f"{path.stem}.{number}.bin" for number in range(2)]
    path.write_text(json.dumps({"format": "graph-model", "weightsManifest": [{"paths": names, "weights": entries}]}))
    return path


@pytest.fixture
def weights() -> faceres.Weights:
    return drawn(np.random.default_rng(1))


@pytest.fixture
def faces() -> NDArray[np.uint8]:
    return np.random.default_rng(2).integers(0, 256, (8, 64, 64), np.uint8)


def features(weights: faceres.Weights, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What the network as it is in the package gives for grey faces shown in colour (n, channels), by TensorFlow."""
    tf = backend.tensorflow()
    x = np.repeat(network_input(faces), 3, axis=3) - np.float32(114.8)
    x = tf.nn.conv2d(x, weights["conv1/convolution/merged_input"], 2, "SAME")
    x = tf.nn.relu6(x + weights["conv1_bn/batchnorm_1/sub"])
    for block in range(1, faceres.BLOCKS + 1):
        side = 2 if block in (2, 4, 6, 12) else 1
        x = tf.nn.depthwise_conv2d(x, weights[f"conv_dw_{block}/depthwise_kernel"], (1, side, side, 1), "SAME")
        norm = f"conv_dw_{block}_bn/batchnorm_1"
        x = tf.nn.relu6(x * weights[f"{norm}/mul"] + weights[f"{norm}/sub"])
        x = tf.nn.conv2d(x, weights[f"conv_pw_{block}/convolution/merged_input"], 1, "SAME")
        x = tf.nn.relu6(x + weights[f"conv_pw_{block}_bn/batchnorm_1/sub"])
    found: NDArray[np.float32] = tf.reduce_mean(x, (1, 2)).numpy()
    return found


def until_mean(model: Any) -> Any:
    return backend.keras().Model(model.input, model.get_layer("mean").output)


@pytest.mark.parametrize("kind", ["float32", "float16"])
def test_features_equal_the_packages(
    tmp_path: Path, weights: faceres.Weights, faces: NDArray[np.uint8], kind: str
) -> None:
    """The built model has the features of the original network, on faces that it has not seen."""
    read = faceres.read(write(tmp_path / "faceres.json", weights, kind))
    model = faceres.build(read, faces, 5)
    assert model.output_shape == (None, 5)
    others = np.random.default_rng(3).integers(0, 256, faces.shape, np.uint8)  # that the normalization has not seen
    kept = {name: values.astype(kind).astype(np.float32) for name, values in weights.items()}
    wanted = features(kept, others)
    assert wanted.std(axis=0).max() > 1e-3  # or anything would do
    found = until_mean(model).predict_on_batch(network_input(others))
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4)


def test_normalization_starts_with_given_faces(weights: faceres.Weights, faces: NDArray[np.uint8]) -> None:
    """Batch normalization has the statistics of the faces that it was built with."""
    seen = until_mean(faceres.build(weights, faces, 7))
    as_used = np.asarray(seen(network_input(faces), training=False))
    as_trained = np.asarray(seen(network_input(faces), training=True))
    np.testing.assert_allclose(as_trained, as_used, rtol=1e-2, atol=1e-3)


def test_first_blocks_are_frozen(weights: faceres.Weights, faces: NDArray[np.uint8]) -> None:
    """The layers up to the third block are not trained, the others are."""
    model = faceres.build(weights, faces, 7)
    learning = {variable.path.split("/")[0] for variable in model.trainable_variables}
    assert not learning & {"conv", "dw1", "pw1", "dw3", "pw3"}
    assert {"dw4", "pw4", "dw4_norm", "pw13", "pw13_norm", "logits"} <= learning


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: path.with_suffix(".1.bin").unlink(), "No such file"),
        (lambda path: path.with_suffix(".1.bin").write_bytes(b"1234"), "buffer"),
        (lambda path: path.with_suffix(".1.bin").write_bytes(bytes(99_999)), "bytes of weights where"),
        (lambda path: path.write_text("[1]"), "not a TensorFlow.js graph"),
        (lambda path: path.write_bytes(b"\xff\xfe"), "not a TensorFlow.js graph"),
        (lambda path: path.unlink(), "No such file"),
    ],
)
def test_damaged_weights_are_refused(tmp_path: Path, weights: faceres.Weights, change: Any, message: str) -> None:
    """What is no TensorFlow.js model is refused with the file to give."""
    path = write(tmp_path / "faceres.json", weights)
    change(path)
    with pytest.raises(ModelError, match=message) as refusal:
        faceres.read(path)
    assert "give faceres.json" in str(refusal.value)


def test_quantized_weights_are_refused(tmp_path: Path, weights: faceres.Weights) -> None:
    """Weights that are stored as integers are refused, not misread."""
    path = write(tmp_path / "faceres.json", weights)
    content = json.loads(path.read_text())
    content["weightsManifest"][0]["weights"][3]["quantization"] = {"dtype": "uint8", "scale": 0.1, "min": -1}
    path.write_text(json.dumps(content))
    with pytest.raises(ModelError, match="is quantized to uint8"):
        faceres.read(path)


def test_other_networks_weights_are_refused(weights: faceres.Weights, faces: NDArray[np.uint8]) -> None:
    """Weights of another network are refused."""
    del weights["conv_pw_7_bn/batchnorm_1/sub"]
    with pytest.raises(ModelError, match="not those of HSE-FaceRes"):
        faceres.build(weights, faces, 7)


def test_written_model_can_be_trained(
    tmp_path: Path, weights: faceres.Weights, faces_csv: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`fer-convert train --from` trains it, without the frozen layers."""
    path, model = write(tmp_path / "faceres.json", weights), tmp_path / "runs" / "begin.keras"  # no such folder yet
    assert faceres.main([str(path), "--data", str(faces_csv), "--size", "64", "--out", str(model)]) == 0
    assert "64 x 64 pixels" in capsys.readouterr().out
    before = load.load(model)
    assert before.size == (64, 64)
    out = tmp_path / "run"
    command = ["train", "--data", str(faces_csv), "--from", str(model), "--size", "64", "--epochs", "1"]
    assert cli.main([*command, "--batch", "28", "--optimizer", "muon", "--average", "0", "--out", str(out)]) == 0
    after = load.load(out / "best.keras").model
    moved = {
        name: float(
            np.abs(after.get_layer(name).get_weights()[0] - before.model.get_layer(name).get_weights()[0]).max()
        )
        for name in ("dw3", "pw3", "pw4", "pw13")
    }
    assert moved["dw3"] == moved["pw3"] == 0.0
    assert min(moved["pw4"], moved["pw13"]) > 0


def test_wrong_command_is_one_line(tmp_path: Path, faces_csv: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each mistake is one line and an exit code."""
    for arguments, message in (
        (["--size", "20", "--out", "x.keras"], "--size 20: allowed is 48 to 224"),
        (["--out", "x.h5"], "give one that ends in .keras"),
        (["--out", str(tmp_path / "x.keras")], "give faceres.json"),
    ):
        assert faceres.main([str(tmp_path / "none.json"), "--data", str(faces_csv), *arguments]) != 0
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
