"""The display shows the largest face, turns dark without one, and is dark at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fer_edge.build import make_sink
from fer_edge.cli import main
from fer_edge.errors import SettingsError, SinkError
from fer_edge.pause import PauseSwitch
from fer_edge.settings import OledSettings, Settings, parse
from fer_edge.sinks.mailbox import Mailbox
from fer_edge.sinks.oled import sink as oled
from fer_edge.sinks.oled.screen import Screen, View
from fer_edge.sinks.oled.sink import Oled, open_oled
from fer_edge.types import Box, Observation
from PIL import Image

Make = Callable[..., Observation]
SCREEN = Screen(128, 64, colour=False)


@pytest.fixture(autouse=True)
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


class ModelWatcher(Oled):
    """Records what its display is to do."""

    def __init__(self, **settings: Any) -> None:
        self.done: list[str] = []
        given = OledSettings(**{"device": "dummy", "width": 128, "height": 64} | settings)
        super().__init__(given, lambda: datetime(2026, 1, 1, 12, 5, tzinfo=UTC))
        for name in ("display", "show", "hide", "cleanup"):
            self._watch(name)

    def _watch(self, name: str) -> None:
        real = getattr(self.device, name)

        def noted(*what: Any) -> None:
            self.done.append(name)
            real(*what)

        setattr(self.device, name, noted)

    def shows(self, seen: View) -> bool:
        return bool((np.asarray(self.device.image) == np.asarray(SCREEN.draw(seen))).all())


def test_largest_face_and_local_time(make_observation: Make) -> None:
    """The largest face is shown with the local time."""
    sink = ModelWatcher()
    seen = make_observation(0, "sad", "happy")
    sink.write(replace(seen, faces=(seen.faces[0], replace(seen.faces[1], box=Box(0, 0, 9, 9), confidence=0.93))))
    assert sink.shows(View("running", "13:00", "happy", 9))
    sink.write(make_observation(1))
    assert sink.shows(View("running", "13:00"))


def test_draws_only_changes(make_observation: Make) -> None:
    """It is drawn only where something changed."""
    sink = ModelWatcher()
    for number in range(25 * 60):
        sink.write(make_observation(number, "happy"))
    assert sink.done == ["display"]
    sink.write(make_observation(25 * 60, "happy"))  # a minute later
    assert sink.done == ["display", "display"]


def test_dark_without_faces_back_at_once(make_observation: Make) -> None:
    """It turns dark when no face was there for long and is back at once."""
    sink = ModelWatcher(off_seconds=60.0)
    sink.write(make_observation(0, "happy"))
    for number in range(1, 25 * 120):
        sink.write(make_observation(number))
        if number < 25 * 60:
            assert "hide" not in sink.done
    assert sink.done[-1] == "hide"
    assert sink.done.count("hide") == 1
    sink.write(make_observation(25 * 120, "sad"))
    assert sink.done[-2:] == ["show", "display"]
    assert sink.shows(View("running", "13:02", "sad", 7))
    never = ModelWatcher(off_seconds=0.0)
    for number in range(0, 25 * 3600, 1000):
        never.write(make_observation(number))
    assert "hide" not in never.done


def test_states_are_shown_lasting_ones_small(make_observation: Make) -> None:
    """States are shown and a lasting one is small."""
    sink = ModelWatcher(off_seconds=10.0)
    sink.state("starting")
    assert sink.shows(View("starting", "13:05"))
    sink.state("running")
    assert sink.shows(View("starting", "13:05"))  # until the first frame
    sink.state("paused")
    assert sink.shows(View("paused", "13:05", small=True))
    sink.state("lost")
    assert sink.shows(View("lost", "13:05", small=True))
    sink.write(make_observation(25 * 100))  # a face may be there again: it does not turn dark at once
    assert sink.shows(View("running", "13:01"))
    assert "hide" not in sink.done
    large = ModelWatcher(small_signs=False)
    large.state("paused")
    assert large.shows(View("paused", "13:05"))


def test_dark_display_shows_a_lost_camera(make_observation: Make) -> None:
    """A dark display shows that the camera is lost."""
    sink = ModelWatcher(off_seconds=1.0)
    for number in range(100):
        sink.write(make_observation(number))
    assert sink.done[-1] == "hide"
    sink.state("lost")
    assert sink.done[-2:] == ["show", "display"]


def test_it_is_dark_at_the_end() -> None:
    sink = ModelWatcher()
    sink.state("starting")
    sink.close()
    sink.close()
    assert sink.done == ["display", "cleanup", "hide", "display"]
    assert Image.Image.getbbox(sink.device.image) is None


def test_colour_display_shows_colours(make_observation: Make) -> None:
    """Colours are shown where the display has them."""
    sink = ModelWatcher(device="dummy-colour", width=240, height=240)
    sink.write(make_observation(0, "happy"))
    assert sink.device.image.mode == "RGB"
    assert sink.device.image.size == (240, 240)
    sink = ModelWatcher(device="dummy-colour", width=320, height=240, rotate=1)
    sink.write(make_observation(0, "happy"))


def test_unreadable_font_is_refused() -> None:
    """A font that cannot be read is reported."""
    with pytest.raises(SettingsError, match=r"oled\.font = 'none\.ttf': cannot be read .*TrueType"):
        ModelWatcher(font="none.ttf")


def test_sink_runs_in_its_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It runs by its name in a thread of its own."""
    box = make_sink("oled", replace(Settings(), oled=OledSettings(device="dummy")))
    assert isinstance(box, Mailbox)
    box.close()
    monkeypatch.chdir(tmp_path)
    made: list[Oled] = []
    monkeypatch.setattr(oled, "Oled", lambda settings, words: made.append(Oled(settings, words=words)) or made[-1])
    seen: list[View] = []
    monkeypatch.setattr(Screen, "draw", remembered(Screen.draw, seen))
    arguments = ["run", "--source", "demo", "--only-sink", "oled", "--max-frames", "30", "--set", "oled.device=dummy"]
    assert main(arguments) == 0
    assert seen[-1].emotion == "happy"
    assert len(made) == 1
    assert not list(tmp_path.iterdir())
    assert capsys.readouterr().err == ""


