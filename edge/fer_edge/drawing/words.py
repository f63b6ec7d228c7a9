"""The words of displays, annotated pictures and reports, from the same translations as the kiosk's pages."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from fer_edge.errors import SettingsError
from fer_edge.settings import Settings
from fer_edge.sinks.kiosk import i18n


class Words:
    """Texts by their keys, and labels in words."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def __getitem__(self, key: str) -> str:
        return self._texts[key]

    @property
    def is_english(self) -> bool:
        """Whether dates are written with English names of days and months; else in digits."""
        return self._texts["language"].startswith("en")

    def emotion(self, label: str) -> str:
        """A model's label as the pages call it; one that no translation has, as it is."""
        texts = self._texts
        return texts.get(f"emotion_{label}") or texts.get(f"emotion_{label.strip().lower()}") or label


def words_of(settings: Settings) -> Words:
    """In the language that the settings name. Raises SettingsError."""
    try:
        return words_in(settings.drawing.language or settings.kiosk.language)
    except SettingsError as error:
        if not settings.drawing.language:
            raise
        raise SettingsError(str(error).replace("kiosk.language", "drawing.language")) from None


@lru_cache(8)
def words_in(language: str) -> Words:
    """In `language`: a shipped one, such as "de", or the path of a file. Raises SettingsError."""
    return Words(i18n.load(language))
