"""Every language says everything that a page asks for, and a user's own words are checked."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from fer_edge.classifiers.cards import load_card, models_folder
from fer_edge.errors import SettingsError
from fer_edge.sinks.kiosk import pages
from fer_edge.sinks.kiosk.i18n import TRANSLATIONS_FOLDER, load, shipped
from fer_edge.sinks.kiosk.pages import Pages
from fer_edge.types import EMOTIONS

PLACES = re.compile(r"\{(\w+)\}")


def test_ten_languages_come_with_it() -> None:
    """Those that a machine translated say so, so that somebody who speaks one corrects it."""
    assert shipped() == ["de", "en", "es", "fr", "it", "ja", "nl", "pl", "pt", "tr"]
    for language in shipped():
        first = (TRANSLATIONS_FOLDER / f"{language}.toml").read_text().splitlines()[0]
        assert ("translated by machine" in first) == (language not in ("de", "en"))


@pytest.mark.parametrize("language", shipped())
def test_a_language_is_whole(language: str) -> None:
    words, english = load(language), load("en")
    assert words["language"] == language
    assert set(words) == set(english)
    text = (TRANSLATIONS_FOLDER / f"{language}.toml").read_text()
    assert all(re.search(rf"^{name} = ", text, re.M) for name in english)
    for name in words:
        assert sorted(PLACES.findall(words[name])) == sorted(PLACES.findall(english[name])), name
    assert all(f"emotion_{emotion}" in words for emotion in (*EMOTIONS, "uncertain"))


def test_every_text_is_used_and_exists() -> None:
    """Every word is used and every use has a word."""
    folder = Path(pages.__file__).parent
    texts = [path.read_text() for kind in ("pages/*.html", "static/*.js") for path in folder.glob(kind)]
    filled = {"page_title", "styles", "script", "foot", "dim_seconds", "once", "pages"}  # by Pages, as these
    filled |= {"live_hidden", "today_hidden", "login_invalid", "login_alert"}
    asked = {name for text in texts for name in re.findall(r"\{\{(\w+)\}\}", text)} - filled
    asked |= {"login_wrong", "login_used", "logout"}
    asked |= {name for text in texts for name in re.findall(r"^<!-- (\w+);", text)}
    asked |= {name for text in texts for name in re.findall(r'(?:say\("|words\.)(\w+)', text)} - {"js"}
    english = set(load("en"))
    assert asked <= english
    made = {
        name for name in english if name.startswith(("emotion_", "state_", "hint_", "history_", "status_", "settings_"))
    }
    reports = "".join(path.read_text() for path in (folder.parents[1] / "report").glob("*.py"))
    made |= {name for name in english if name.startswith("report_") and f'["{name}"]' in reports.replace("'", '"')}
    assert english - asked - made == set()


def test_own_texts_override_english_ones(tmp_path: Path) -> None:
    """Own words go over the english ones."""
    own = tmp_path / "nl.toml"
    own.write_text('language = "nl"\nemotion_happy = "blij"\nemotion_smug = "zelfvoldaan"\n', encoding="utf-8")
    words = load(str(own))
    assert (words["language"], words["emotion_happy"], words["emotion_smug"]) == ("nl", "blij", "zelfvoldaan")
    assert words["pause"] == "Pause"


@pytest.mark.parametrize(
    ("text", "reason"),
    [('hapy = "x"', "unknown key hapy"), ("pause = 3", "pause must be text"), ("pause =", "not TOML")],
)
def test_wrong_words_are_refused(text: str, reason: str, tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(text)
    with pytest.raises(SettingsError, match=reason):
        load(str(own))


@pytest.mark.parametrize(("language", "reason"), [("xx", "known are de, en"), ("/no/nl.toml", "No such file")])
def test_an_unknown_language_is_refused(language: str, reason: str) -> None:
    with pytest.raises(SettingsError, match=reason):
        load(language)


def test_words_cannot_become_markup(tmp_path: Path) -> None:
    nasty = '</script><script>alert("1")</script>&"'
    words = load("en") | {"notice": nasty}
    for name in ("stage", "live", "history", "login"):
        text = bytes(Pages(words, True).page(name).body).decode()
        assert "<script>alert" not in text
        found = re.search(r'<script type="application/json" id="words">(.*?)</script>', text)
        if found:
            assert json.loads(found[1])["notice"] == nasty


def test_pages_say_what_the_card_says() -> None:
    """How often the shipped model agrees with people comes from its card, in every language."""
    accuracy = load_card(models_folder() / "mini_xception-int8.json").accuracy
    assert accuracy is not None
    for language in shipped():
        page = bytes(Pages(load(language), live=True).page("history").body).decode()
        assert f"{100 * accuracy:.0f}" in page
        assert "{agreement}" not in page


@pytest.mark.parametrize("language", shipped())
def test_other_names_of_emotions(language: str) -> None:
    """A card that says `Happiness` gets the language's word for happy, unless the user gave it one of its own."""
    own = {"emotion_joy": "joie de vivre"}
    text = bytes(Pages(load(language) | own, live=True).page("stage").body).decode()
    found = re.search(r'<script type="application/json" id="words">(.*?)</script>', text)
    assert found is not None
    words = json.loads(found[1])
    for name, emotion in (("happiness", "happy"), ("anger", "angry"), ("sadness", "sad"), ("surprised", "surprise")):
        assert words[f"emotion_{name}"] == words[f"emotion_{emotion}"] == load(language)[f"emotion_{emotion}"]
    assert words["emotion_joy"] == "joie de vivre"
