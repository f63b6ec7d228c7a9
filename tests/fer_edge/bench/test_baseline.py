"""The tutorials' loop does what it is measured for: the default cascade on the whole frame, each face read."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest
from fer_edge.bench.baseline import TutorialLoop
from fer_edge.bench.combinations import sample_face
from fer_edge.classifiers.fake import FakeClassifier
from fer_edge.errors import ModelError


def test_baseline_finds_the_demo_face() -> None:
    """The baseline finds and classifies the demo's face."""
    grey, _ = sample_face()
    assert len(TutorialLoop(FakeClassifier()).predict(grey)) == 1
    assert TutorialLoop(FakeClassifier()).predict(grey * 0) == []


def test_missing_cascades_name_the_fix(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An OpenCV without cascades is an error that names the fix."""
    monkeypatch.setattr(cv2, "__file__", str(tmp_path / "__init__.py"))
    with pytest.raises(ModelError, match="opencv-python-headless<5"):
        TutorialLoop(FakeClassifier())
