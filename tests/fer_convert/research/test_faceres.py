"""The network that knows faces becomes a teacher's beginning: the same features, ready to be trained."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import faceres  # convert/research/faceres.py
import numpy as np
import pytest
from fer_convert import backend, cli
from fer_convert.data import dataset
from fer_convert.export import load
from fer_edge.errors import ModelError
from numpy.typing import NDArray

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
    x = np.repeat(dataset.network_input(faces), 3, axis=3) - np.float32(114.8)
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


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["float32", "float16"])
def test_it_sees_in_any_face_what_the_package_s_network_sees(
    tmp_path: Path, weights: faceres.Weights, faces: NDArray[np.uint8], kind: str
) -> None:
    read = faceres.read(write(tmp_path / "faceres.json", weights, kind))
    model = faceres.build(read, faces, 5)
    assert model.output_shape == (None, 5)
    others = np.random.default_rng(3).integers(0, 256, faces.shape, np.uint8)  # that the normalization has not seen
    kept = {name: values.astype(kind).astype(np.float32) for name, values in weights.items()}
    wanted = features(kept, others)
    assert wanted.std(axis=0).max() > 1e-3  # or anything would do
    found = until_mean(model).predict_on_batch(dataset.network_input(others))
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_it_begins_with_the_statistics_of_the_faces_it_was_given(
    weights: faceres.Weights, faces: NDArray[np.uint8]
) -> None:
    seen = until_mean(faceres.build(weights, faces, 7))
    as_used = np.asarray(seen(dataset.network_input(faces), training=False))
    as_trained = np.asarray(seen(dataset.network_input(faces), training=True))
    np.testing.assert_allclose(as_trained, as_used, rtol=1e-2, atol=1e-3)


@pytest.mark.slow
def test_what_sees_the_most_pixels_stays_as_it_is(weights: faceres.Weights, faces: NDArray[np.uint8]) -> None:
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
def test_what_is_no_such_model_is_refused_with_the_cure(
    tmp_path: Path, weights: faceres.Weights, change: Any, message: str
) -> None:
    path = write(tmp_path / "faceres.json", weights)
    change(path)
    with pytest.raises(ModelError, match=message) as refusal:
        faceres.read(path)
    assert "give faceres.json" in str(refusal.value)


def test_whole_numbers_for_weights_are_refused_not_misread(tmp_path: Path, weights: faceres.Weights) -> None:
    path = write(tmp_path / "faceres.json", weights)
    content = json.loads(path.read_text())
    content["weightsManifest"][0]["weights"][3]["quantization"] = {"dtype": "uint8", "scale": 0.1, "min": -1}
    path.write_text(json.dumps(content))
    with pytest.raises(ModelError, match="is quantized to uint8"):
        faceres.read(path)


@pytest.mark.slow
def test_another_network_s_weights_are_refused(weights: faceres.Weights, faces: NDArray[np.uint8]) -> None:
    del weights["conv_pw_7_bn/batchnorm_1/sub"]
    with pytest.raises(ModelError, match="not those of HSE-FaceRes"):
        faceres.build(weights, faces, 7)


@pytest.mark.slow
def test_what_it_writes_is_trained_on_by_fer_convert(
    tmp_path: Path, weights: faceres.Weights, faces_csv: Path, capsys: pytest.CaptureFixture[str]
) -> None:
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


def test_a_wrong_command_is_one_line_of_error(
    tmp_path: Path, faces_csv: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, message in (
        (["--size", "20", "--out", "x.keras"], "--size 20: allowed is 48 to 224"),
        (["--out", "x.h5"], "give one that ends in .keras"),
        (["--out", str(tmp_path / "x.keras")], "give faceres.json"),
    ):
        assert faceres.main([str(tmp_path / "none.json"), "--data", str(faces_csv), *arguments]) != 0
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
