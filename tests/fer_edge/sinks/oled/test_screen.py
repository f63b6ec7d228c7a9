"""What a display shows is, pixel by pixel, what a person has looked at and found right.

The pictures in `pictures/` are the references. After a change that is meant, renew them, and look at each before it is
committed: python tests/fer_edge/sinks/oled/test_screen.py
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
from fer_edge.drawing.face import LOOKS, look_of
from fer_edge.drawing.palette import colour_of
from fer_edge.drawing.words import words_in
from fer_edge.sinks.kiosk import i18n
from fer_edge.sinks.oled.screen import SHIFTS_PX, STATE_KEYS, Screen, View, sheet, view
from fer_edge.types import EMOTIONS, UNCERTAIN, Box, Face, Prediction
from PIL import Image, ImageChops, features

PICTURES = Path(__file__).parent / "pictures"
ANNOTATED = Path(__file__).parents[4] / "edge" / "fer_edge" / "drawing" / "faces.png"
SCREENS = {"two": Screen(128, 64, colour=False), "all": Screen(240, 240, colour=True)}
OWN = ("tired", "concentrated")
VIEWS = {
    **{emotion: View("running", "14:08", emotion, 2 + k) for k, emotion in enumerate((*EMOTIONS, UNCERTAIN))},
    "own": View("running", "09:05", "concentrated", 10, OWN),
    "starting": View("starting", "14:08"),
    "paused": View("paused", "14:08"),
    "lost": View("lost", "14:08"),
    "nobody": View("running", "14:08"),
    "paused-small": View("paused", "14:09", small=True),
    "lost-small": View("lost", "14:10", small=True),
}
# FreeType draws the letters; another release may put single pixels elsewhere.
RELEASE = (PICTURES / "freetype").read_text().strip() if (PICTURES / "freetype").exists() else ""


def reference(screen: str, name: str) -> Path:
    return PICTURES / f"{screen}-{name}.png"


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("screen", SCREENS)
def test_view_matches_its_reference(screen: str, name: str) -> None:
    """A view looks as it did when it was looked at."""
    drawn = SCREENS[screen].draw(VIEWS[name])
    with Image.open(reference(screen, name)) as kept:
        assert drawn.size == kept.size
        different = np.asarray(ImageChops.difference(drawn.convert("RGB"), kept.convert("RGB"))).max(axis=2) > 0
    allowed = 0 if features.version("freetype2") == RELEASE else different.size // 50
    assert different.sum() <= allowed


@pytest.mark.parametrize("screen", SCREENS)
def test_every_emotion_looks_different(screen: str) -> None:
    """Every emotion looks different even without its name."""
    if screen == "two":
        faces = [SCREENS[screen].draw(VIEWS[name]).crop((0, 0, 62, 62)) for name in (*EMOTIONS, UNCERTAIN)]
    else:
        faces = [
            SCREENS[screen].draw(VIEWS[name]).convert("L").crop((45, 8, 195, 158)) for name in (*EMOTIONS, UNCERTAIN)
        ]
    for k, one in enumerate(faces):
        for other in faces[:k]:
            apart = np.asarray(ImageChops.difference(one.convert("L"), other.convert("L"))) > 40
            assert apart.mean() > 0.02


def test_face_has_its_emotions_colour() -> None:
    """A face has the colour of its emotion."""
    for emotion in EMOTIONS:
        assert SCREENS["all"].draw(VIEWS[emotion]).getpixel((120, 20)) == colour_of(emotion)
    assert SCREENS["all"].draw(VIEWS["own"]).getpixel((120, 20)) == colour_of("concentrated", OWN)


@pytest.mark.parametrize("screen", SCREENS)
def test_the_bar_grows_with_the_confidence(screen: str) -> None:
    light = [
        np.asarray(SCREENS[screen].draw(View("running", "14:08", "happy", tenths)).convert("RGB")).astype(int).sum()
        for tenths in range(11)
    ]
    assert light == sorted(light)
    assert len(set(light)) >= 10


def test_no_line_stays_in_its_place() -> None:
    """OLEDs keep a shadow of what never moves."""
    drawn = [np.asarray(SCREENS["two"].draw(View("paused", f"14:0{minute}"))) for minute in range(4)]
    middle = [picture[:, :60] for picture in drawn]  # without the time
    for shift, picture in zip(SHIFTS_PX, middle, strict=True):
        inner = slice(4, 56)  # what is shifted out of the picture does not come in again
        assert (np.roll(middle[0], shift[::-1], (0, 1))[inner, inner] == picture[inner, inner]).all()
    signs = [np.asarray(SCREENS["two"].draw(View("paused", f"14:{minute:02}", small=True))) for minute in range(60)]
    assert np.stack(signs).mean(axis=0).max() < 0.3
    assert min(sign.sum() for sign in signs) == max(sign.sum() for sign in signs)


@pytest.mark.parametrize(
    ("width", "height"),
    [
        *[(128, 64), (128, 32), (96, 64), (128, 128), (160, 128), (240, 240), (320, 240), (240, 320)],
        *[(64, 48), (64, 32), (96, 16), (72, 40), (48, 64), (32, 64), (64, 128), (32, 128), (16, 96)],
    ],
)
@pytest.mark.parametrize("colour", [False, True])
def test_everything_fits_every_size(width: int, height: int, colour: bool) -> None:
    """Everything fits on displays of every size."""
    screen = Screen(width, height, colour)
    long = View("running", "00:00", "an emotion with a very long name indeed", 10, ("an emotion", "müde"))
    for seen in (*VIEWS.values(), long):
        drawn = screen.draw(seen)
        assert drawn.size == (width, height)
        assert drawn.mode == ("RGB" if colour else "1")
        assert drawn.getbbox() is not None


@pytest.mark.parametrize("language", [name for name in i18n.shipped() if name != "ja"])  # whose letters need a font
@pytest.mark.parametrize(("width", "height"), [(96, 64), (128, 64), (128, 32), (64, 128)])
def test_small_displays_show_whole_words(
    width: int, height: int, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the time, whole: nothing is cut off, and no letter lies outside."""
    letters = Screen._letters
    texts: list[str] = []

    def noted(self: Screen, text: str, size: int) -> Image.Image:
        texts.append(text)
        return letters(self, text, size)

    monkeypatch.setattr(Screen, "_letters", noted)
    words = words_in(language)
    screen = Screen(width, height, colour=False, words=words)
    for name, seen in VIEWS.items():
        texts.clear()
        drawn = screen.draw(seen)
        if seen.small or name == "own":
            continue
        said = words.emotion(seen.emotion) if seen.emotion else words[f"state_{STATE_KEYS[seen.state]}"]
        if width == 64 and len(said) > 11:  # "Uruchamianie" on a narrow one
            continue
        assert not [text for text in texts if "…" in text], (name, texts)
        shown = {said.split()[-1]} if (name, language, height) == ("lost", "it", 32) else {seen.time, said.split()[-1]}
        assert shown <= {part for text in texts for part in (text, text.split()[-1])}
        assert not np.asarray(drawn)[0, width - 40 :].any(), name  # a clock that was cut off reached the first line


