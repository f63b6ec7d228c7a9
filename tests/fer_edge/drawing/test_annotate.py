"""Labels are legible at every size, in any letters, and cover neither each other nor other faces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fer_edge.drawing import annotate as module
from fer_edge.drawing import fonts
from fer_edge.drawing.annotate import annotate, colour_of
from fer_edge.drawing.words import words_in, words_of
from fer_edge.errors import SettingsError
from fer_edge.settings import DrawingSettings, KioskSettings, OledSettings, Settings
from fer_edge.types import EMOTIONS, Box, Face, Pixels, Prediction
from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageFont

GREY = 90


def face(number: int, box: Box, emotion: str = "happy", labels: tuple[str, ...] = EMOTIONS) -> Face:
    scores = tuple(float(label == emotion) for label in labels)
    return Face(number, box, emotion, 0.93, Prediction(labels, scores))


def drawn(faces: list[Face], height: int = 480, width: int = 640) -> Pixels:
    return annotate(np.full((height, width, 3), GREY, np.uint8), faces)


@pytest.mark.parametrize(("side", "low", "high"), [(40, 10, 20), (100, 16, 28), (300, 30, 60)])
def test_text_grows_with_the_face(side: int, low: int, high: int) -> None:
    picture = drawn([face(1, Box(150, 150, side, side))])
    ground = (picture == colour_of("happy")).all(axis=2)
    above = np.flatnonzero(ground[: 150 - 4].sum(axis=1) > 8)
    assert low <= len(above) + 4 <= high


@given(st.lists(st.builds(Box, st.integers(-60, 640), st.integers(-60, 480), st.just(0), st.just(0)), max_size=25))
def test_nothing_is_covered(corners: list[Box]) -> None:
    """No label lies on another one or on another face, and each is within the picture."""
    faces = [face(number, Box(x, y, 20 + number * 7, 20 + number * 7)) for number, (x, y, _, _) in enumerate(corners)]
    places: list[Box] = []
    kept = module._free_place

    def spy(box: Box, label: tuple[int, ...], picture: tuple[int, ...], taken: list[Box]) -> Box | None:
        place = kept(box, label, picture, taken)
        if place is not None:
            assert 0 <= place.x <= 640 - place.width
            assert 0 <= place.y <= 480 - place.height
            assert not [other.box for other in faces if other.box != box and module._overlap(place, other.box)]
            assert not [other for other in places if module._overlap(place, other)]
            places.append(place)
        return place

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_free_place", spy)
        drawn(faces)


def test_label_becomes_short_where_there_is_no_room() -> None:
    """Between two neighbours the confidence is left out, then letters; a face with no room at all has its box."""
    texts: list[str] = []
    kept = module._label

    def spy(text: str, *more: object) -> Pixels:
        texts.append(text)
        return kept(text, *more)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_label", spy)
        drawn([face(1, Box(100, 100, 50, 50))])
        assert texts == ["happy 93 %"]
        texts.clear()
        boxed_in = [face(n, Box(x, y, 60, 200)) for n, (x, y) in enumerate([(35, 0), (145, 0)])]
        drawn([*boxed_in, face(9, Box(98, 60, 45, 45))], height=200)
        assert texts[-2:] == ["happy 93 %", "happy"]
        texts.clear()
        drawn([face(1, Box(0, 0, 30, 12))], height=12, width=30)
        assert texts == ["happy 93 %", "happy", "hap…"]


@pytest.mark.parametrize("label", ["şaşkın", "öfkeli", "Überraschung", "радость"])
def test_letters_are_drawn_as_they_are(label: str) -> None:
    """With a font of the system (DejaVu, which Raspberry Pi OS has); each letter looks unlike a missing one."""
    font = fonts.font_for(label, 20, "", (label, "sad"))
    if not any("DejaVu" in str(path) for path in fonts._installed()):
        pytest.skip("needs fonts-dejavu-core")
    missing = bytes(font.getmask("\uffff"))
    assert [letter for letter in label if bytes(font.getmask(letter)) == missing] == []


def test_labels_of_a_model_have_one_font() -> None:
    """Not English words in one and the others in another."""
    if not any("DejaVu" in str(path) for path in fonts._installed()):
        pytest.skip("needs fonts-dejavu-core")
    labels = ("sad", "öfkeli")
    assert {fonts.font_for(label, 20, "", labels).getname() for label in labels} == {fonts.font_for("ö", 20).getname()}
    assert fonts.font_for("sad", 20).getname() != fonts.font_for("ö", 20).getname()


def test_missing_letters_are_told_once(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(fonts, "FOLDERS", ())
    for cache in (fonts._path_for, fonts._installed):
        cache.cache_clear()
    try:
        for _ in range(2):
            drawn([face(1, Box(100, 100, 80, 80), "幸", ("幸", "sad"))])
    finally:
        for cache in (fonts._path_for, fonts._installed):
            cache.cache_clear()
    (record,) = [record for record in caplog.records if "幸" in record.getMessage()]
    assert "name one as drawing.font, or install some: sudo apt install" in record.getMessage()


def test_bitmaps_draw_what_they_have(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow without FreeType, or an old one on a system without fonts: a label with "?", and no error."""
    monkeypatch.setattr(module, "font_for", lambda *_: ImageFont.load_default_imagefont())
    module._label.cache_clear()
    try:
        assert (drawn([face(1, Box(100, 100, 80, 80), "幸ö", ("幸ö", "sad"))]) != GREY).any()
    finally:
        module._label.cache_clear()


def test_own_font_is_taken(tmp_path: Path) -> None:
    """That of drawing.font, else that of the displays; one that cannot be read is refused with its key."""
    (tmp_path / "bad.ttf").write_text("no font")
    for settings, key in (
        (Settings(drawing=DrawingSettings(font=str(tmp_path / "bad.ttf"))), "drawing.font"),
        (Settings(oled=OledSettings(font=str(tmp_path / "none.ttf"))), "oled.font"),
    ):
        with pytest.raises(SettingsError, match=rf"{key} = '.*': cannot be read .*TrueType"):
            fonts.font_of(settings)
    assert fonts.font_of(Settings()) == ""
    for path in fonts._installed()[:1]:
        assert fonts.font_of(Settings(oled=OledSettings(font=str(path)))) == str(path)
        assert fonts.font_for("x", 20, str(path)).getname()


def test_labels_are_in_the_settings_language(monkeypatch: pytest.MonkeyPatch) -> None:
    """A label that no translation has stays as it is; without words all do."""
    seen: list[str] = []
    made = module._label

    def noted(text: str, *more: object) -> Pixels:
        seen.append(text)
        return made(text, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "_label", noted)
    ground = np.full((480, 640, 3), GREY, np.uint8)
    own = face(1, Box(150, 150, 100, 100), "smug", ("smug", "happy"))
    for faces, words in (([face(1, Box(150, 150, 100, 100))], words_in("de")), ([own], words_in("de")), ([own], None)):
        annotate(ground, faces, "", words)
    assert seen == ["fröhlich 93 %", "smug 93 %", "smug 93 %"]
    assert words_of(Settings(kiosk=KioskSettings(language="fr"))).emotion("HAPPY") == words_in("fr").emotion("happy")
    assert words_of(Settings(drawing=DrawingSettings(language="nl"), kiosk=KioskSettings(language="fr"))) is (
        words_in("nl")
    )
    with pytest.raises(SettingsError, match=r"drawing\.language: unknown"):
        words_of(Settings(drawing=DrawingSettings(language="xx")))
