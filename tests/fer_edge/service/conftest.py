"""Models to install."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from fer_edge.classifiers import cards
from fer_edge.classifiers.cards import models_folder

NAME = "mini_xception-int8"


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where models are installed."""
    folder = tmp_path / "etc" / "models"
    monkeypatch.setattr(cards, "LOCAL_MODELS_FOLDER", folder)
    return folder


@pytest.fixture
def models(tmp_path: Path) -> Callable[[str], Path]:
    """Another model that is called as a shipped one, made of that of a variant."""

    def make(variant: str) -> Path:
        place = tmp_path / variant
        place.mkdir()
        source = models_folder() / f"mini_xception-{variant}.tflite"
        shutil.copy(source, place / f"{NAME}.tflite")
        card = json.loads(source.with_suffix(".json").read_text()) | {"name": NAME, "file": f"{NAME}.tflite"}
        (place / f"{NAME}.json").write_text(json.dumps(card))
        return place / f"{NAME}.tflite"

    return make