def test_japanese_is_divided_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no spaces, and is not cut off where two lines have room; one word of Latin letters stays whole."""
    texts: list[str] = []
    monkeypatch.setattr(Screen, "_text", lambda _, __, text, *___: texts.append(text))
    screen = Screen(64, 48, colour=False)
    for text in ("カメラがありません", "No camera", "Uruchamianie"):
        screen._lines(Image.new("RGB", (64, 48)), text, (32, 20), 10, 58)
    assert texts == ["カメラが", "ありません", "No", "camera", "Uruchamianie", ""]


def test_view_follows_the_camera_state() -> None:
    """The view is that of the face while the camera runs."""
    face = Face(1, Box(0, 0, 9, 9), "happy", 0.96, Prediction(EMOTIONS, (0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0)))
    assert view("running", "14:08", face) == View("running", "14:08", "happy", 10)
    assert view("running", "14:08", None) == View("running", "14:08")
    assert view("paused", "14:08", face, small=True) == View("paused", "14:08", small=True)


def test_own_font_is_used() -> None:
    """A font of the user's own is taken."""
    path = Path(__file__).parents[4] / ".none" / "font.ttf"
    with pytest.raises(OSError, match="cannot open resource"):
        Screen(128, 64, False, str(path))


def test_faces_are_those_of_the_page() -> None:
    """One drawing style: each pose has the page's numbers."""
    script = (Path(i18n.__file__).parent / "static" / "face.js").read_text()
    neutral = re.search(r"const NEUTRAL = \{(.*?)\n\};", script, re.DOTALL)
    poses = re.search(r"const POSES = \{(.*?)\n\};", script, re.DOTALL)
    assert neutral
    assert poses

    def numbers(text: str) -> dict[str, float]:
        return {name: float(number) for name, number in re.findall(r"(\w+): (-?[\d.]+)", re.sub("//.*", "", text))}

    assert dataclasses.asdict(LOOKS["neutral"]) == numbers(neutral[1])
    found = {name: numbers(text) for name, text in re.findall(r"(\w+): \{(.*?)\}", poses[1], re.DOTALL)}
    assert set(LOOKS) == set(found) - {"offline"}  # what only a page can be
    for name, look in LOOKS.items():
        assert dataclasses.asdict(look) == numbers(neutral[1]) | found[name], name


def renew() -> None:
    """Draw the references, and the picture for the README."""
    PICTURES.mkdir(exist_ok=True)
    for screen, drawer in SCREENS.items():
        for name, seen in VIEWS.items():
            drawer.draw(seen).save(reference(screen, name), optimize=True)
    (PICTURES / "freetype").write_text(f"{features.version('freetype2')}\n")
    sheet((*EMOTIONS, UNCERTAIN), 240, 4).quantize(64).save(ANNOTATED, optimize=True)


if __name__ == "__main__":
    renew()


def test_own_names_have_the_emotions_look() -> None:
    assert look_of("Happiness") is look_of("HAPPY") is LOOKS["happy"]
    assert look_of("smile") is LOOKS["neutral"]
