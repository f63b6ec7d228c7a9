"""The light shows what it should, the button pauses, and a missing chip or library is said in words.

The pins are those of gpiozero's own mock, behind gpiozero's own classes.
"""

from __future__ import annotations

import io
import queue
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

gpiozero = pytest.importorskip("gpiozero")

from fer_edge.drawing.palette import from_hex, lamp_colour_of, light  # noqa: E402
from fer_edge.errors import SettingsError, SinkError  # noqa: E402
from fer_edge.pause import PauseSwitch  # noqa: E402
from fer_edge.service.log_handler import CLEAR_LINE  # noqa: E402
from fer_edge.settings import LedSettings, parse  # noqa: E402
from fer_edge.sinks.led import Led, open_led  # noqa: E402
from fer_edge.sinks.led_drawn import DrawnLights  # noqa: E402
from fer_edge.types import EMOTIONS, UNCERTAIN, Box, Face, Observation, Prediction  # noqa: E402

Make = Callable[..., Observation]
SOON = 10.0  # seconds
ROW = {emotion: pin for pin, emotion in enumerate(EMOTIONS, 4)}


class Presses(PauseSwitch):
    def __init__(self) -> None:
        super().__init__()
        self.came: queue.Queue[bool] = queue.Queue()

    def toggle(self) -> None:
        super().toggle()
        self.came.put(self.paused)


@pytest.fixture
def opened() -> Iterator[Callable[..., Led]]:
    leds = []

    def make(pause_switch: PauseSwitch | None = None, **settings: Any) -> Led:
        leds.append(Led(LedSettings(chip="mock", **settings), pause_switch or PauseSwitch()))
        return leds[-1]

    yield make
    for led in leds:
        led.close()


def rgb(led: Led) -> tuple[float, ...]:
    return tuple(led.factory.pin(pin).state for pin in (17, 27, 22))


class Steps:
    """What a light that blinks by itself shows, and for how many seconds, without waiting for it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *pins: int) -> None:
        self.pins = pins
        self.seen: list[tuple[tuple[float, ...], float | None]] = []
        self.led: Any = None
        self.enough = threading.Semaphore(0)
        steps = self

        class Stop(threading.Event):
            def wait(self, timeout: float | None = None) -> bool:
                steps.seen.append((tuple(steps.led.factory.pin(pin).state for pin in steps.pins), timeout))
                if len(steps.seen) < 80:
                    return self.is_set()
                steps.enough.release()
                return super().wait()

        monkeypatch.setattr("fer_edge.sinks.led.Event", Stop)

    def of(self, led: Led, state: str) -> list[tuple[tuple[float, ...], float]]:
        """(light, seconds) of the first 80 steps in `state`."""
        self.seen, self.led = [], led
        led.state(state)  # type: ignore[arg-type]
        assert self.enough.acquire(timeout=SOON)
        return self.seen


@pytest.mark.parametrize("emotion", [*EMOTIONS, UNCERTAIN])
def test_light_shows_emotion_and_confidence(opened: Callable[..., Led], make_observation: Make, emotion: str) -> None:
    """A face shines in its colour as bright as it is sure."""
    led = opened()
    led.write(make_observation(0, emotion))
    assert rgb(led) == pytest.approx([0.7 * part for part in light(lamp_colour_of(emotion))])


def test_light_is_off_without_faces(opened: Callable[..., Led], make_observation: Make) -> None:
    """It is off when there is no face."""
    led = opened()
    led.write(make_observation(0, "happy"))
    led.write(make_observation(1))
    assert rgb(led) == (0, 0, 0)


def test_the_largest_face_counts(opened: Callable[..., Led], make_observation: Make) -> None:
    led = opened()
    seen = make_observation(0, "happy", "sad", "angry")
    near = replace(seen.faces[1], box=Box(0, 0, 90, 90))
    led.write(replace(seen, faces=(seen.faces[0], near, seen.faces[2])))
    assert rgb(led) == pytest.approx([0.7 * part for part in light(lamp_colour_of("sad"))])


def test_settings_change_colour_brightness_and_polarity(opened: Callable[..., Led], make_observation: Make) -> None:
    led = opened(colours={"happy": "#FF0080"}, brightness=0.5, follow=False, active_high=False)
    led.write(make_observation(0, "happy"))
    assert rgb(led) == pytest.approx([1 - 0.5 * part for part in light(from_hex("#FF0080"))])


def test_same_look_is_written_once(
    opened: Callable[..., Led], make_observation: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same look is not written twice."""
    led = opened()
    led.write(make_observation(0, "happy"))
    with monkeypatch.context() as patch:
        patch.setattr(led, "_lamp", None)  # would fail
        led.write(make_observation(1, "happy"))