def remembered(draw: Callable[[Screen, View], Any], seen: list[View]) -> Callable[[Screen, View], Any]:
    def noted(self: Screen, what: View) -> Any:
        seen.append(what)
        return draw(self, what)

    return noted


def test_run_continues_without_a_display(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a display the run goes on and says the fix."""
    monkeypatch.chdir(tmp_path)
    arguments = ["run", "--source", "demo", "--only-sink", "oled", "--max-frames", "5", "--set", "oled.i2c_port=99"]
    assert main(arguments) == 6
    assert capsys.readouterr().err == (
        "fer-edge: error: oled: there is no I2C bus 99 (I2C device not found: /dev/i2c-99); switch it on with: "
        "sudo raspi-config nonint do_i2c 0; it is tried again, and the rest goes on\n"
    )


def test_simulated_display_is_a_picture(tmp_path: Path, make_observation: Callable[..., Any]) -> None:
    """Of what is shown, in the settings' language; one that cannot be written is said."""
    path = tmp_path / "shown.png"
    settings = parse({"oled": {"device": "dummy", "picture": str(path)}, "kiosk": {"language": "de"}})
    assert open_oled.where(settings) == f"simulated, drawn into {path}"
    display = open_oled(settings, PauseSwitch())
    display.write(make_observation(0, "happy"))
    with Image.open(path) as picture:
        assert picture.size == (384, 192)
        happy = picture.tobytes()
    display.write(make_observation(1, "sad"))
    with Image.open(path) as picture:
        assert picture.tobytes() != happy
    path.unlink()
    path.mkdir()
    with pytest.raises(SinkError, match=r"oled\.picture"):
        display.write(make_observation(2, "angry"))
    display.close()
    english = open_oled(parse({"oled": {"device": "dummy"}, "drawing": {"language": "en"}}), PauseSwitch())
    german = open_oled(settings, PauseSwitch())
    seen = View("running", "14:08", "happy", 8)
    assert english._screen.draw(seen).tobytes() != german._screen.draw(seen).tobytes()
