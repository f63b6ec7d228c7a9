"""Every setting, with its unit, its range and its default; and the strict reader of `fer-edge.toml`.

A settings file has a table for each part, e.g. `[log]` with `mode = "frames"`. An unknown table or key, a wrong type or
a value out of range is refused with the key, the value and what is allowed.
"""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args, get_type_hints

from fer_edge.classifiers import CLASSIFIERS
from fer_edge.detectors import DETECTORS
from fer_edge.errors import SettingsError
from fer_edge.sinks import SINKS
from fer_edge.types import EVENT_KINDS


def _number(default: float, low: float, high: float) -> Any:
    return field(default=default, metadata={"low": low, "high": high})


def _table(default: dict[str, Any], **each: Any) -> Any:
    return field(default_factory=default.copy, metadata={"values": each})


def _words(*default: str, **each: Any) -> Any:
    return field(default=default, metadata={"items": each})


def _one_of(default: str, *choices: str) -> Any:
    return field(default=default, metadata={"choices": choices})


OLED_DEVICES = (
    *("ssd1306", "ssd1309", "sh1106", "ssd1331", "ssd1351", "st7735", "st7789", "ili9341"),
    *("dummy", "dummy-colour"),
)
_TOPIC = "([A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*)?"  # an MQTT topic, or none


@dataclass(frozen=True)
class RunSettings:
    """[run]: what `fer-edge run` does with the readings."""

    sinks: tuple[str, ...] = field(default=("log", "console"), metadata={"each": tuple(SINKS)})
    # where readings go: see edge/fer_edge/sinks/README.md


@dataclass(frozen=True)
class SourceSettings:
    """[source]: where pictures come from."""

    name: str = "auto"
    # auto, picamera, camera:N, demo, a path, or a URL (rtsp, http, https)
    width: int = _number(640, 64, 4096)
    # pixels asked of a camera
    height: int = _number(480, 64, 4096)
    # pixels asked of a camera
    fps: float = _number(0.0, 0, 240)
    # frames a second at most; 0: as many as come
    idle_fps: float = _number(5.0, 0, 240)
    # the same for cameras and streams once nobody was there for `idle_seconds`, to save power; 0: no fewer than else
    idle_seconds: float = _number(10.0, 0, 86400)
    # how long the last face must be gone for that
    hot_celsius: float = _number(75.0, 0, 120)
    # from this temperature of the processor on, fewer frames, before it slows itself down (a Pi: at 80); 0: never
    timeout_seconds: float = _number(4.0, 0.1, 60)
    # a camera or stream that gives nothing for so long is lost
    blind_seconds: float = _number(4.0, 0, 3600)
    # so is a camera whose pictures are all black, of one shade, or the same to the last bit for so long; 0: never
    give_up_seconds: float = _number(300.0, 0, 86400)
    # one that is lost and opened again in vain for so long ends the program, for its service to start it anew; 0: never


@dataclass(frozen=True)
class DetectorSettings:
    """[detector]: how faces are found."""

    name: str = _one_of("haar", *DETECTORS)
    # haar: OpenCV's cascade; yunet: cv2.FaceDetectorYN with the file in `model`
    model: str = ""
    # path of YuNet's .onnx file
    width: int = _number(320, 64, 4096)
    # pixels: a video's or camera's frame is shrunk to this width before it is searched
    picture_width: int = _number(960, 64, 4096)
    # pixels: the same for single pictures, where there is time for small faces
    min_face: float = _number(0.1, 0.01, 1)
    # smallest face looked for, as a share of the frame's shorter side
    max_faces: int = _number(8, 1, 100)
    # faces at once; more cost more
    scale_step: float = _number(1.1, 1.01, 2)
    # haar: ratio of one searched face size to the next
    score: float = _number(0.75, 0.01, 1)
    # how sure a new face must be; more finds fewer faces and fewer false ones
    keep_score: float = _number(0.6, 0.3, 1)
    # yunet: how sure a face must stay that is followed already; to haar a hit is a hit
    search_seconds: float = _number(0.3, 0, 3600)
    # videos and cameras: shortest time between searches of the whole frame, made where something moves
    rest_seconds: float = _number(2.0, 0, 3600)
    # longest time between them, where nothing moves
    look_seconds: float = _number(0.5, 0, 60)
    # time between close looks at a face that is followed
    patience_seconds: float = _number(1.2, 0, 60)
    # a face is followed for so long without a close look that sees it
    threads: int = _number(0, 0, 64)
    # OpenCV's; 0: as many as there are cores


