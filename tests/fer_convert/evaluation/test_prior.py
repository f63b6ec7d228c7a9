"""How far frequent classes stay ahead: by the card, or by the votes on the training faces."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

from fer_convert.data.votes import Votes
from fer_convert.evaluation.prior import PRIORS, find_prior, prior_curve, with_prior
from fer_convert.evaluation.scored_model import ScoredModel, load_scored_model
from fer_edge.classifiers.cards import models_folder
from fer_edge.classifiers.prior import Prior
from fer_edge.types import EMOTIONS

ENTRY = {"share": 0.7, "temperature": 2.0, "frequencies": dict.fromkeys(EMOTIONS, 0.1) | {"happy": 0.4}}


def model_with(folder: Path, prior: Any) -> ScoredModel:
    """The shipped model with this entry on its card."""
    shipped = models_folder() / "mini_xception-int8.tflite"
    card = json.loads(shipped.with_suffix(".json").read_text())
    (folder / "mini_xception-int8.json").write_text(json.dumps({**card, "prior": prior}))
    return load_scored_model(Path(shutil.copy(shipped, folder)))


def test_scores_by_hand() -> None:
    """Frequencies of 0.8 and 0.2: taken out, a face that was 0.8 sure of the first is of two minds."""
    prior = Prior(1.0, 1.0, (0.8, 0.2))
    scores = np.array([[0.8, 0.2], [0.5, 0.5]], np.float32)
    np.testing.assert_allclose(with_prior(scores, prior, 0.0), [[0.5, 0.5], [0.2, 0.8]], rtol=1e-6)
    np.testing.assert_allclose(with_prior(scores, prior, 1.0), scores, rtol=1e-6)
    # half of it: the odds of 4 are divided by the root of 4
    np.testing.assert_allclose(with_prior(scores, prior, 0.5)[0], [2 / 3, 1 / 3], rtol=1e-6)


def test_share_and_temperature_of_the_model() -> None:
    """At the model's own share nothing changes; a temperature of 2 takes the root of the change."""
    prior = Prior(0.5, 2.0, (16 / 17, 1 / 17))
    scores = np.array([[0.5, 0.5]], np.float32)
    np.testing.assert_allclose(with_prior(scores, prior, 0.5), scores)
    np.testing.assert_allclose(with_prior(scores, prior, 1.0), [[2 / 3, 1 / 3]], rtol=1e-6)


def test_curve_by_hand() -> None:
    """Three common faces and a rare one: without the prior the rare one is found, and one common one is lost."""
    prior = Prior(1.0, 1.0, (0.75, 0.25))
    scores = np.array([[0.95, 0.05], [0.9, 0.1], [0.7, 0.3], [0.6, 0.4]], np.float32)
    curve = prior_curve(scores, np.array([0, 0, 0, 1]), prior)
    assert [point.prior for point in curve] == list(PRIORS)
    assert (curve[-1].agreement, curve[-1].macro_recall) == (0.75, 0.5)
    assert (curve[0].agreement, curve[0].macro_recall) == (0.75, pytest.approx((2 / 3 + 1) / 2))
    # 0.6 times 3 ** -0.5 is less than 0.4, and 0.7 times that is more than 0.3
    assert (curve[5].agreement, curve[5].macro_recall) == (1.0, 1.0)


def test_macro_recall_of_present_classes() -> None:
    """A class without faces has no part in it, though it is predicted."""
    prior = Prior(1.0, 1.0, (0.4, 0.3, 0.3))
    curve = prior_curve(np.array([[0.9, 0.1, 0], [0, 0.1, 0.9]], np.float32), np.array([0, 1]), prior)
    assert curve[-1].macro_recall == 0.5


def test_frequencies_of_the_majority() -> None:
    """Without an entry on the card: of 4 faces with a majority 3 show the first class; the fifth is left out."""
    votes = Votes(np.array([[5, 1], [4, 0], [6, 2], [0, 3], [2, 2]]), np.zeros((5, 1), np.int64))
    model = load_scored_model(models_folder() / "mini_xception_fer2013-int8.tflite")
    found = find_prior(model, ("a", "b"), votes)
    assert found is not None
    np.testing.assert_allclose(found.frequencies, [0.75, 0.25])
    assert (found.share, found.temperature) == (1.0, 1.0)
    assert find_prior(model, ("a", "b"), None) is None


def test_card_says_its_prior(tmp_path: Path) -> None:
    """The card's own entry is taken, in the order of the data's classes, whatever the votes say."""
    found = find_prior(model_with(tmp_path, ENTRY), ("happy", *(name for name in EMOTIONS if name != "happy")), None)
    assert found is not None
    np.testing.assert_allclose(found.frequencies, [0.4, *[0.1] * 6])
    assert (found.share, found.temperature) == (0.7, 2.0)
