"""What the pages say, in a language: a shipped one, or a TOML file of the user's."""

from __future__ import annotations

import tomllib
from pathlib import Path

from fer_edge.errors import SettingsError

TRANSLATIONS_FOLDER = Path(__file__).with_name("translations")
Words = dict[str, str]


def shipped() -> list[str]:
    """The languages that come with it."""
    return sorted(path.stem for path in TRANSLATIONS_FOLDER.glob("*.toml"))


def load(language: str) -> Words:
    """The words of `language`: "en", "de", or the path of a TOML file; what that leaves out is English.

    Raises SettingsError where there is no such language, or the file has what no page asks for.
    """
    english = _read(TRANSLATIONS_FOLDER / "en.toml", language)
    if language in shipped():
        return english | _read(TRANSLATIONS_FOLDER / f"{language}.toml", language)
    if not language.endswith(".toml"):
        raise SettingsError(
            f"kiosk.language = {language!r}: unknown; known are {', '.join(shipped())}, or name a .toml file "
            f"with the words of {TRANSLATIONS_FOLDER / 'en.toml'} in your language"
        )
    own = _read(Path(language), language)
    # Labels of a model of the user's own have words that nobody here knows.
    strange = [key for key in own if key not in english and not key.startswith("emotion_")]
    if strange:
        raise SettingsError(
            f"kiosk.language = {language!r}: unknown word {', '.join(strange)}; known are {', '.join(english)}, "
            "and emotion_NAME for each label of the model"
        )
    return english | own


def _read(path: Path, language: str) -> Words:
    try:
        words = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as cause:
        raise SettingsError(f"kiosk.language = {language!r}: {cause.strerror}; name a .toml file") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as cause:
        raise SettingsError(f"kiosk.language = {language!r}: not TOML in UTF-8 ({cause}); mend that line") from None
    for key, text in words.items():
        if not isinstance(text, str):
            raise SettingsError(f"kiosk.language = {language!r}: {key} = {text!r} must be text in quotes")
    return words
