"""A small display that shows a drawn face for the emotion, its name, its confidence, and the time.

If no face is in view for a while it turns dark: the pixels of an OLED wear out, and what is always in one place burns
in. A pause and a lost camera show a small sign, each minute in another place.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from PIL import Image

from fer_edge.drawing.words import Words, words_of
from fer_edge.errors import SettingsError, SinkError
from fer_edge.files import atomic_write
from fer_edge.pause import PauseSwitch
from fer_edge.settings import OledSettings, Settings
from fer_edge.sinks.oled.devices import DRIVERS, open_device, release, translated
from fer_edge.sinks.oled.screen import Screen, View, view
from fer_edge.sinks.output import output
from fer_edge.types import INVENTED_SOURCE, Observation, Sink, State


def _modules(settings: Settings) -> Sequence[str]:
    name = settings.oled.device
    return ("luma.core",) if name not in DRIVERS else ("luma.core", DRIVERS[name][0])


def _where(settings: Settings) -> str:
    oled = settings.oled
    if oled.device not in DRIVERS:
        return (
            f"simulated, drawn into {Path(oled.picture).absolute()}" if oled.picture else "simulated, in memory alone"
        )
    if oled.interface == "i2c":
        return f"{oled.device} at 0x{oled.i2c_address:02X} on I2C bus {oled.i2c_port}"
    return f"{oled.device} on SPI {oled.spi_port}.{oled.spi_device}"


@output(
    in_thread=True,
    requires=_modules,
    extra="oled",
    also_reads=("drawing", "kiosk"),
    shows=lambda: True,
    where=_where,
)
def open_oled(settings: Settings, pause_switch: PauseSwitch) -> Oled:  # noqa: ARG001 (every output is opened alike)
    """The display that the settings name. Raises SettingsError, and SinkError if it does not answer."""
    return Oled(settings.oled, words=words_of(settings))


MIN_PICTURE_PX = 480  # width, or a little less, of the picture of a simulated display


class Oled(Sink):
    """Shows the largest face; draws only if something changed."""

    def __init__(
        self,
        settings: OledSettings,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        words: Words | None = None,
    ) -> None:
        """`words` None: English. Raises SettingsError, SinkError."""
        self._settings, self._clock, self._words = settings, clock, words
        self.device: Any = open_device(settings)
        try:
            self._begin(settings)
        except BaseException:
            with contextlib.suppress(Exception):
                release(self.device)
            raise
        self._shown: View | None = None
        self._state: State = "starting"
        self._seen = 0.0  # frame time of the last face, or of the first frame, seconds
        self._lit = True
        self._closed = False

    def _begin(self, settings: OledSettings) -> None:
        try:
            size = (self.device.width, self.device.height)
            self._screen = Screen(*size, self.device.mode != "1", settings.font, self._words)
        except OSError as cause:
            raise SettingsError(
                f"oled.font = {settings.font!r}: cannot be read ({cause}); give the path of a TrueType file"
            ) from None
        with translated(settings):
            self.device.contrast(round(255 * settings.brightness))

    def write(self, observation: Observation) -> None:
        """Show the largest face, or that there is none. Raises SinkError."""
        now = observation.frame.time
        face = observation.largest_face
        if face is not None or self._state != "running" or now < self._seen:
            self._seen = now
        self._state = "running"
        dark = 0 < self._settings.off_seconds <= now - self._seen
        self._light(not dark)
        if not dark:
            # The tour says that it is one where the time is, beside a face.
            invented = observation.frame.source == INVENTED_SOURCE and face is not None
            self._show(view("running", "tour" if invented else _minute(observation.frame.taken), face))

    def state(self, state: State) -> None:
        """Show it: while starting large, else small, since it may last. Raises SinkError."""
        if state == "running":  # the next frame shows it
            return
        self._state = state
        self._light(True)
        self._show(view(state, _minute(self._clock()), None, small=state != "starting" and self._settings.small_signs))

    def close(self) -> None:
        """Turn the display off and release it."""
        if not self._closed:
            self._closed = True
            with translated(self._settings):
                release(self.device)

    def _show(self, seen: View) -> None:
        if seen != self._shown:
            drawn = self._screen.draw(seen)
            with translated(self._settings):
                self.device.display(drawn.convert(self.device.mode))
            if self._settings.picture and self._settings.device not in DRIVERS:
                _write_picture(drawn, Path(self._settings.picture))
            self._shown = seen

    def _light(self, on: bool) -> None:
        if on != self._lit:
            with translated(self._settings):
                if on:
                    self.device.show()
                else:
                    self.device.hide()
            self._lit = on


def _write_picture(drawn: Image.Image, path: Path) -> None:
    """Write what is shown, enlarged so that its pixels can be seen; nobody ever finds half of it. Raises SinkError."""
    side = max(MIN_PICTURE_PX // drawn.width, 1)
    larger = drawn.resize((drawn.width * side, drawn.height * side), Image.Resampling.NEAREST)
    try:
        with atomic_write(path) as temporary:
            larger.save(temporary, "PNG")
    except OSError as cause:
        raise SinkError(
            f"oled.picture {path}: cannot be written ({cause.strerror or cause}); choose another file"
        ) from None


def _minute(time: datetime) -> str:
    return f"{time.astimezone():%H:%M}"
