"""Small faces, small networks, and what needs a library that is not installed is skipped."""

from __future__ import annotations

import csv
import importlib.util
import os
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from fer_convert import networks
from fer_convert.training.recipe import Recipe
from fer_edge.types import Pixels
from numpy.typing import NDArray

# Keras hands NumPy its tensors through a protocol whose form NumPy 2 changed; this project cannot fix that.
NOISE = "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
VOTES_HEADER = ["Usage", "Image name", "neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear"]
VOTES_HEADER += ["contempt", "unknown", "NF"]
COLUMN_OF_LABEL = (4, 5, 6, 1, 3, 2, 0)  # FER2013's label -> the column of votes for it


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Looked for, not imported: the import takes seconds, and sets up TensorFlow in another way than `backend` does.
    missing = [name for name in ("tensorflow", "keras") if importlib.util.find_spec(name) is None]
    for item in items:
        if Path(__file__).parent not in item.path.parents:
            continue
        item.add_marker(pytest.mark.filterwarnings(NOISE))
        if missing and item.get_closest_marker("tensorflow"):
            item.add_marker(pytest.mark.skip(reason=f"needs {missing[0]}: pip install 'fer-edge[convert]'"))


def draw(label: int, rng: np.random.Generator, side: int = 48) -> Pixels:
    """Something that a network can learn: a grey disc with a mouth that is high, low, or wide by `label`."""
    face = np.full((side, side), int(rng.integers(60, 120)), np.uint8)
    centre, radius = (side // 2 + int(rng.integers(-2, 3)), side // 2), side // 2 - 4
    cv2.circle(face, centre, radius, int(rng.integers(160, 220)), -1)
    mouth = (centre[0], side * (label + 2) // 9)
    cv2.ellipse(face, mouth, (4 + 2 * (label % 3), 3), 0, 0, 360, 30, -1)
    grain = rng.normal(0, 4, face.shape)
    return np.clip(face + grain, 0, 255).astype(np.uint8)


def write_csv(path: Path, rows: list[tuple[int, NDArray[np.uint8], str]]) -> Path:
    """Kaggle's fer2013.csv with these rows: emotion, face, usage."""
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["emotion", "pixels", "Usage"])
        for label, face, usage in rows:
            out.writerow([label, " ".join(map(str, face.ravel().tolist())), usage])
    return path


@pytest.fixture(scope="session")
def faces_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fer2013.csv of drawn faces: 84 to train on, 42 to validate on."""
    rng = np.random.default_rng(3)
    rows = [(label, draw(label, rng), "Training") for label in range(7) for _ in range(12)]
    rows += [(label, draw(label, rng), "PublicTest") for label in range(7) for _ in range(6)]
    return write_csv(tmp_path_factory.mktemp("data") / "fer2013.csv", rows)


@pytest.fixture
def two_classes_csv(tmp_path: Path) -> Path:
    """A fer2013.csv of two classes that are easily told apart: 100 faces to train on, 40 to validate on."""
    rng = np.random.default_rng(4)
    usages = ["Training"] * 50 + ["PublicTest"] * 20
    return write_csv(tmp_path / "two.csv", [(label, draw(label, rng), use) for label in (0, 6) for use in usages])


@pytest.fixture(scope="session")
def fer2013(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A part of the real set as a fer2013.csv: 700 faces to train on, 1,200 to validate on."""
    mosaic = cv2.imread(str(shared / "fer2013" / "faces.png"), cv2.IMREAD_GRAYSCALE)
    with (shared / "fer2013" / "labels.csv").open(newline="") as file:
        table = list(csv.reader(file))[1:]
    usage = np.array([row[1] for row in table])
    rows = []
    for split, count in (("Training", 700), ("PublicTest", 1200)):
        for i in np.flatnonzero(usage == split)[:count]:
            y, x = 48 * (i // 180), 48 * (i % 180)  # the mosaic has 180 faces of 48 x 48 to a row
            rows.append((int(table[i][2]), mosaic[y : y + 48, x : x + 48], split))
    return write_csv(tmp_path_factory.mktemp("fer2013") / "fer2013.csv", rows)


def build_tiny(classes: int, size: tuple[int | None, int | None]) -> Any:
    """A network of a few hundred parameters that learns the drawn faces."""
    import keras
    from keras import layers

    image = keras.Input((*size, 1))
    x = layers.Rescaling(1 / 127.5, offset=-1.0)(image)
    x = layers.Conv2D(6, 5, strides=2, use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.8)(x)
    x = layers.Activation("relu")(x)
    x = layers.SeparableConv2D(12, 3, strides=2, padding="same")(x)
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(classes, 3, padding="same")(x))
    return keras.Model(image, layers.Activation("softmax")(x), name="tiny")


def add_tiny(patch: pytest.MonkeyPatch) -> str:
    """Add a network that trains in a second, until `patch` is undone; returns its name."""
    module = types.ModuleType("tests_tiny")
    module.build = build_tiny  # type: ignore[attr-defined]
    patch.setitem(sys.modules, "tests_tiny", module)
    patch.setitem(networks.NETWORKS, "tiny", "tests_tiny:build")
    return "tiny"


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a network that trains in a second."""
    return add_tiny(monkeypatch)


@pytest.fixture(scope="session")
def train_tiny() -> Callable[..., Path]:
    """Train the small network on a file of faces, in a folder: what many tests of a module can share."""

    def run(recipe: Recipe, faces: Path, out: Path) -> Path:
        from fer_convert.training.train import train

        with pytest.MonkeyPatch.context() as patch:
            add_tiny(patch)
            return train(recipe, faces, out, log=lambda _: None)

    return run


@pytest.fixture
def picture_folder(tmp_path: Path) -> Callable[..., Path]:
    """Folders of drawn pictures: `make({"train": {"cat": 4}})`, or `make({"": {"cat": 4}})` without splits."""

    def make(splits: dict[str, dict[str, int]]) -> Path:
        rng = np.random.default_rng(5)
        for split, classes in splits.items():
            for label, (name, count) in enumerate(classes.items()):
                folder = tmp_path / "faces" / split / name
                folder.mkdir(parents=True)
                for number in range(count):
                    cv2.imwrite(str(folder / f"{number}.png"), draw(label, rng, 60 + 4 * number))
        return tmp_path / "faces"

    return make


@pytest.fixture
def mixed_csv(faces_csv: Path, tmp_path: Path) -> Path:
    """The drawn faces with the lines of the two splits in any order, as no reader may suppose they are not."""
    with faces_csv.open(newline="") as file:
        head, *rows = csv.reader(file)
    mixed = tmp_path / "fer2013.csv"
    with mixed.open("w", newline="") as file:
        csv.writer(file).writerows([head, *(rows[i] for i in np.random.default_rng(6).permutation(len(rows)))])
    return mixed


@pytest.fixture
def make_votes(tmp_path: Path) -> Callable[..., Path]:
    """Write votes for a CSV of faces: `make(faces, change)`, where `change` takes the rows and gives others.

    Most votes are for the label; a few in the last column tell the lines apart.
    """

    def make(faces: Path, change: Callable[[list[Any]], list[Any]] = list, name: str = "fer2013new.csv") -> Path:
        with faces.open(newline="") as file:
            labelled = list(csv.reader(file))[1:]
        rows = []
        for number, (label, _, usage) in enumerate(labelled):
            counts = [0] * 10
            counts[COLUMN_OF_LABEL[int(label)]] += 500
            counts[9] += number
            rows.append([usage, f"fer{number:07}.png", *counts])
        with (tmp_path / name).open("w", newline="") as file:
            csv.writer(file).writerows([VOTES_HEADER, *change(rows)])
        return tmp_path / name

    return make


@pytest.fixture(scope="session")
def run_on_torch() -> Callable[[Path], str]:
    """Run a script with Keras on torch, in a process of its own, because Keras has one backend a process."""

    def run(script: Path) -> str:
        done = subprocess.run(
            [sys.executable, str(script)],
            env={**os.environ, "KERAS_BACKEND": "torch", "CUDA_VISIBLE_DEVICES": ""},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
