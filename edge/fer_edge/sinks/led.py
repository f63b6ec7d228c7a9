"""Lights on a Raspberry Pi's pins: an RGB LED in the emotion's colour, or one LED an emotion; and a pause button.

| what happens | the light |
|---|---|
| starting | pulses slowly, white |
| a face | the colour of its emotion, as bright as that is sure; the largest face counts |
| no face | off |
| paused | a short white flash every three seconds |
| the camera is lost | blinks red |
"""

from __future__ import annotations

import contextlib
import itertools
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from threading import Event, Thread
from typing import Any

from fer_edge.classifiers.labels import find_label
from fer_edge.drawing.palette import Colour, from_hex, lamp_colour_of, light
from fer_edge.errors import FerEdgeError, SettingsError, SinkError, first_line
from fer_edge.extras import install_command
from fer_edge.pause import PauseSwitch
from fer_edge.settings import LedSettings, Settings
from fer_edge.sinks.console import is_lively
from fer_edge.sinks.led_drawn import DrawnLights
from fer_edge.sinks.output import output
from fer_edge.types import UNCERTAIN, Face, Observation, Sink, State

RGB_LEGS = ("red", "green", "blue")  # of one LED, if led.pins names these
WHITE, RED, BLACK = (255, 255, 255), (255, 0, 0), (0, 0, 0)
Steps = Sequence[tuple[float, float]]  # (share of the brightness, seconds)
PATTERN_STOP_TIMEOUT_S = 2.0
RISE_LEVELS = [step / 37 for step in range(38)]
PATTERNS: dict[State, tuple[Colour, Steps]] = {
    "starting": (
        WHITE,
        [(level**2, 0.04) for level in RISE_LEVELS + RISE_LEVELS[::-1]],
    ),  # squared, as eyes do
    "lost": (RED, [(1.0, 0.5), (0.0, 0.5)]),
    "paused": (WHITE, [(1.0, 0.1), (0.0, 2.9)]),
}
DEBIAN_PACKAGES = "python3-gpiozero python3-lgpio"


def _modules(settings: Settings) -> Sequence[str]:
    return ("gpiozero",) if settings.led.chip == "mock" else ("gpiozero", "lgpio")


def _where(settings: Settings) -> str:
    if settings.led.chip == "mock":
        return f"simulated, {'drawn in this terminal' if is_lively() else 'and drawn in a terminal alone'}"
    button = {"button": settings.led.button} if settings.led.button >= 0 else {}
    return ", ".join(f"GPIO{pin} {name}" for name, pin in {**settings.led.pins, **button}.items())


@output(in_thread=True, requires=_modules, extra="gpio", shows=lambda: True, debian=DEBIAN_PACKAGES, where=_where)
def open_led(settings: Settings, pause_switch: PauseSwitch) -> Led:
    """The lights and the button that the settings name. Raises SettingsError, and SinkError if they do not work."""
    return Led(settings.led, pause_switch)


class Led(Sink):
    """Shows the emotion of the largest face; the button, held for a moment, toggles the pause."""

    def __init__(self, settings: LedSettings, pause_switch: PauseSwitch) -> None:
        _check(settings)
        self._settings = settings
        self._colours = {name: from_hex(text) for name, text in settings.colours.items()}
        self._shown: tuple[str, Colour, float] | None = None
        self._pattern: _Pattern | None = None
        is_rgb = set(settings.pins) == set(RGB_LEGS)
        self._drawn = DrawnLights(settings.pins, is_rgb) if settings.chip == "mock" and is_lively() else None
        with _translated(), contextlib.ExitStack() as opening:
            self.factory = _factory(settings.chip)
            opening.callback(self.factory.close)
            lamp = _Rgb if is_rgb else _Row
            self._lamp = opening.enter_context(contextlib.closing(lamp(settings, self.factory)))
            if settings.button >= 0:
                opening.enter_context(self._button(pause_switch))
            self._opened = opening.pop_all()

    def _button(self, pause_switch: PauseSwitch) -> Any:
        from gpiozero import Button

        button = Button(self._settings.button, hold_time=self._settings.hold_seconds, pin_factory=self.factory)
        button.when_held = pause_switch.toggle
        return button

    def write(self, observation: Observation) -> None:
        """Show the largest face. Raises SinkError if `pins` or `colours` name a label that the model does not have."""
        face = observation.largest_face
        shown = ("", BLACK, 0.0) if face is None else self._appearance(face)
        if shown != self._shown:
            self._end_pattern()
            with _translated():
                self._lamp.show(*shown)
            self._shown = shown
            if self._drawn is not None:
                self._drawn.show(*shown)

    def _appearance(self, face: Face) -> tuple[str, Colour, float]:
        """The emotion as led.pins calls it, its colour, and the light's level from 0 to 1."""
        labels = (*face.prediction.labels, UNCERTAIN)
        named = {*self._settings.colours, *self._settings.pins} - {*RGB_LEGS}
        if unknown := {name for name in named if find_label(name, labels) is None}:
            raise SinkError(
                f"led: {', '.join(sorted(unknown))}: in led.pins or led.colours, but not an emotion of the model; "
                f"it has {', '.join(labels)}"
            )
        own = find_label(face.emotion, self._colours)
        colour = self._colours[own] if own else lamp_colour_of(face.emotion, face.prediction.labels)
        share = face.confidence if self._settings.follow else 1.0
        return (
            find_label(face.emotion, self._settings.pins) or face.emotion,
            colour,
            round(self._settings.brightness * share, 2),
        )

    def state(self, state: State) -> None:
        """Pulse, blink or flash; while running, stay dark until the next face."""
        self._end_pattern()
        self._shown = None
        if state in PATTERNS:
            self._pattern = _Pattern(self._lamp, self._settings.brightness, *PATTERNS[state])
            if self._drawn is not None:
                self._drawn.pattern(state, PATTERNS[state][0])
        else:
            with _translated():
                self._lamp.show_all(BLACK, 0.0)

    def _end_pattern(self) -> None:
        pattern, self._pattern = self._pattern, None
        if pattern is not None:
            pattern.stop()

    def close(self) -> None:
        """Turn the lights off, and release the pins."""
        self._end_pattern()
        self._opened.close()


