"""The pages' texts in a language: a shipped one, or the user's own TOML file."""

from __future__ import annotations

import tomllib
from pathlib import Path

from fer_edge.classifiers.labels import SYNONYMS
from fer_edge.errors import SettingsError

TRANSLATIONS_FOLDER = Path(__file__).with_name("translations")
Translations = dict[str, str]


def shipped() -> list[str]:
    """The languages that come with fer-edge."""
    return sorted(path.stem for path in TRANSLATIONS_FOLDER.glob("*.toml"))


def load(language: str) -> Translations:
    """The texts of `language`: a shipped one, such as "en", or the path of a TOML file; what it leaves out is English.

    Raises SettingsError if there is no such language, or the file has a key that no page uses.
    """
    english = _read(TRANSLATIONS_FOLDER / "en.toml")
    if language in shipped():
        return english | _read(TRANSLATIONS_FOLDER / f"{language}.toml")
    if not language.endswith(".toml"):
        raise SettingsError(
            f"kiosk.language: unknown; known are {', '.join(shipped())}, or name a .toml file "
            f"with the texts of {TRANSLATIONS_FOLDER / 'en.toml'} in your language"
        )
    own = _read(Path(language))
    # The labels of a user's own model are not known here.
    unknown = [key for key in own if key not in english and not key.startswith("emotion_")]
    if unknown:
        raise SettingsError(
            f"kiosk.language: unknown key {', '.join(unknown)}; known are {', '.join(english)}, "
            "and emotion_NAME for each label of the model"
        )
    return english | own


def with_synonyms(texts: Translations) -> Translations:
    """`texts`, and the emotions under their other names too, such as `emotion_happiness`, unless these are there.

    So a model's card may call them in its way, and the page says them in its language.
    """
    names = {
        f"emotion_{word}": texts[f"emotion_{emotion}"]
        for emotion, words in SYNONYMS.items()
        if f"emotion_{emotion}" in texts
        for word in words
    }
    return names | texts


def _read(path: Path) -> Translations:
    try:
        texts = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as cause:
        raise SettingsError(f"kiosk.language: {cause.strerror}; name a .toml file") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as cause:
        raise SettingsError(f"kiosk.language: not TOML in UTF-8 ({cause}); fix that line") from None
    for key, text in texts.items():
        if not isinstance(text, str):
            raise SettingsError(f"kiosk.language: {key} must be text in quotes")
    return texts
