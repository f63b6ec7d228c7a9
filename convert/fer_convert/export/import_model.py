"""Take a model that is converted already, or ONNX: a .tflite and the card that the device needs.

    fer-convert import teachable/model_unquant.tflite --name mine --out models
    fer-convert import emotion-ferplus-8.onnx --labels neutral,happiness,surprise,... --input-range 0 255

The network stays as it is: nothing is folded, calibrated or quantized. A float model that ends in logits gets a
softmax. ONNX is converted by onnx2tf, a program of its own: it needs certain versions of TensorFlow and NumPy, so it is
installed apart, with `pipx install onnx2tf`.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fer_edge.classifiers import bare
from fer_edge.classifiers.cards import load_card
from fer_edge.classifiers.tflite import TfliteClassifier
from fer_edge.errors import FerEdgeError, ModelError, first_line

from fer_convert import backend, files
from fer_convert.data import dataset
from fer_convert.evaluation.metrics import measure
from fer_convert.export import softmax_op
from fer_convert.export.card import model_name
from fer_convert.export.label_order import with_labels_of
from fer_convert.export.load import LoadedModel, is_range, sidecar
from fer_convert.messages import Log

CONVERTER = "onnx2tf"
CONVERTER_TIMEOUT_S = 1800.0


def import_model(
    source: Path,
    labels: Sequence[str] | None,
    out: Path,
    name: str | None = None,
    input_range: tuple[float, float] | None = None,
    data: Path | None = None,
    split: str | None = None,
    log: Log = print,
) -> Path:
    """Write the model at `source`, .tflite or .onnx, and its card to `out`; returns the path of the .tflite.

    `labels` are in the order of its outputs, None: those of its card, of another .json or a labels.txt beside it.
    `input_range` is what it takes for the pixels 0 and 255, None: what the .json says. With `data` it is measured on
    them, and the order of its labels is checked. Raises ModelError, DataError, SinkError.
    """
    files.check_folder(out, "--out")
    _check(source)
    known = sidecar(source)
    name, labels = model_name(name, source), labels or known.get("labels") or _labels_beside(source)
    input_range = input_range or _range_beside(source, known)
    with tempfile.TemporaryDirectory(prefix="fer-convert-") as folder:
        stage = Path(folder) / f"{name}.tflite"
        if source.suffix.lower() == ".onnx":
            log(f"converting {source} by {CONVERTER}")
            shutil.copyfile(_by_onnx2tf(source, Path(folder) / "onnx"), stage)
        else:
            _copy(source, stage)
        with _named_as_given(stage, source):
            text = _described(stage, labels, input_range, log)
            if data is not None:
                text |= _measured(stage, data, split, log)
                files.write_json(stage.with_suffix(".json"), text)
        return _publish(stage, out, log)


@contextmanager
def _named_as_given(stage: Path, source: Path) -> Iterator[None]:
    """Errors of the copy at `stage` name the model that the user gave."""
    try:
        yield
    except FerEdgeError as cause:
        said = str(cause).replace(str(stage.with_suffix("")), str(source.with_suffix("")))
        raise type(cause)(said.replace(str(source.with_suffix(".tflite")), str(source))) from None


def _check(source: Path) -> None:
    """Raises ModelError if it is no file of a kind that is taken here, before anything is asked of it."""
    if source.suffix.lower() not in (".tflite", ".onnx"):
        raise ModelError(f"model {source}: not .tflite or .onnx; give Keras models to fer-convert quantize")
    try:
        source.open("rb").close()
    except OSError as cause:
        raise ModelError(f"model {source}: cannot be read ({cause.strerror}); check the path and its rights") from None


def _range_beside(source: Path, known: dict[str, Any]) -> tuple[float, float] | None:
    """What the .json beside it says, also if that is the model's card. Raises ModelError."""
    entry = known.get("input")
    found = known.get("input_range") or (entry.get("range") if isinstance(entry, dict) else None)
    if found is None:
        return None
    if not is_range(found):
        raise ModelError(f"{source.with_suffix('.json')}: its range of pixels is not two numbers; restore or remove it")
    return float(found[0]), float(found[1])