def test_starting_pulses_white_slowly(opened: Callable[..., Led], monkeypatch: pytest.MonkeyPatch) -> None:
    steps = Steps(monkeypatch, 17, 27, 22)
    led = opened(brightness=0.5)
    seen = steps.of(led, "starting")
    assert sum(seconds for _, seconds in seen) == pytest.approx(3.0, abs=0.3)  # up and down again
    levels = [colour[0] for colour, _ in seen]
    assert levels[:38] == sorted(levels[:38])
    assert max(levels) == 0.5
    assert min(levels) == 0.0
    assert all(len(set(colour)) == 1 for colour, _ in seen)
    led.state("running")
    assert rgb(led) == (0, 0, 0)


@pytest.mark.parametrize(
    ("state", "cycle"),
    [("lost", [((1, 0, 0), 0.5), ((0, 0, 0), 0.5)]), ("paused", [((1, 1, 1), 0.1), ((0, 0, 0), 2.9)])],
)
def test_lost_and_paused_patterns(
    opened: Callable[..., Led], make_observation: Make, monkeypatch: pytest.MonkeyPatch, state: str, cycle: list[Any]
) -> None:
    """A lost camera blinks red and a pause flashes white."""
    steps = Steps(monkeypatch, 17, 27, 22)
    led = opened()
    led.write(make_observation(0, "sad"))
    assert steps.of(led, state) == cycle * 40


def test_pattern_ends_with_the_next_face(opened: Callable[..., Led], make_observation: Make) -> None:
    """Blinking ends with the next face and comes back to the same one."""
    led = opened()
    seen = make_observation(0, "happy")
    led.write(seen)
    led.state("lost")
    led.state("running")
    led.write(seen)
    assert rgb(led) == pytest.approx([0.7 * part for part in light(lamp_colour_of("happy"))])


def test_one_light_an_emotion(opened: Callable[..., Led], make_observation: Make) -> None:
    led = opened(pins=ROW)

    def lit() -> dict[str, float]:
        return {emotion: led.factory.pin(pin).state for emotion, pin in ROW.items() if led.factory.pin(pin).state}

    led.write(make_observation(0, "happy"))
    assert lit() == {"happy": 0.7}
    led.write(make_observation(1, "sad"))
    assert lit() == {"sad": 0.7}
    led.write(make_observation(2, UNCERTAIN))
    assert lit() == {}