@dataclass(frozen=True)
class TrackerSettings:
    """[tracker]: how faces keep their identity."""

    hits: int = _number(1, 1, 100)
    # frames in a row that show a face before it counts (videos and cameras; a single picture needs one)
    hold_seconds: float = _number(0.6, 0, 60)
    # a face not found for so long is gone; until then it keeps its identity


@dataclass(frozen=True)
class ClassifierSettings:
    """[classifier]: how expressions are read."""

    name: str = _one_of("tflite", *CLASSIFIERS)
    # tflite: a .tflite model; fake: brightness, for trying outputs
    model: str = "mini_xception"
    # name from `fer-edge models`, or the path of a .tflite file with its card beside it
    variant: str = _one_of("auto", "auto", "float32", "float16", "dynamic", "int8")
    # auto: what the cards say is fastest with this runtime on this processor
    runtime: str = _one_of("auto", "auto", "ai-edge-litert", "tflite-runtime", "tensorflow")
    # auto: the first of these that is installed
    threads: int = _number(1, 1, 64)
    # of the interpreter


@dataclass(frozen=True)
class SmootherSettings:
    """[smoother]: how labels are steadied (single pictures are not)."""

    seconds: float = _number(0.5, 0, 60)
    # time constant of the running average of the probabilities; 0: none
    margin: float = _number(0.12, 0, 1)
    # another emotion takes over when it leads by so much probability
    hold_seconds: float = _number(0.5, 0, 60)
    # shortest time that an emotion is shown
    certain: float = _number(0.25, 0, 1)
    # steadied probability below which a face shows `uncertain`; `margin` above it, its emotion again. 0: never


@dataclass(frozen=True)
class LogSettings:
    """[log]: the record of what was read, one JSON object a line."""

    path: str = "fer-edge.jsonl"
    # appended to, never overwritten
    mode: str = _one_of("changes", "changes", "frames")
    # changes: a line when something changes, and a heartbeat; frames: a line for each frame
    heartbeat_seconds: float = _number(60.0, 1, 86400)
    # mode changes: longest time without a line
    flush_seconds: float = _number(5.0, 0, 3600)
    # how much a power cut may lose; 0: every line is on the disk before the next frame
    store: str = _one_of("disk", "disk", "memory")
    # memory: nothing is written, and the last lines are kept while the program runs; spares an SD card
    memory_lines: int = _number(10_000, 1, 1_000_000)
    # store memory: lines kept, some 400 bytes each
    rotate_megabytes: float = _number(10.0, 0, 1_000_000)
    # 10^6 bytes: a file is put aside before it grows over this; 0: never for its size
    rotate_hours: float = _number(24.0, 0, 87_600)
    # a file is put aside when it is so old; 0: never for its age
    keep_megabytes: float = _number(200.0, 0, 10_000_000)
    # 10^6 bytes of all files together, the oldest deleted first, by rotation at half of it at the latest; 0: no limit
    keep_days: float = _number(30.0, 0, 36_500)
    # a file put aside is deleted when its last line is so old; 0: never. Needs rotation, and a clock
    warn_disk: float = _number(0.9, 0, 1)
    # share of the disk in use at which a warning is given; 0: never


@dataclass(frozen=True)
class LedSettings:
    """[led]: lights that show the emotion, and a pause button. Pins have the numbers of their GPIO: 17 is GPIO17."""

    chip: str = _one_of("gpio", "gpio", "mock")
    # gpio: the Raspberry Pi's pins; mock: gpiozero's, to try it without
    pins: Mapping[str, int] = _table({"red": 17, "green": 27, "blue": 22}, low=0, high=27)
    # the legs of an RGB LED; or one LED an emotion, as in {happy = 5, sad = 6}
    active_high: bool = True
    # false: LEDs with a common anode, which a low pin lights
    brightness: float = _number(1.0, 0.01, 1)
    # share of the full light
    follow: bool = True
    # the light is as bright as the emotion is sure; false: always full, so that colour-blind people tell more apart
    colours: Mapping[str, str] = _table({}, pattern="#[0-9A-Fa-f]{6}", example="#F0E442")
    # over edge/fer_edge/drawing/palette.py's, as in {happy = "#F0E442"}
    button: int = _number(-1, -1, 27)
    # pin of a button to ground that pauses and resumes; -1: none
    hold_seconds: float = _number(0.5, 0, 10)
    # how long it must be held


