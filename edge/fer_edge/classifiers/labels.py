"""Names of labels: which emotion `Happiness`, `ANGER`, `surprised` or `0 happy` stands for.

Data sets and models name the same class in many ways. Names are compared as they are, then in any case, then by what
they mean; two names are never the same if one of them could be two.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Collection, Sequence

from fer_edge.types import EMOTIONS

SYNONYMS = {
    "angry": ("anger", "angriness", "furious", "fury", "rage", "mad"),
    "disgust": ("disgusted", "disgusting", "disgustful"),
    "fear": ("fearful", "afraid", "scared", "frightened", "fearfulness"),
    "happy": ("happiness", "joy", "joyful", "joyous"),
    "sad": ("sadness", "sorrow", "sorrowful", "unhappy"),
    "surprise": ("surprised", "surprising", "suprise", "suprised", "astonished", "astonishment"),
    "neutral": ("neutrality", "expressionless"),
    "contempt": ("contemptuous", "scorn", "scornful"),  # of FER+ and AffectNet; none of EMOTIONS
}
MAX_NAME_CHARACTERS = 64
FORMULA_STARTS = ("=", "+", "-", "@")  # a spreadsheet would calculate what begins with one
_MEANINGS = {word: meaning for meaning, words in SYNONYMS.items() for word in (meaning, *words)}
_NUMBER = re.compile(r"\d+[\s_.:)-]*(?=[^\W\d_])")  # before a name: "0 happy", "3_Sad"


def name_fault(name: str) -> str:
    """Why `name` cannot be that of a label, a model or a camera, which are printed, logged and published; "" if it can.

    The words do not hold the name.
    """
    if not name or len(name) > MAX_NAME_CHARACTERS:
        return f"has {len(name)} characters; must have 1 to {MAX_NAME_CHARACTERS}"
    if not name.isprintable():
        return "has characters that cannot be printed; write it without them"
    if name.startswith(FORMULA_STARTS) or name != name.strip():
        return f"begins with one of {' '.join(FORMULA_STARTS)} or a space, or ends with one; write it without"
    return ""


def folded(label: str) -> str:
    """`label` in lower case, without the spaces around it; accents as one character, as keyboards write them."""
    return unicodedata.normalize("NFC", label).strip().casefold()


@functools.lru_cache(maxsize=256)
def meaning(label: str) -> str:
    """The key of SYNONYMS that `label` stands for; else `folded`."""
    text = folded(label)
    return _MEANINGS.get(_NUMBER.sub("", text, count=1).strip(" _-."), text)


def emotion_of(label: str) -> str | None:
    """The one of EMOTIONS that `label` stands for; None if it is none of them."""
    found = meaning(label)
    return found if found in EMOTIONS else None


def find_label(label: str, names: Collection[str]) -> str | None:
    """The one of `names` that stands for `label`; None if none does, or if several might."""
    if label in names:
        return label
    for key in (folded, meaning):
        found = [name for name in names if key(name) == key(label)]
        if found:
            return found[0] if len(found) == 1 else None
    return None


def match_labels(names: Sequence[str], labels: Sequence[str]) -> list[int] | None:
    """For each of `labels` the place of its name in `names`; None unless each has one, and each name is used."""
    if len(names) != len(labels) or len(set(names)) != len(names) or len(set(labels)) != len(labels):
        return None
    places: dict[str, int] = {}
    for key in (str, folded, meaning):
        free = [place for place in range(len(names)) if place not in places.values()]
        left = [label for label in labels if label not in places]
        for label in left:
            fits = [place for place in free if key(names[place]) == key(label)]
            if len(fits) == 1 and sum(key(other) == key(label) for other in left) == 1:
                places[label] = fits[0]
    return [places[label] for label in labels] if len(places) == len(labels) else None


@functools.lru_cache(maxsize=16)
def as_emotions(labels: tuple[str, ...]) -> tuple[str, ...] | None:
    """What `labels` mean, if each is another one of EMOTIONS; else None."""
    found = tuple(filter(None, map(emotion_of, labels)))
    return found if len(set(found)) == len(labels) else None