def test_single_lights_blink_and_stop(
    opened: Callable[..., Led], make_observation: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One light an emotion blinks and stops."""
    steps = Steps(monkeypatch, 5, 6)
    led = opened(pins={"fear": 5, "sad": 6}, brightness=0.6)
    assert steps.of(led, "lost") == [((0.6, 0.6), 0.5), ((0.0, 0.0), 0.5)] * 40
    led.state("running")
    assert led.factory.pin(5).state == 0


def test_held_button_toggles_the_pause(opened: Callable[..., Led]) -> None:
    """The button pauses and resumes when it is held."""
    pause_switch = Presses()
    led = opened(pause_switch, button=5, hold_seconds=0.0)
    button = led.factory.pin(5)
    assert button.state  # pulled up
    for paused in (True, False):
        button.drive_low()
        assert pause_switch.came.get(timeout=SOON) is paused
        button.drive_high()


def test_touched_button_does_nothing(opened: Callable[..., Led]) -> None:
    """A button that is only touched does nothing."""
    pause_switch = Presses()
    led = opened(pause_switch, button=5, hold_seconds=10.0, pins={})
    for _ in range(20):
        led.factory.pin(5).drive_low()
        led.factory.pin(5).drive_high()
    led.close()
    assert pause_switch.came.empty()


def test_failing_chip_ends_the_pattern(opened: Callable[..., Led], make_observation: Make) -> None:
    """A pattern on a chip that fails ends and the next write tells."""
    led = opened()
    led.state("lost")
    assert led._pattern is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(led.factory.pin(17), "_set_state", lambda _: 1 / 0)
        with pytest.raises(SinkError, match="led: division by zero"):
            led.write(make_observation(0, "happy"))


def test_everything_is_released_at_close(opened: Callable[..., Led], make_observation: Make) -> None:
    """Everything is dark and free after the end."""
    led = opened(button=5)
    led.write(make_observation(0, "happy"))
    pins = [led.factory.pin(pin) for pin in (17, 27, 22, 5)]
    led.close()
    led.close()
    assert [pin.function for pin in pins] == ["input"] * 4
    assert not led.factory.pins


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"pins": {}}, "names no pin"),
        ({"pins": {"red": 5, "green": 6}}, "an RGB light has red, green and blue"),
        ({"pins": {"red": 5, "green": 6, "blue": 7, "happy": 8}}, "no other light beside it"),
        ({"pins": {"happy": 5, "sad": 5}}, "name one pin twice"),
        ({"button": 17}, "led.button = 17: name one pin twice"),
    ],
)
def test_contradicting_pins_are_refused(settings: dict[str, Any], words: str) -> None:
    """Pins that make no sense are refused."""
    with pytest.raises(SettingsError, match=words):
        Led(LedSettings(chip="mock", **settings), PauseSwitch())


@pytest.mark.parametrize("settings", [{"pins": {"hapy": 5}}, {"colours": {"hapy": "#FFFFFF"}}])
def test_unknown_emotion_is_reported(
    opened: Callable[..., Led], make_observation: Make, settings: dict[str, Any]
) -> None:
    """An emotion that the model does not have is reported."""
    led = opened(**settings)
    with pytest.raises(SinkError, match=r"led: hapy: .* not an emotion of the model; it has angry, disgust"):
        led.write(make_observation(0, "happy"))


def test_labels_of_an_own_model_work(opened: Callable[..., Led], make_observation: Make) -> None:
    led = opened(pins={"thumbs up": 5})
    face = Face(1, Box(0, 0, 9, 9), "thumbs up", 0.9, Prediction(("thumbs up", "thumbs down"), (0.9, 0.1)))
    led.write(replace(make_observation(), faces=(face,)))
    assert led.factory.pin(5).state == 0.9


def test_missing_library_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing library is reported with the fix."""
    monkeypatch.setitem(sys.modules, "gpiozero.pins.mock", None)
    with pytest.raises(SettingsError, match=r"led: gpiozero\.pins\.mock is not installed; install it with: sudo apt"):
        Led(LedSettings(chip="mock"), PauseSwitch())


class Chip:
    """Stands in for lgpio's factory on machines of other kinds."""

    def __init__(self, words: str) -> None:
        self._words = words

    def __call__(self) -> None:
        raise RuntimeError(self._words)


@pytest.mark.parametrize(
    ("words", "ours"),
    [
        ("'can not open gpiochip'", r"the pins cannot be reached \('can not open gpiochip'\); .*usermod -aG gpio"),
        ("unable to locate Pi revision in /proc", 'not a Raspberry Pi .*led.chip = "mock"'),
        ("'GPIO busy'", "a pin is in use by another program"),
        ("something else", "led: something else; check led.pins"),
    ],
)
def test_silent_chip_is_reported(monkeypatch: pytest.MonkeyPatch, words: str, ours: str) -> None:
    """A chip that does not answer is reported with the fix."""
    # In place of the module: it imports lgpio, which has no wheel from Python 3.13 on.
    monkeypatch.setitem(sys.modules, "gpiozero.pins.lgpio", SimpleNamespace(LGPIOFactory=Chip(words)))
    with pytest.raises(SinkError, match=ours):
        Led(LedSettings(), PauseSwitch())


@pytest.mark.process
def test_lgpio_leaves_no_pipe(tmp_path: Path) -> None:
    """Lgpio leaves nothing in the working directory and does not change it."""
    pytest.importorskip("lgpio", reason="needs lgpio, which has no wheel from Python 3.13 on")
    if list(Path("/dev").glob("gpiochip*")):
        pytest.skip("this machine has GPIO pins, which a test must not touch")
    program = f"""
import os, sys
sys.path.insert(0, {str(Path(__file__).parents[3] / "edge")!r})
os.chdir({str(tmp_path)!r})
from fer_edge.pause import PauseSwitch
from fer_edge.errors import SinkError
from fer_edge.settings import LedSettings
from fer_edge.sinks.led import Led
try:
    Led(LedSettings(), PauseSwitch())
except SinkError as error:
    print(error, os.getcwd(), os.listdir("."), "lgpio" in sys.modules, sep="|")
"""
    for environment in ({}, {"LG_WD": "/tmp"}):
        child = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
        )
        error, folder, files, loaded = child.stdout.strip().split("|")
        assert error.startswith("led: ")
        assert (folder, files, loaded) == (str(tmp_path), "[]", "True")


