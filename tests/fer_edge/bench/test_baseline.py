"""The tutorials' loop does what it is measured for: the default cascade on the whole frame, each face read."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest
from fer_edge.bench.baseline import TutorialLoop
from fer_edge.bench.combinations import sample_face
from fer_edge.classifiers.fake import FakeClassifier
from fer_edge.errors import ModelError


def test_it_reads_the_face_in_the_demo() -> None:
    grey, _ = sample_face()
    assert len(TutorialLoop(FakeClassifier()).predict(grey)) == 1
    assert TutorialLoop(FakeClassifier()).predict(grey * 0) == []


def test_an_opencv_without_cascades_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cv2, "__file__", str(tmp_path / "__init__.py"))
    with pytest.raises(ModelError, match="opencv-python-headless<5"):
        TutorialLoop(FakeClassifier())