@dataclass(frozen=True)
class MqttSettings:
    """[mqtt]: readings for Home Assistant and others, by a broker."""

    host: str = "localhost"
    # the broker's name or address
    port: int = _number(0, 0, 65535)
    # 0: 1883, or 8883 with tls
    tls: bool = False
    # talk to it encrypted; its certificate must be valid for `host`
    ca_file: str = ""
    # PEM file of the authority that signed the broker's certificate; empty: those that the system trusts
    cert_file: str = ""
    # PEM file with this device's own certificate, for a broker that asks for one
    key_file: str = ""
    # PEM file with its key
    credentials_file: str = ""
    # file with the user's name in its first line and the password in its second; empty: none
    device: str = field(default="", metadata={"pattern": "[A-Za-z0-9_-]{0,64}", "example": "hall-2"})
    # name in the topics, fer-edge/DEVICE/...; empty: made from the Pi's serial number, so it stays and no other has it
    heartbeat_seconds: float = _number(60.0, 1, 86400)
    # longest time without a message while the camera runs
    confidence_step: float = _number(0.2, 0, 1)
    # a change of confidence by so much is sent too, once a second at most; 0: never
    discovery_prefix: str = field(default="homeassistant", metadata={"pattern": _TOPIC, "example": "homeassistant"})
    # Home Assistant's; empty: do not tell it of this device
    queue: str = "fer-edge-mqtt.db"
    # file where messages wait while the broker is away
    queue_messages: int = _number(50_000, 1, 10_000_000)
    # so many wait at most, some 300 bytes each; the oldest are dropped first
    flush_seconds: float = _number(5.0, 0, 3600)
    # a message that the broker did not take for so long goes to the disk; a power cut may lose so much
    keepalive_seconds: int = _number(60, 10, 3600)
    # the broker calls a silent device offline after one and a half times as long
    spread_seconds: float = _number(2.0, 0, 3600)
    # a lost connection is opened again after a random time up to this more, so that a fleet does not come all at once
    client: str = _one_of("paho", "paho", "fake")
    # paho: a real connection; fake: a broker in memory, to try it without


@dataclass(frozen=True)
class CsvSettings:
    """[csv]: a table for spreadsheets, beside the log."""

    path: str = "fer-edge.csv"
    # appended to, never overwritten
    mode: str = _one_of("changes", "changes", "frames")
    # changes: a row when a face comes, changes or goes; frames: a row for each face in each frame
    flush_seconds: float = _number(5.0, 0, 3600)
    # how much a power cut may lose; 0: every row is on the disk before the next frame


@dataclass(frozen=True)
class HookSettings:
    """[hook]: a program of yours that is run for each event, with the event as JSON on its standard input."""

    command: tuple[str, ...] = _words()
    # the program and its arguments, as in ["/home/pi/greet.sh", "--loud"]; never a shell
    on: tuple[str, ...] = field(default=EVENT_KINDS, metadata={"each": EVENT_KINDS})
    # events that count: came, changed, gone
    timeout_seconds: float = _number(10.0, 0.1, 600)
    # it is ended after so long
    queue: int = _number(20, 1, 10_000)
    # events that wait for their turn at most; the oldest go first


@dataclass(frozen=True)
class WebhookSettings:
    """[webhook]: an address that each event is posted to, as JSON."""

    url: str = ""
    # http or https
    headers: Mapping[str, str] = _table({}, pattern=r"[\x20-\x7e]*", example="Bearer 1234")
    # sent along, as in {Authorization = "Bearer 1234"}
    ca_file: str = ""
    # PEM file of the authority to trust instead of the system's, for a server of your own
    on: tuple[str, ...] = field(default=EVENT_KINDS, metadata={"each": EVENT_KINDS})
    # events that count: came, changed, gone
    timeout_seconds: float = _number(10.0, 0.1, 600)
    # a post without an answer for so long has failed
    queue: int = _number(100, 1, 10_000)
    # events that wait at most, while the server is away or slow; the oldest go first


