"""Names of labels are compared by what they mean, and never by their place."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from fer_edge.classifiers.labels import SYNONYMS, as_emotions, emotion_of, find_label, match_labels
from fer_edge.types import EMOTIONS

CHANGES: tuple[Callable[[str], str], ...] = (
    str.upper,
    str.title,
    lambda name: f" {name} ",
    lambda name: f"3_{name}",
    lambda name: f"0 {name.title()}",
    lambda name: name,
)


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("Anger", "angry"),
        ("HAPPINESS", "happy"),
        ("surprised", "surprise"),
        ("Fearful", "fear"),
        ("6-Neutral", "neutral"),
        ("smile", None),
        ("Contempt", None),
        ("happy feet", None),
        ("", None),
        ("7", None),
    ],
)
def test_what_a_label_means(label: str, expected: str | None) -> None:
    assert emotion_of(label) == expected


def test_any_names_in_any_order_match() -> None:
    """Whatever names the same classes have on either side, and in whatever order, each finds its own."""
    rng = random.Random(0)
    for _ in range(500):
        meant = rng.sample([*SYNONYMS, "smile", "ärger", "class 2"], rng.randint(2, 8))
        sides = []
        for _ in range(2):
            order = rng.sample(meant, len(meant))
            words = [rng.choice((name, *SYNONYMS.get(name, ()))) for name in order]
            sides.append((order, [rng.choice(CHANGES)(word) if name in SYNONYMS else word.upper()
                                  for name, word in zip(order, words, strict=True)]))  # fmt: skip
        (meant_names, names), (meant_labels, labels) = sides
        places = match_labels(names, labels)
        assert places is not None, (names, labels)
        assert [meant_names[place] for place in places] == meant_labels


@pytest.mark.parametrize(
    ("names", "labels", "expected"),
    [
        (("joy", "happy"), ("happy", "joy"), [1, 0]),
        (("Joy", "Happy"), ("happy", "joy"), [1, 0]),  # two classes of their own
        (("Joy", "Happy"), ("happiness", "sad"), None),
        (("joy", "joyful"), ("happy", "happiness"), None),
        (("a", "b"), ("a", "b", "c"), None),
        (("a", "a"), ("a", "b"), None),
        (("Straße", "x"), ("STRASSE", "X"), [0, 1]),
        (("e\u0301te", "x"), ("\u00e9te", "x"), [0, 1]),  # as macOS writes names of folders
        (("0", "1"), ("1", "0"), [1, 0]),
    ],
)
def test_doubtful_names_do_not_match(names: tuple[str, ...], labels: tuple[str, ...], expected: object) -> None:
    """A name that could be two is none, unless it is the very same."""
    assert match_labels(names, labels) == expected


def test_one_name_is_found() -> None:
    assert find_label("Happiness", ("sad", "happy")) == "happy"
    assert find_label("Happiness", ("joy", "happy")) is None
    assert find_label("joy", ("joy", "happy")) == "joy"
    assert find_label("smile", ("joy", "happy")) is None


def test_labels_that_mean_the_seven() -> None:
    assert as_emotions(("Anger", "Disgusted", "scared", "Joy", "neutral", "sadness", "SURPRISE")) == (
        *EMOTIONS[:4], "neutral", "sad", "surprise",
    )  # fmt: skip
    assert as_emotions(("happy", "Happiness")) is None
    assert as_emotions(("happy", "smile")) is None
