"""A model for the sensor of the Raspberry Pi AI Camera (Sony IMX500).

    fer-convert export models/mini_xception-float32.tflite --target imx500 --data fer2013.csv --out imx500

Sony's Model Compression Toolkit quantizes the float32 file, calibrated on training faces, and its converter compiles
that to `packerOut.zip`. What is left is done on the Pi: `imx500-package -i packerOut.zip -o .` makes the `network.rpk`.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from fer_edge.classifiers.cards import Card, load_card
from fer_edge.classifiers.tflite import TfliteClassifier
from fer_edge.errors import FerEdgeError, ModelError, first_line
from numpy.typing import NDArray

from fer_convert import backend, files
from fer_convert.data import dataset
from fer_convert.export import torch_module
from fer_convert.export.calibration import calibration_faces
from fer_convert.messages import Log

INSTALL_COMMAND = "pip install 'fer-edge[imx500]'"
CONVERTER = "imxconv-pt"
CONVERTER_TIMEOUT_S = 3600.0
MIN_JAVA = 17
CALIBRATION_FACES = 112  # its ranges come from histograms, not from the widest value alone: more are better here
BATCH_FACES = 16
PACKAGE = "packerOut.zip"  # what imx500-package takes
JAVA_VERSION = re.compile(r'version "(\d+)')


@dataclass(frozen=True)
class Export:
    """What an export wrote, and how it went."""

    package: Path
    bytes: int
    memory: str  # of the sensor, as the converter says it; "" if it does not
    seconds: float  # of the conversion alone
    agreement: float  # share of the validation faces on which quantized and float32 agree


def export(source: Path, data: Path, out: Path, split: str | None = None, seed: int = 1, log: Log = print) -> Export:
    """Write packerOut.zip, the quantized .onnx and labels.txt of the float32 .tflite `source` to the folder `out`.

    Calibrated on training faces of `data`, drawn by `seed`, and compared with `source` on `split`, or the validation
    split. Raises FerEdgeError if a tool is missing, ModelError, DataError, SinkError; nothing is in `out` then.
    """
    card = _card(source)
    converter = find_tools()
    log(f"reading {data}")
    content = dataset.read(data, card.size)
    _, training = content.training()
    name, shown = content.validation(split)
    graph = torch_module.read(source)
    network = torch_module.module(graph)
    with tempfile.TemporaryDirectory(prefix="fer-convert-") as folder:
        stage = Path(folder)
        onnx = stage / f"{card.name}.onnx"
        faces = calibration_faces(training, seed, CALIBRATION_FACES)
        log(f"quantizing, calibrated on {len(faces)} faces")
        quantized = _quantize(network, faces, card.channels, onnx)
        agreement = _agreement(quantized, card, shown.pixels)
        log(f"agrees with {source.name} on {agreement:.2%} of the {len(shown):,} faces of {name}")
        log(f"converting by {CONVERTER}, which takes minutes")
        begun = time.monotonic()
        _convert(converter, onnx, stage / "out")
        seconds = time.monotonic() - begun
        memory = _memory(stage / "out")
        files.make_folder(out, "--out")
        wanted = {
            out / PACKAGE: (stage / "out" / PACKAGE).read_bytes(),
            out / onnx.name: onnx.read_bytes(),
            out / "labels.txt": ("\n".join(card.labels) + "\n").encode(),
        }
        files.write_together(wanted)
        size = len(wanted[out / PACKAGE])
    takes = f", {memory} of the memory of the sensor" if memory else ""
    log(f"wrote {out / PACKAGE}, {size:,} bytes{takes}, in {seconds:.0f} s")
    log(f"on the Pi: sudo apt install imx500-tools && imx500-package -i {PACKAGE} -o .")
    return Export(out / PACKAGE, size, memory, seconds, agreement)


def _card(source: Path) -> Card:
    """The card of the float32 .tflite. Raises ModelError."""
    if source.suffix.lower() != ".tflite":
        raise ModelError(
            f"model {source}: not .tflite; give the -float32.tflite that fer-convert quantize makes of a Keras model"
        )
    card = load_card(source)
    if card.variant != "float32":
        raise ModelError(
            f"model {source}: it is {card.variant}, and the sensor has a quantization of its own; give the float32 file"
        )
    if card.range != (0.0, 255.0):
        raise ModelError(
            f"model {source}: takes {card.range[0]:g} to {card.range[1]:g}, the sensor gives 0 to 255; give a model of "
            "fer-convert quantize"
        )
    return card


# --- the tools ---


def find_tools() -> str:
    """The path of the converter, if all that it and the quantizer need is here. Raises FerEdgeError."""
    backend.require("torch")
    for name in ("onnx", "mct_quantizers", "model_compression_toolkit"):
        try:
            with backend.quiet():
                importlib.import_module(name)
        except Exception as cause:  # noqa: BLE001 - edge-mdt-cl raises an error of its own if torchvision is missing
            raise FerEdgeError(
                f"{name} cannot be imported ({first_line(cause)[:120]}); install it, on Python 3.11 or 3.12, with: "
                f"{INSTALL_COMMAND}"
            ) from None
    beside = Path(sys.executable).with_name(CONVERTER)
    converter = str(beside) if beside.is_file() else shutil.which(CONVERTER)
    if converter is None:
        raise FerEdgeError(
            f"{CONVERTER}, Sony's converter for the sensor, is missing; install it, on x86-64 and Python 3.11 or 3.12, "
            f"with: {INSTALL_COMMAND}"
        )
    _check_java()
    return converter


def _check_java() -> None:
    """Raise FerEdgeError unless the converter's Java is here."""
    install = "sudo apt install openjdk-17-jre-headless"
    program = shutil.which("java")
    if program is None:
        raise FerEdgeError(f"java is missing, in which {CONVERTER} runs; install it with: {install}")
    try:
        said = subprocess.run([program, "-version"], capture_output=True, text=True, timeout=60, check=False).stderr
    except (OSError, subprocess.TimeoutExpired) as cause:
        raise FerEdgeError(f"java: does not run ({first_line(cause)}); install it with: {install}") from None
    found = JAVA_VERSION.search(said)
    if found is None or int(found[1]) < MIN_JAVA:
        is_now = f"is version {found[1]}" if found else "does not say its version"
        raise FerEdgeError(f"java: {is_now}, {CONVERTER} needs {MIN_JAVA} or newer; install it with: {install}")


