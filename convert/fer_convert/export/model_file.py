"""What a model file is, before and after Keras fails to load it: one line for the user with the way out."""

from __future__ import annotations

import json
import stat
import zipfile
from pathlib import Path
from typing import Any

from fer_edge.errors import ModelError, first_line

SUFFIXES = (".keras", ".hdf5", ".h5")
IMPORTED_SUFFIXES = (".tflite", ".onnx")
HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
OTHERS = {
    ".pt": "a PyTorch model; export it with torch.onnx.export, and give the .onnx to fer-convert import",
    ".pth": "a PyTorch model; export it with torch.onnx.export, and give the .onnx to fer-convert import",
    ".pb": "a TensorFlow graph; save the model as .keras from the program that trained it",
}


def check(path: Path) -> None:
    """Raise ModelError unless a file that may be a Keras model is at `path`."""
    known = " or ".join(SUFFIXES)
    if not is_file(path):
        if is_file(path / "saved_model.pb"):
            raise ModelError(
                f"model {path}: a folder, TensorFlow's SavedModel, which Keras 3 does not load; save it as .keras: "
                f"tf.keras.models.load_model({str(path)!r}).save('model.keras') with TensorFlow 2.12 to 2.15"
            )
        if path.is_dir():
            raise ModelError(f"model {path}: a folder; give the file of a Keras model in it, {known}")
        raise ModelError(f"model {path}: no such file; give a Keras model, {known}")
    suffix = path.suffix.lower()
    if suffix in IMPORTED_SUFFIXES:
        raise ModelError(f"model {path}: not a Keras model ({known}); give it to fer-convert import")
    if suffix not in SUFFIXES:
        why = OTHERS.get(suffix, f"not a Keras model by its name; give {known}")
        raise ModelError(f"model {path}: {why}")


def is_file(path: Path) -> bool:
    """Whether a file is at `path`. Raises ModelError if its folder may not be read."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as cause:
        raise ModelError(f"model {path}: cannot be read ({cause.strerror}); check the path and its rights") from None


def why_not_loaded(path: Path, cause: Exception) -> ModelError:
    """The error for the file at `path`, for which Keras raised `cause`."""
    said = first_line(cause)[:120]
    try:
        config = _config(path)
    except Exception:  # noqa: BLE001 - h5py and zipfile raise errors of a dozen kinds
        return ModelError(f"model {path}: Keras cannot load it ({said}); it is cut off or no model")
    if config is None:
        return ModelError(
            f"model {path}: holds weights alone, without the network; build the network in Keras, then "
            "model.load_weights(…) and model.save('model.keras')"
        )
    if _has_lambda(config):
        return ModelError(
            f"model {path}: has a Lambda layer, Python code in the file, which is not run; put a layer of Keras in its "
            "place, such as Rescaling, and save it again"
        )
    return ModelError(
        f"model {path}: Keras cannot load it ({said}); save it again as .keras by the program that trained it, with "
        "layers of Keras alone"
    )


def _config(path: Path) -> Any:
    """The network that the file holds, as JSON; None if it has weights alone. Raises if it is cut off or no model."""
    with path.open("rb") as file:
        magic = file.read(8)
    if magic == HDF5_MAGIC:
        import h5py

        with h5py.File(path) as content:
            text = content.attrs.get("model_config")
            if text is None and not len(content):
                raise ValueError("empty")
            return None if text is None else json.loads(text)
    with zipfile.ZipFile(path) as archive:
        if archive.testzip() is not None:
            raise ValueError("damaged")
        return json.loads(archive.read("config.json"))


def _has_lambda(config: Any) -> bool:
    if isinstance(config, dict):
        return config.get("class_name") == "Lambda" or any(map(_has_lambda, config.values()))
    return isinstance(config, list) and any(map(_has_lambda, config))
