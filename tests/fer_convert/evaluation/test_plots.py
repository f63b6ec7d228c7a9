"""The plots show the figures of the evaluation, each where it belongs."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("matplotlib")

from fer_convert.evaluation.metrics import measure
from fer_convert.evaluation.plots import calibration_plot, confusion_plot
from fer_convert.evaluation.result import Evaluation


@pytest.fixture
def result() -> Evaluation:
    """Of four calm faces one is predicted as tense; of two tense ones one as calm."""
    calm, tense = [0.9, 0.1], [0.3, 0.7]
    probabilities = np.array([calm, calm, calm, tense, tense, calm], np.float32)
    metrics = measure(probabilities, np.array([0, 0, 0, 0, 1, 1]), ("calm", "tense"), "test")
    return Evaluation("model.tflite", "faces", "ab" * 32, metrics, None)


def test_confusion_plot(result: Evaluation) -> None:
    """Rows are the labelled classes, columns the predicted ones, in shares of the row."""
    (axes,) = confusion_plot(result).axes
    np.testing.assert_allclose(axes.images[0].get_array(), [[0.75, 0.25], [0.5, 0.5]])
    assert [(text.get_position(), text.get_text()) for text in axes.texts] == [
        ((0, 0), "75%"),
        ((1, 0), "25%"),
        ((0, 1), "50%"),
        ((1, 1), "50%"),
    ]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["calm", "tense"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["calm (4)", "tense (2)"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "labelled")
    assert axes.get_title() == "model.tflite: accuracy 66.7% on 6 faces"


def test_calibration_plot(result: Evaluation) -> None:
    """Accuracy over confidence for the bins that have faces, and the number of faces of all bins."""
    upper, lower = calibration_plot(result).axes
    curve = upper.lines[1]
    np.testing.assert_allclose(curve.get_xdata(), [0.7, 0.9], atol=1e-6)
    np.testing.assert_allclose(curve.get_ydata(), [0.5, 0.75])
    bars = lower.patches
    assert [bar.get_height() for bar in bars] == [0] * 10 + [2] + [0, 0] + [4, 0]
    assert bars[10].get_x() + bars[10].get_width() / 2 == pytest.approx(10.5 / 15)
    assert "calibration error" in upper.get_title()