# --- the steps ---


def _input(faces: NDArray[np.uint8], channels: int) -> Any:
    """The network's input for `faces` (n, height, width): (n, channels, height, width), pixels 0 to 255."""
    pixels = faces[:, None].astype(np.float32)
    return backend.torch().from_numpy(np.repeat(pixels, channels, axis=1))


def _quantize(network: Any, faces: NDArray[np.uint8], channels: int, path: Path) -> Any:
    """The quantized network, which is also written to `path` as ONNX. Raises ModelError."""

    def batches() -> Iterator[list[Any]]:
        for first in range(0, len(faces), BATCH_FACES):
            yield [_input(faces[first : first + BATCH_FACES], channels)]

    toolkit: Any = importlib.import_module("model_compression_toolkit")
    try:
        with backend.quiet(), _exporter_by_tracing():
            sensor = toolkit.get_target_platform_capabilities("pytorch", "imx500")
            quantized, _ = toolkit.ptq.pytorch_post_training_quantization(
                network, batches, target_platform_capabilities=sensor
            )
            toolkit.exporter.pytorch_export_model(quantized, str(path), batches)
    except Exception as cause:  # noqa: BLE001 - the toolkit raises whatever torch does
        raise ModelError(f"Model Compression Toolkit cannot quantize it ({first_line(cause)[:160]})") from None
    return quantized


@contextmanager
def _exporter_by_tracing() -> Iterator[None]:
    """Let torch export to ONNX as before its version 2.9, which the toolkit relies on."""
    onnx = backend.torch().onnx
    usual = onnx.export
    onnx.export = functools.partial(usual, dynamo=False)
    try:
        yield
    finally:
        onnx.export = usual


def _agreement(quantized: Any, card: Card, faces: NDArray[np.uint8]) -> float:
    """Share of `faces` of which the quantized network and the float32 file predict the same class."""
    torch = backend.torch()
    device = next(quantized.parameters()).device
    found = []
    with torch.no_grad():
        for first in range(0, len(faces), BATCH_FACES):
            batch = _input(faces[first : first + BATCH_FACES], card.channels)
            found.append(quantized(batch.to(device)).cpu().numpy().argmax(axis=1))
    wanted = TfliteClassifier(card).predict_crops(faces).argmax(axis=1)
    return float((np.concatenate(found) == wanted).mean())


def _convert(converter: str, onnx: Path, folder: Path) -> None:
    """Run the converter; `folder` then has the package. Raises ModelError."""
    command = [converter, "-i", str(onnx), "-o", str(folder), "--overwrite-output"]
    # It starts others by their names, such as uni-pytorch, which lie beside it.
    environment = os.environ | {"PATH": f"{Path(converter).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=CONVERTER_TIMEOUT_S, check=False, env=environment
        )
    except (OSError, subprocess.TimeoutExpired) as cause:
        raise ModelError(f"{CONVERTER} failed ({first_line(cause)[:160]})") from None
    if done.returncode or not (folder / PACKAGE).is_file():
        said = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        reason = next((line for line in reversed(said) if "rror" in line), said[-1] if said else "it said nothing")
        raise ModelError(f"{CONVERTER} cannot convert it ({reason[:200]}); nothing was written")


def _used(report: Any) -> str:
    """What a report says of memory, such as "241KB, 3%", wherever in it that stands. Raises LookupError."""
    for part in report.values() if isinstance(report, dict) else report if isinstance(report, list) else ():
        with suppress(LookupError):
            return _used(part)
    if not isinstance(report, dict):
        raise LookupError("no memory")
    return f"{report['Memory Usage']}, {report['Memory Utilization']}"


def _memory(folder: Path) -> str:
    """How much of the sensor's memory the model takes, from the converter's report; "" if it has none."""
    for report in folder.rglob("*emory*eport*.json"):
        try:
            return _used(json.loads(report.read_text(encoding="utf-8")))
        except (OSError, ValueError, LookupError, TypeError):
            continue
    return ""