@dataclass(frozen=True)
class KioskSettings:
    """[kiosk]: a page for the room's screen, a history and an API."""

    address: str = "127.0.0.1"
    # listened on; any but this device's own (127.0.0.1, ::1) needs `token_file`, or `insecure`
    port: int = _number(8600, 0, 65535)
    # 0: any that is free
    token_file: str = ""
    # file whose first line every program and browser must know to look: openssl rand -hex 16
    insecure: bool = False
    # true: everybody in the network may look, and pause
    hosts: str = ""
    # names that lead to this device, besides its addresses and its own name, with blanks between
    language: str = "en"
    # en, de, or the path of a TOML file with the words of edge/fer_edge/sinks/kiosk/translations/en.toml
    live: bool = False
    # true: /live shows the camera's picture
    viewers: int = _number(250, 1, 10_000)
    # pages open at once, at most
    rate: float = _number(20.0, 0.1, 1_000_000)
    # requests a second from one address, at most; three times as many at once
    picture_megabytes: float = _number(10.0, 0.001, 100)
    # 10^6 bytes of a picture sent to /api/v1/detect, at most
    picture_megapixels: float = _number(16.0, 0.01, 100)
    # its pixels at most, some 7 bytes each while it is read


@dataclass(frozen=True)
class OledSettings:
    """[oled]: a small display, driven by luma."""

    device: str = _one_of("ssd1306", *OLED_DEVICES)
    # its chip; dummy: in memory, to try it without, with two colours; dummy-colour: with all
    width: int = _number(0, 0, 480)
    # pixels; 0: what is usual for the chip
    height: int = _number(0, 0, 480)
    # pixels; 0: what is usual for the chip
    rotate: int = _number(0, 0, 3)
    # quarter turns clockwise
    interface: str = _one_of("i2c", "i2c", "spi")
    # how it is wired
    i2c_port: int = _number(1, 0, 100)
    # number of the bus: 1 is /dev/i2c-1, pins 3 and 5
    i2c_address: int = _number(0x3C, 0x03, 0x77)
    # most have 0x3C, some 0x3D
    spi_port: int = _number(0, 0, 10)
    # number of the bus
    spi_device: int = _number(0, 0, 2)
    # its chip select
    gpio_dc: int = _number(24, 0, 27)
    # spi: GPIO of the data/command line
    gpio_reset: int = _number(25, 0, 27)
    # spi: GPIO of the reset line
    gpio_light: int = _number(18, 0, 27)
    # LCDs: GPIO of the light behind them
    brightness: float = _number(0.5, 0, 1)
    # share of the full contrast; less makes an OLED last longer
    off_seconds: float = _number(60.0, 0, 86400)
    # dark when nobody was there for so long; 0: never
    small_signs: bool = True
    # a pause or a lost camera is a small sign; false: a large one, which burns in where it lasts
    font: str = ""
    # path of a TrueType file, for labels in other than Latin letters; empty: Pillow's own


@dataclass(frozen=True)
class Settings:
    """All of them."""

    run: RunSettings = field(default_factory=RunSettings)
    source: SourceSettings = field(default_factory=SourceSettings)
    detector: DetectorSettings = field(default_factory=DetectorSettings)
    tracker: TrackerSettings = field(default_factory=TrackerSettings)
    classifier: ClassifierSettings = field(default_factory=ClassifierSettings)
    smoother: SmootherSettings = field(default_factory=SmootherSettings)
    log: LogSettings = field(default_factory=LogSettings)
    csv: CsvSettings = field(default_factory=CsvSettings)
    led: LedSettings = field(default_factory=LedSettings)
    kiosk: KioskSettings = field(default_factory=KioskSettings)
    hook: HookSettings = field(default_factory=HookSettings)
    webhook: WebhookSettings = field(default_factory=WebhookSettings)
    mqtt: MqttSettings = field(default_factory=MqttSettings)
    oled: OledSettings = field(default_factory=OledSettings)


