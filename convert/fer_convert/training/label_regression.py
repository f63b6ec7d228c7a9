"""The data's own label, estimated from votes: targets for who wants a model that gives FER2013's labels.

FER2013's own label is one class, and for a third of the faces most votes are for another one. The probability of each
label given the votes is a better target for it than either: a multinomial logistic regression of the labels on the
votes and, if there are teachers, on their predictions. The votes say more of a training face than its picture shows, so
these soft labels are for training alone (Vapnik and Izmailov, "Learning Using Privileged Information", JMLR 16, 2015).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fer_convert.data.votes import Votes

MIN_PROBABILITY = 1e-3  # added to a teacher's predictions, whose logarithm is taken


def label_probabilities(
    votes: Votes, labels: NDArray[np.int64], classes: int, predictions: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """The probability of each class as the label (n, classes), given `votes` and the teachers' `predictions`.

    `labels` is (n,), `predictions` (n, classes) or None. The regression is fitted on these very faces: a few hundred
    weights on thousands of faces. Predictions of teachers that were trained on them count somewhat more than they would
    deserve on other faces.
    """
    counts = np.hstack([votes.counts, votes.others])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    # Square roots besides, because the first vote for a class says more than the fifth.
    features = [shares, np.sqrt(shares)]
    if predictions is not None:
        features.append(np.log(predictions.astype(np.float64) + MIN_PROBABILITY))
    regression = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    known = np.hstack(features)
    probabilities = np.zeros((len(labels), classes), np.float32)
    fitted = regression.fit(known, labels).predict_proba(known)
    probabilities[:, regression.classes_] = fitted  # a class without a face has no column
    return probabilities