def test_lights_know_other_names_of_an_emotion(opened: Callable[..., Led], make_observation: Make) -> None:
    """Pins and colours that name an emotion serve a model that calls it something else."""
    seen = make_observation(1, "Happiness")
    labels = ("Anger", "Happiness", "Sadness")
    face = replace(seen.faces[0], prediction=Prediction(labels, (0.1, 0.8, 0.1)), confidence=1.0)
    row = opened(pins={"angry": 4, "happy": 5, "sad": 6})
    row.write(replace(seen, faces=(face,)))
    assert [row.factory.pin(pin).state > 0 for pin in (4, 5, 6)] == [False, True, False]
    coloured = opened(colours={"happy": "#FF0000"}, brightness=1.0)
    coloured.write(replace(seen, faces=(face,)))
    assert rgb(coloured) == pytest.approx((1, 0, 0))


def test_mock_lights_are_drawn(make_observation: Make) -> None:
    """In the terminal, in their colour; not each flicker of the confidence, and a word says what pulses."""

    class Terminal(io.StringIO):
        encoding = "utf-8"  # type: ignore[assignment]

        def isatty(self) -> bool:
            return True

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TERM", "xterm")
        patch.delenv("NO_COLOR", raising=False)
        stream = Terminal()
        lights = DrawnLights({"red": 17, "green": 27, "blue": 22}, is_rgb=True, stream=stream)
        lights.pattern("starting", (255, 255, 255))
        for level in (0.9, 0.85, 0.6):
            lights.show("happy", (240, 228, 66), level)
        lights.show("", (0, 0, 0), 0.0)
        said = [line.removeprefix(CLEAR_LINE) for line in stream.getvalue().rstrip("\n").split("\n")]
        assert [line.rpartition("  ")[2] for line in said] == [
            "starting: pulses slowly",
            "happy, 90%",
            "happy, 60%",
            "off",
        ]
        assert said[1].startswith("led  \x1b[38;2;")
        assert said[1] != said[2]
        row = Terminal()
        DrawnLights({"happy": 5, "sad": 6}, is_rgb=False, stream=row).show("sad", (0, 0, 255), 1.0)
        assert re.sub(r"\x1b\[[0-9;]*[mK]|\r", "", row.getvalue()) == "led  ○ ●  sad, 100%\n"


def test_mock_says_where_it_draws(
    opened: Callable[..., Led], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A program without a terminal gets no lines among its own."""
    mock = parse({"led": {"chip": "mock"}})
    assert open_led.where(mock) == "simulated, and drawn in a terminal alone"
    assert open_led.where(parse({"led": {"button": 26}})) == "GPIO17 red, GPIO27 green, GPIO22 blue, GPIO26 button"
    opened().state("paused")
    assert capsys.readouterr().out == ""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert open_led.where(mock) == "simulated, drawn in this terminal"
    opened().state("lost")
    assert "lost: blinks" in capsys.readouterr().out