def load(path: Path) -> Settings:
    """Read a settings file. Raises SettingsError."""
    try:
        text = path.read_text(encoding="utf-8-sig")  # Windows' editors begin a file with a mark
    except (OSError, UnicodeDecodeError) as cause:
        reason = cause.strerror if isinstance(cause, OSError) else "not UTF-8 text"
        raise SettingsError(f"settings {path}: {reason}; give a TOML file with --config") from None
    try:
        return parse(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, RecursionError) as cause:
        raise SettingsError(f"settings {path}: not TOML ({cause}); mend that line") from None
    except SettingsError as cause:
        raise SettingsError(f"settings {path}: {cause}") from None


def parse(tables: Mapping[str, Any], base: Settings | None = None) -> Settings:
    """`base` (the defaults) with the values in `tables`: {"log": {"mode": "frames"}}. Raises SettingsError."""
    base = Settings() if base is None else base
    parts: dict[str, Any] = {}
    names = [part.name for part in dataclasses.fields(Settings)]
    for name, table in tables.items():
        if name not in names:
            raise SettingsError(f"{name} = {table!r}: unknown; allowed are the tables {', '.join(names)}")
        if not isinstance(table, Mapping):
            raise SettingsError(f"{name} = {table!r}: not a table; write [{name}] and its keys below it")
        part = getattr(base, name)
        types = get_type_hints(type(part))
        known = {entry.name: entry for entry in dataclasses.fields(part)}
        for key, value in table.items():
            if key not in known:
                raise SettingsError(f"{name}.{key} = {value!r}: unknown key; allowed are {', '.join(known)}")
            part = dataclasses.replace(part, **{key: _checked(f"{name}.{key}", value, types[key], known[key].metadata)})
        parts[name] = part
    return dataclasses.replace(base, **parts)


def override(settings: Settings, assignment: str) -> Settings:
    """`settings` with one "part.key=value" applied, the value as in TOML or a bare string. Raises SettingsError."""
    name, separator, value = assignment.partition("=")
    part, dot, key = name.strip().partition(".")
    if not separator or not dot:
        raise SettingsError(f"--set {assignment!r}: write it as part.key=value, e.g. log.mode=frames")
    try:
        typed = tomllib.loads(f"value = {value}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError):
        typed = value.strip()
    return parse({part: {key: typed}}, settings)


def _checked(key: str, value: Any, kind: Any, allowed: Mapping[str, Any]) -> Any:
    if "each" in allowed:
        if type(value) not in (list, tuple) or not all(entry in allowed["each"] for entry in value):
            raise SettingsError(f"{key} = {value!r}: must be a list with some of {', '.join(allowed['each'])}")
        return tuple(dict.fromkeys(value))
    if "items" in allowed:
        if type(value) not in (list, tuple):
            raise SettingsError(f'{key} = {value!r}: must be a list, as in ["one", "two"]')
        part = get_args(kind)[0]
        return tuple(_checked(f"{key}[{place}]", entry, part, allowed["items"]) for place, entry in enumerate(value))
    if "values" in allowed:
        if not isinstance(value, Mapping):
            raise SettingsError(f"{key} = {value!r}: must be a table, as in {{happy = ...}}")
        part = get_args(kind)[1]
        return {name: _checked(f"{key}.{name}", entry, part, allowed["values"]) for name, entry in value.items()}
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:  # not isinstance: True is an int
        raise SettingsError(f"{key} = {value!r}: must be {_KINDS[kind]}, not {type(value).__name__}")
    if kind is str and "\0" in value:
        raise SettingsError(f"{key} = {value!r}: must be text without a zero character")
    if "choices" in allowed and value not in allowed["choices"]:
        raise SettingsError(f"{key} = {value!r}: must be one of {', '.join(allowed['choices'])}")
    if "pattern" in allowed and not re.fullmatch(allowed["pattern"], value):
        raise SettingsError(f"{key} = {value!r}: must look like {allowed['example']}")
    if "low" in allowed and not allowed["low"] <= value <= allowed["high"]:  # NaN fails this too
        raise SettingsError(f"{key} = {value!r}: must be from {allowed['low']} to {allowed['high']}")
    return value


_KINDS = {int: "a whole number", float: "a number", str: "text in quotes", bool: "true or false"}