def _labels_beside(source: Path) -> tuple[str, ...]:
    path = bare.labels_file(source)
    if path is None:
        raise ModelError(
            f"model {source}: nothing says its labels; give them in the order of its outputs with --labels a,b,c, or a "
            f"labels.txt beside it, a label in each line, or in {source.with_suffix('.json').name}"
        )
    return bare.read_labels(path)


def _copy(source: Path, goal: Path) -> None:
    try:
        shutil.copyfile(source, goal)
    except OSError as cause:
        raise ModelError(f"model {source}: cannot be read ({cause.strerror}); check the path and its rights") from None


def _by_onnx2tf(source: Path, folder: Path) -> Path:
    """The float32 .tflite that onnx2tf makes of `source`, in `folder`. Raises ModelError."""
    program = shutil.which(CONVERTER)
    if program is None:
        raise ModelError(
            f"model {source}: ONNX is converted by {CONVERTER}, which is not installed; install it apart from "
            f"fer-convert, since it needs other versions: pipx install {CONVERTER}"
        )
    command = [program, "-i", str(source.resolve()), "-o", str(folder), "-n"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=CONVERTER_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as cause:
        raise ModelError(f"model {source}: {CONVERTER} failed ({first_line(cause)})") from None
    found = sorted(folder.glob("*_float32.tflite"))
    if not found:
        said = [line.strip() for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        reason = next((line for line in reversed(said) if "rror" in line), said[-1] if said else "it wrote no model")
        raise ModelError(f"model {source}: {CONVERTER} cannot convert it ({reason[:160]}); try it alone to see more")
    return found[0]


def _described(path: Path, labels: Sequence[str], input_range: tuple[float, float] | None, log: Log) -> dict[str, Any]:
    """The card of the .tflite at `path`, also written beside it; the model gets a softmax if it lacks one."""
    try:
        text = _tried(path, labels, input_range)
    except ModelError as cause:
        with backend.quiet():
            content = softmax_op.added(path.read_bytes()) if "no probabilities" in str(cause) else None
        if content is None:
            raise
        path.write_bytes(content)
        log("it ends in numbers that do not sum to 1, such as logits: a softmax is added")
        text = _tried(path, labels, input_range)
    if input_range is None:
        log("pixels are taken as {:.3g} to {:.3g}; --input-range says otherwise".format(*text["input"]["range"]))
    return text


def _tried(path: Path, labels: Sequence[str], input_range: tuple[float, float] | None) -> dict[str, Any]:
    """The card of the .tflite at `path`, written beside it. Raises ModelError if the device refuses the model."""
    with backend.quiet():
        text = bare.describe(path, labels, input_range)
        files.write_json(path.with_suffix(".json"), text)
        TfliteClassifier(load_card(path))
    return text


def _measured(path: Path, data: Path, split: str | None, log: Log) -> dict[str, Any]:
    """`metrics` and `measured_on` of the card of the model at `path`, on the faces at `data`."""
    card = load_card(path)
    with backend.quiet():
        classifier = TfliteClassifier(card)
    loaded = LoadedModel(None, path, card.sha256, card.labels, card.size, card.range)
    faces = with_labels_of(loaded, dataset.read(data, card.size), classifier.predict_crops, split, log)
    name, measured = faces.validation(split)
    found = measure(classifier.predict_crops(measured.pixels), measured.labels, faces.classes, name)
    log(f"accuracy {found.accuracy:.4f}  macro-F1 {found.macro_f1:.4f} on {len(measured):,} faces of {name}")
    return {"metrics": found.summary(), "measured_on": {"name": faces.name, "sha256": faces.sha256}}


def _publish(stage: Path, out: Path, log: Log) -> Path:
    """Copy the model and its card to `out`."""
    files.make_folder(out, "--out")
    paths = [stage, stage.with_suffix(".json")]
    files.write_together({out / path.name: path.read_bytes() for path in paths})
    log(f"wrote {out / stage.name} and its card")
    return out / stage.name