class _Pattern:
    """Repeats the levels in a thread until `stop`."""

    def __init__(self, lamp: _Rgb | _Row, brightness: float, colour: Colour, steps: Steps) -> None:
        self._show = partial(lamp.show_all, colour)
        self._steps = [(brightness * level, seconds) for level, seconds in steps]
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="led pattern", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with contextlib.suppress(Exception):  # the next write fails too, and reports it
            for level, seconds in itertools.cycle(self._steps):
                self._show(level)
                if self._stopping.wait(seconds):
                    return

    def stop(self) -> None:
        """Stop, and wait until it no longer drives the lamp."""
        self._stopping.set()
        self._thread.join(PATTERN_STOP_TIMEOUT_S)


class _Rgb:
    """One RGB LED."""

    def __init__(self, settings: LedSettings, factory: Any) -> None:
        from gpiozero import RGBLED

        pins = [settings.pins[leg] for leg in RGB_LEGS]
        self._led = RGBLED(*pins, active_high=settings.active_high, pin_factory=factory)
        self.close = self._led.close

    def show(self, emotion: str, colour: Colour, level: float) -> None:  # noqa: ARG002 (as _Row)
        self.show_all(colour, level)

    def show_all(self, colour: Colour, level: float) -> None:
        self._led.value = tuple(level * part for part in light(colour))


class _Row:
    """One LED for each emotion, of any colour."""

    def __init__(self, settings: LedSettings, factory: Any) -> None:
        from gpiozero import PWMLED

        with contextlib.ExitStack() as opening:
            self._leds = {
                emotion: opening.enter_context(PWMLED(pin, active_high=settings.active_high, pin_factory=factory))
                for emotion, pin in settings.pins.items()
            }
            self.close = opening.pop_all().close

    def show(self, emotion: str, colour: Colour, level: float) -> None:  # noqa: ARG002 (as _Rgb)
        for own, led in self._leds.items():
            led.value = level if own == emotion else 0.0

    def show_all(self, colour: Colour, level: float) -> None:  # noqa: ARG002
        for led in self._leds.values():
            led.value = level


def _check(settings: LedSettings) -> None:
    """Raise SettingsError if the pins contradict each other."""
    pins = settings.pins
    if not pins and settings.button < 0:
        raise SettingsError("led.pins = {}: names no pin, and led.button none; name one, or remove led from run.sinks")
    if set(pins) & set(RGB_LEGS) and set(pins) != set(RGB_LEGS):
        raise SettingsError(f"led.pins = {pins}: an RGB light has red, green and blue, and no other light beside it")
    used = [*pins.values(), *([settings.button] if settings.button >= 0 else [])]
    if len(set(used)) < len(used):
        raise SettingsError(f"led.pins = {pins}, led.button = {settings.button}: name one pin twice; use each pin once")


def _factory(chip: str) -> Any:
    """The pins. Raises what gpiozero and lgpio raise."""
    if chip == "mock":
        from gpiozero.pins.mock import MockFactory, MockPWMPin

        return MockFactory(pin_class=MockPWMPin)
    # lgpio makes a pipe in the working directory when it is imported, which a service may not write to. Once the pipe
    # is open, its name is not needed.
    with tempfile.TemporaryDirectory(prefix="fer-edge-") as folder, contextlib.chdir(folder):
        from gpiozero.pins.lgpio import LGPIOFactory
    return LGPIOFactory()


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """Turns the errors of gpiozero and lgpio into SettingsError and SinkError."""
    try:
        yield
    except FerEdgeError:
        raise
    except ModuleNotFoundError as cause:
        command = f"sudo apt install {DEBIAN_PACKAGES}, or: {install_command('gpio')}"
        raise SettingsError(f"led: {cause.name} is not installed; install it with: {command}") from cause
    except Exception as cause:  # gpiozero has its own tree, lgpio another, and both raise OSError
        raise SinkError(f"led: {_explain(first_line(cause))}") from cause


def _explain(words: str) -> str:
    if "revision" in words:
        return 'not a Raspberry Pi that gpiozero knows; to try it without one: led.chip = "mock"'
    if "gpiochip" in words:
        return (
            f"the pins cannot be reached ({words}); be in the group gpio: sudo usermod -aG gpio $USER, and log in again"
        )
    if "busy" in words:
        return f"a pin is in use by another program ({words}); end it (gpioinfo shows which), or choose other pins"
    return f"{words}; check led.pins and what is wired to them"
