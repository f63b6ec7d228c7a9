"""Every setting with its default, unit and range, and the strict reader of `fer-edge.toml`.

A settings file has a table for each part, e.g. `[log]` with `mode = "frames"`. An unknown table or key, a wrong type or
a value out of range is refused; the error names the key, the value and what is allowed.

The comment below each field says what it is and its unit; `_number(default, lowest, highest)` has its range.
"""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_type_hints

from fer_edge.classifiers import CLASSIFIERS
from fer_edge.detectors import AUTO, DETECTORS
from fer_edge.errors import SettingsError
from fer_edge.settings_checks import checked, named, told
from fer_edge.sinks import SINKS
from fer_edge.suggest import did_you_mean
from fer_edge.types import EVENT_KINDS, Area


def _number(default: float, low: float, high: float, unset: float | None = None) -> Any:
    """From `low` to `high`; `unset`, outside of them, stands for no value."""
    return field(default=default, metadata={"low": low, "high": high, "unset": unset})


def _table(default: dict[str, Any], **each: Any) -> Any:
    return field(default_factory=default.copy, metadata={"values": each})


def _strings(*default: str, **each: Any) -> Any:
    return field(default=default, metadata={"items": each})


def _areas(most: int) -> Any:
    """At most `most` areas of the frame, by default none."""
    return field(default=(), metadata={"areas": most})


def _one_of(default: str, *choices: str) -> Any:
    return field(default=default, metadata={"choices": choices})


OLED_DEVICES = (
    *("ssd1306", "ssd1309", "sh1106", "ssd1331", "ssd1351", "st7735", "st7789", "ili9341"),
    *("dummy", "dummy-colour"),
)
RTSP_TRANSPORTS = ("tcp", "udp", "udp_multicast", "http")  # as FFmpeg calls them
MAX_FILE_CHARACTERS = 1_000_000  # of a settings file
UNSET = -1.0  # no value
PRIOR_AS_CONVERTED = UNSET  # classifier.prior
_HTTP = "https://example.org/help"
_TOPIC = "([A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*)?"  # an MQTT topic, or empty
# A path of no own page, in segments that neither begin with a dot nor need an escape.
_OWN_ROOTS = "api|static|history|live|try|status|settings|login|logout|metrics|healthz"
_PREFIX = rf"((?!/({_OWN_ROOTS})\b)(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+)?"


@dataclass(frozen=True)
class RunSettings:
    """[run]: what `fer-edge run` does with the predictions."""

    sinks: tuple[str, ...] = field(default=("log", "console"), metadata={"each": tuple(SINKS)})
    # the outputs, see docs/outputs
    pause_minutes: float = _number(0.0, 0, 10_000)
    # after which a pause ends by itself; 0: it lasts until somebody ends it


@dataclass(frozen=True)
class SourceSettings:
    """[source]: where pictures come from."""

    name: str = "auto"
    # auto, picamera, camera:N, demo, tour (a minute of invented readings), a path, or a URL (rtsp, http, https)
    label: str = field(default="", metadata={"name": True})
    # what a camera, a stream or a video is called in the log and in messages; empty: a URL's scheme and host, or `name`
    width: int = _number(640, 64, 4096)
    # pixels, requested from a camera
    height: int = _number(480, 64, 4096)
    # pixels, requested from a camera
    max_megapixels: float = _number(9.0, 0.01, 100)
    # 10^6 pixels: largest frame of a camera, 8 bytes of memory each, of a stream by FFmpeg 28; a larger one is refused
    fps: float = _number(0.0, 0, 240)
    # maximum frames a second; 0: no limit
    rotate: int = field(default=0, metadata={"values_of": (0, 90, 180, 270)})
    # degrees clockwise by which the pictures of a camera, stream or file are turned, as the camera is mounted
    flip: bool = False
    # true: they are mirrored, left to right, after that
    zone: Area | tuple[()] = field(default=(), metadata={"area": True})
    # the part of the frame, turned and mirrored, in which faces are looked for: [x, y, width, height], shares of the
    # frame from its top left, 0 to 1; []: everywhere. detector.width is its width, so small faces are found in it
    controls: Mapping[str, Any] = field(default_factory=dict, metadata={"free": True})
    # of a Raspberry Pi camera, by libcamera's names, as in {ExposureValue = 0.5, AwbMode = "Indoor"}; AfMode is
    # "Continuous" unless it is given. One that it does not have is refused with a list of those that it has
    tuning_file: str = ""
    # of a Raspberry Pi camera, as in imx708_noir.json; empty: the sensor's own
    v4l2: Mapping[str, Any] = field(default_factory=dict, metadata={"free": True})
    # controls of a USB camera, as in {power_line_frequency = "50 Hz", auto_exposure = 1, exposure_time_absolute = 150};
    # what a camera has: `fer-edge cameras --controls`
    idle_fps: float = _number(5.0, 0, 240)
    # maximum frames a second of a camera or stream after `idle_seconds` without a face, to save power; 0: as `fps`
    idle_seconds: float = _number(10.0, 0, 86400)
    # seconds without a face, after which `idle_fps` applies
    hot_celsius: float = _number(75.0, 0, 120)
    # processor temperature, degrees Celsius, from which the frame rate is lowered (a Pi throttles at 80); 0: never
    rtsp_transport: str = _one_of(RTSP_TRANSPORTS[0], *RTSP_TRANSPORTS)
    # how the pictures of an RTSP stream come; udp has less delay, and damaged pictures where packets are lost
    timeout_seconds: float = _number(4.0, 0.1, 60)
    # seconds without a frame, after which a camera or stream is lost
    blind_seconds: float = _number(4.0, 0, 3600)
    # seconds of pictures that are all black, of one shade or identical, after which a camera is lost; 0: never
    give_up_seconds: float = _number(300.0, 0, 86400)
    # seconds for which a lost one is opened again, before the program ends so that its service restarts it, twelve
    # times as long if its pictures are black or of one shade, as at night; 0: for ever


@dataclass(frozen=True)
class DetectorSettings:
    """[detector]: how faces are found, see docs/detectors.md."""

    name: str = _one_of(AUTO, AUTO, *DETECTORS)
    # auto: the best one that is installed and works, see `fer-edge detectors`; haar: OpenCV's cascades; blazeface,
    # yunet: the network that `fer-edge detectors install` installed; fake: one face in the middle; tour: the tour's
    model: str = ""
    # blazeface, yunet: path of another file, .tflite or .onnx; auto: blazeface for the one, yunet for the other; empty:
    # the installed one
    width: int = _number(320, 64, 4096)
    # pixels: frames of videos and cameras are shrunk to this width before they are searched, if they are 4:3; those of
    # another shape until their shorter side is as long as that of such a frame
    picture_width: int = _number(960, 64, 4096)
    # pixels: the same for single pictures, where there is time to find small faces
    min_face: float = _number(UNSET, 0.01, 1, unset=UNSET)
    # smallest face to search for, as a share of the frame's shorter side; -1: 0.1, and 0.04 in single pictures
    max_faces: int = _number(int(UNSET), 1, 100, unset=UNSET)
    # most faces in one frame, the largest; more take more time; -1: 8, and 100 in single pictures
    ignore: tuple[Area, ...] = _areas(32)
    # areas in which nothing is looked for, such as a poster or a television: a list of [x, y, width, height], shares of
    # the frame from its top left, 0 to 1; 32 at most. No face is read whose middle lies in one
    scale_step: float = _number(1.1, 1.01, 2)
    # haar: ratio of one searched face size to the next
    score: float = _number(0.75, 0.01, 1)
    # minimum score of a new face; a higher one gives fewer false positives and a lower recall
    keep_score: float = _number(0.6, 0.3, 1)
    # minimum score of a face that is followed
    search_seconds: float = _number(0.24, 0, 3600)
    # videos and cameras: shortest time between searches of the whole frame, used while something moves
    rest_seconds: float = _number(2.0, 0, 3600)
    # longest time between searches, used while nothing moves
    look_seconds: float = _number(0.1, 0, 60)
    # seconds between checks of a face that is followed
    patience_seconds: float = _number(0.0, 0, 60)
    # seconds for which a face is followed although no check finds it
    threads: int = _number(0, 0, 64)
    # of OpenCV; 0: one for each core


@dataclass(frozen=True)
class TrackerSettings:
    """[tracker]: how faces keep their ids."""

    hits: int = _number(1, 1, 100)
    # frames in a row in which a face must be found before it counts (videos and cameras; a single picture needs one)
    hold_seconds: float = _number(0.6, 0, 60)
    # seconds without being found, after which a face is gone; until then it keeps its id


@dataclass(frozen=True)
class ClassifierSettings:
    """[classifier]: how emotions are predicted."""

    name: str = _one_of("tflite", *CLASSIFIERS)
    # tflite: a .tflite model; fake: by brightness, to try outputs
    model: str = "mini_xception"
    # a name from `fer-edge models`, or the path of a .tflite file with its card beside it
    variant: str = _one_of("auto", "auto", "float32", "float16", "dynamic", "int8")
    # auto: the fastest with this runtime on this processor, by the cards
    runtime: str = _one_of("auto", "auto", "ai-edge-litert", "tflite-runtime", "tensorflow", "opencv")
    # the TFLite interpreter; auto: the first of these that is installed; opencv: float models alone
    threads: int = _number(1, 1, 64)
    # of the interpreter; with opencv, detector.threads are
    prior: float = _number(PRIOR_AS_CONVERTED, 0, 1, unset=PRIOR_AS_CONVERTED)
    # how far frequent emotions stay ahead: 0, as if all were equally frequent, to 1, as frequent as where the model
    # learned them; -1: as the model was converted


@dataclass(frozen=True)
class SmootherSettings:
    """[smoother]: how labels are smoothed over time, and which are shown; for single pictures only `certain` counts."""

    seconds: float = _number(0.5, 0, 60)
    # time constant of the running average of the probabilities; 0: no averaging
    margin: float = _number(0.12, 0, 1)
    # probability by which another emotion must lead to be shown
    hold_seconds: float = _number(0.5, 0, 60)
    # shortest time for which an emotion is shown
    certain: float = _number(UNSET, 0, 1, unset=UNSET)
    # averaged probability below which a face shows `uncertain`, until it is `margin` above it; 0: never; -1: 0.25, and
    # 0.44 in single pictures


@dataclass(frozen=True)
class LogSettings:
    """[log]: the log of faces and emotions, one JSON object a line."""

    path: str = "fer-edge.jsonl"
    # appended to, never overwritten
    mode: str = _one_of("changes", "changes", "frames")
    # changes: a line for each change, and a heartbeat; frames: a line for each frame
    heartbeat_seconds: float = _number(60.0, 1, 86400)
    # mode changes: longest time without a line
    flush_seconds: float = _number(5.0, 0, 3600)
    # seconds of lines that a power cut may lose; 0: every line is on the disk before the next frame
    store: str = _one_of("disk", "disk", "memory")
    # memory: nothing is written to the disk, which spares an SD card; the last lines are kept while the program runs
    memory_lines: int = _number(10_000, 1, 1_000_000)
    # store memory: lines that are kept, about 400 bytes each
    rotate_megabytes: float = _number(10.0, 0, 1_000_000)
    # 10^6 bytes: size at which a new file is started; 0: no limit
    rotate_hours: float = _number(24.0, 0, 87_600)
    # age of a file at which a new one is started; 0: no limit
    keep_megabytes: float = _number(200.0, 0, 10_000_000)
    # 10^6 bytes of all files together; the oldest are deleted first, and files rotate at half of it; 0: no limit
    keep_days: float = _number(30.0, 0, 36_500)
    # age of its last line at which a rotated file is deleted; 0: never. Needs rotation and a clock that is set
    warn_disk: float = _number(0.9, 0, 1)
    # share of the disk in use from which a warning is logged; 0: never


@dataclass(frozen=True)
class LedSettings:
    """[led]: LEDs that show the emotion, and a pause button. Pins have GPIO numbers: 17 is GPIO17."""

    chip: str = _one_of("gpio", "gpio", "mock")
    # gpio: the Raspberry Pi's pins; mock: gpiozero's simulated pins, to try it without hardware
    pins: Mapping[str, int] = _table({"red": 17, "green": 27, "blue": 22}, low=0, high=27)
    # the pins of an RGB LED; or one LED for each emotion, as in {happy = 5, sad = 6}
    active_high: bool = True
    # false: LEDs with a common anode, which are on when the pin is low
    brightness: float = _number(1.0, 0.01, 1)
    # share of the full brightness
    follow: bool = True
    # the brightness shows the confidence; false: always full, which colour-blind people distinguish better
    colours: Mapping[str, str] = _table({}, pattern="#[0-9A-Fa-f]{6}", example="#F0E442")
    # override those of edge/fer_edge/drawing/palette.py, as in {happy = "#F0E442"}
    button: int = _number(-1, -1, 27)
    # pin of a button to ground that pauses and resumes; -1: none
    hold_seconds: float = _number(0.5, 0, 10)
    # how long it must be held


@dataclass(frozen=True)
class MqttSettings:
    """[mqtt]: events for Home Assistant and others, through a broker."""

    host: str = field(default="localhost", metadata={"pattern": r"[^\s/@#?]*", "example": "broker.local, a name alone"})
    # the broker's name or address
    port: int = _number(0, 0, 65535)
    # 0: 1883, or 8883 with tls
    tls: bool = False
    # encrypt the connection; the broker's certificate must be valid for `host`
    ca_file: str = ""
    # PEM file of the authority that signed the broker's certificate; empty: those that the system trusts
    cert_file: str = ""
    # PEM file with this device's own certificate, for a broker that requires one
    key_file: str = ""
    # PEM file with its key
    credentials_file: str = ""
    # file with the user name in its first line and the password in its second; empty: no login
    device: str = field(default="", metadata={"pattern": "[A-Za-z0-9_-]{0,64}", "example": "hall-2"})
    # name in the topics, fer-edge/DEVICE/..., and in Home Assistant; empty: from the Pi's serial number, which is
    # unique and does not change, and there the machine's name
    area: str = field(default="", metadata={"name": True})
    # room that Home Assistant suggests for the device, such as Hall
    support_url: str = field(default="", metadata={"pattern": r"(https?://[^\s/@#?]+(/[^\s]*)?)?", "example": _HTTP})
    # page that Home Assistant's page of the device links to for help
    heartbeat_seconds: float = _number(60.0, 1, 86400)
    # longest time without a message, and between two of how the device is (those at least 10)
    confidence_step: float = _number(0.2, 0, 1)
    # a change of the confidence by this much is sent too, once a second at most; 0: never
    discovery_prefix: str = field(default="homeassistant", metadata={"pattern": _TOPIC, "example": "homeassistant"})
    # of Home Assistant's MQTT discovery; empty: no discovery
    queue: str = "fer-edge-mqtt.db"
    # file in which messages wait while the broker cannot be reached
    queue_messages: int = _number(50_000, 1, 10_000_000)
    # most messages that wait, about 300 bytes each; the oldest are dropped first
    flush_seconds: float = _number(5.0, 0, 3600)
    # seconds after which an unsent message is written to the disk; a power cut may lose as much
    keepalive_seconds: int = _number(60, 10, 3600)
    # the broker reports a silent device offline after one and a half times as long
    spread_seconds: float = _number(2.0, 0, 3600)
    # largest random delay added before a reconnect, so that the devices of a fleet do not all connect together
    client: str = _one_of("paho", "paho", "fake")
    # paho: a real connection; fake: a simulated broker in memory


@dataclass(frozen=True)
class CsvSettings:
    """[csv]: a table for spreadsheets, beside the log."""

    path: str = "fer-edge.csv"
    # appended to, never overwritten
    mode: str = _one_of("changes", "changes", "frames")
    # changes: a row when a face comes, changes or goes; frames: a row for each face in each frame
    flush_seconds: float = _number(5.0, 0, 3600)
    # seconds of rows that a power cut may lose; 0: every row is on the disk before the next frame


@dataclass(frozen=True)
class HookSettings:
    """[hook]: your own program, run for each event with the event as JSON on its standard input."""

    command: tuple[str, ...] = _strings()
    # the program and its arguments, as in ["/home/pi/greet.sh", "--loud"]; never a shell
    on: tuple[str, ...] = field(default=EVENT_KINDS, metadata={"each": EVENT_KINDS})
    # events that count: came, changed, gone
    timeout_seconds: float = _number(10.0, 0.1, 600)
    # the program is killed after this time
    queue: int = _number(20, 1, 10_000)
    # most events that wait; the oldest are dropped first


@dataclass(frozen=True)
class WebhookSettings:
    """[webhook]: a URL to which each event is posted, as JSON."""

    url: str = ""
    # http or https
    headers: Mapping[str, str] = _table({}, pattern=r"[\x20-\x7e]*", example="Bearer 1234")
    # sent with each request, as in {Authorization = "Bearer 1234"}
    ca_file: str = ""
    # PEM file of the authority to trust instead of the system's, for your own server
    on: tuple[str, ...] = field(default=EVENT_KINDS, metadata={"each": EVENT_KINDS})
    # events that count: came, changed, gone
    timeout_seconds: float = _number(10.0, 0.1, 600)
    # a request without a response for this time has failed
    queue: int = _number(100, 1, 10_000)
    # most events that wait while the server is slow or cannot be reached; the oldest are dropped first


@dataclass(frozen=True)
class KioskSettings:
    """[kiosk]: a web page for a screen in the room, a history and an API."""

    address: str = "127.0.0.1"
    # to listen on; any other than this device's own (127.0.0.1, ::1) needs `token_file` or `insecure`
    port: int = _number(8600, 0, 65535)
    # 0: any free port
    token_file: str = ""
    # file with the token in its first line that every program and browser must give; make one: openssl rand -hex 16
    insecure: bool = False
    # true: everyone in the network may see the pages, and pause
    hosts: str = ""
    # further host names of this device, besides its addresses and its own name, separated by spaces
    frame_ancestors: str = field(
        default="",
        metadata={
            "pattern": r"(https?://[A-Za-z0-9.:\[\]-]+( https?://[A-Za-z0-9.:\[\]-]+)*)?",
            "example": "http://homeassistant.local:8123",
        },
    )
    # origins whose pages may show these in a frame, such as a dashboard's, separated by spaces; empty: none
    path: str = field(default="", metadata={"pattern": _PREFIX, "example": "/faces"})
    # where a proxy has the pages, as https://home.example/faces/ has them at /faces; empty: at the top
    language: str = "en"
    # en, de, and, translated by machine, es, fr, it, ja, nl, pl, pt, tr; or the path of a TOML file with the texts of
    # edge/fer_edge/sinks/kiosk/translations/en.toml
    live: bool = False
    # true: /live shows the camera's picture
    dim_seconds: float = _number(120.0, 0, 86400)
    # seconds without a face or a touch, after which the room's page is dimmed; less so from 22 to 6 o'clock; 0: never
    viewers: int = _number(250, 1, 10_000)
    # most pages open at the same time
    rate: float = _number(20.0, 0.1, 1_000_000)
    # most requests a second from one address; short bursts may have three times as many
    picture_megabytes: float = _number(10.0, 0.001, 100)
    # 10^6 bytes: largest picture accepted by /api/v1/detect
    picture_megapixels: float = _number(6.0, 0.01, 100)
    # 10^6 pixels: largest picture, about 9 bytes of memory each; a plain JPEG may have four times as many, and is
    # reduced; a WebP a quarter


@dataclass(frozen=True)
class OledSettings:
    """[oled]: a small display, driven by luma."""

    device: str = _one_of("ssd1306", *OLED_DEVICES)
    # its chip; dummy: simulated in memory, with two colours; dummy-colour: with all
    picture: str = ""
    # dummy: path of a PNG into which what is shown is drawn; empty: none
    width: int = _number(0, 0, 480)
    # pixels; 0: the usual width for the chip
    height: int = _number(0, 0, 480)
    # pixels; 0: the usual height for the chip
    rotate: int = _number(0, 0, 3)
    # quarter turns clockwise
    interface: str = _one_of("i2c", "i2c", "spi")
    # the bus it is wired to
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
    # LCDs: GPIO of the backlight
    brightness: float = _number(0.5, 0, 1)
    # share of the full contrast; an OLED lasts longer with less
    off_seconds: float = _number(60.0, 0, 86400)
    # seconds without a face, after which the display is switched off; 0: never
    small_signs: bool = True
    # a pause or a lost camera is shown as a small sign; false: a large one, which burns in if it stays
    font: str = ""
    # path of a TrueType file, for labels in non-Latin letters; empty: one on this system that has their letters


@dataclass(frozen=True)
class CropsSettings:
    """[crops]: pictures of one's own face, as training data. The kiosk says that they are taken."""

    folder: str = ""
    # in which a folder called `label` gets them; only its user may read what is made
    label: str = field(default="", metadata={"pattern": r"([^/\s.][^/]{0,63})?", "example": "smile"})
    # what the face shows meanwhile
    seconds: float = _number(0.5, 0, 3600)
    # time between two pictures
    max_pictures: int = _number(500, 1, 1_000_000)
    # most pictures of a label, also those of earlier runs
    min_pixels: int = _number(48, 16, 256)
    # smallest side of a face that is saved


@dataclass(frozen=True)
class DrawingSettings:
    """[drawing]: words and letters in pictures, on displays and in reports."""

    language: str = ""
    # of annotated pictures, displays and `fer-edge report`, as in kiosk.language; empty: that of kiosk.language
    font: str = ""
    # path of a TrueType file for the labels; empty: that of `oled.font`, else one on this system that has their letters


@dataclass(frozen=True)
class Settings:
    """All settings, one field for each table of the file."""

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
    crops: CropsSettings = field(default_factory=CropsSettings)
    drawing: DrawingSettings = field(default_factory=DrawingSettings)


def load(path: Path) -> Settings:
    """Read a settings file. Raises SettingsError."""
    try:
        # Windows' editors begin a file with a byte order mark.
        with path.open(encoding="utf-8-sig") as file:
            text = file.read(MAX_FILE_CHARACTERS + 1)
    except (OSError, UnicodeDecodeError) as cause:
        reason = cause.strerror if isinstance(cause, OSError) else "not UTF-8 text"
        raise SettingsError(f"settings {path}: {reason}; give a TOML file with --config") from None
    if len(text) > MAX_FILE_CHARACTERS:
        raise SettingsError(f"settings {path}: has more than {MAX_FILE_CHARACTERS} characters; give a TOML file")
    try:
        return parse(tomllib.loads(text))
    except (ValueError, RecursionError) as cause:  # ValueError: a number of thousands of digits, too
        raise SettingsError(f"settings {path}: not TOML ({_place(cause)}); fix that line") from None
    except SettingsError as cause:
        raise SettingsError(f"settings {path}: {cause}") from None


def _place(cause: Exception) -> str:
    """What is wrong with TOML, and in which line, without the names and values that it holds."""
    words, _, place = str(cause).rpartition(" (at ")
    return re.sub(r"(?s)['\"(].*['\")]", "...", words) + (f" (at {place}" if words else "too many brackets")


def parse(tables: Mapping[str, Any], base: Settings | None = None) -> Settings:
    """`base`, by default the default settings, with the values in `tables`, e.g. {"log": {"mode": "frames"}}.

    Raises SettingsError.
    """
    base = Settings() if base is None else base
    parts: dict[str, Any] = {}
    names = [part.name for part in dataclasses.fields(Settings)]
    for name, table in tables.items():
        if name not in names:
            # Its text is not shown: it may be a secret.
            raise SettingsError(
                f"{named(name)}: unknown; allowed are the tables {', '.join(names)}{did_you_mean(name, names)}"
            )
        if not isinstance(table, Mapping):
            raise SettingsError(f"{told(name, table)}: not a table; write [{name}] and its keys below it")
        part = getattr(base, name)
        types = get_type_hints(type(part))
        known = {entry.name: entry for entry in dataclasses.fields(part)}
        for key, value in table.items():
            if key not in known:
                raise SettingsError(
                    f"{told(f'{name}.{key}', value)}: unknown key; allowed are {', '.join(known)}"
                    f"{did_you_mean(key, known)}"
                )
            part = dataclasses.replace(part, **{key: checked(f"{name}.{key}", value, types[key], known[key].metadata)})
        parts[name] = part
    return dataclasses.replace(base, **parts)


def override(settings: Settings, assignment: str) -> Settings:
    """`settings` with one "part.key=value" applied; the value is TOML, or else a string. Raises SettingsError."""
    name, separator, value = assignment.partition("=")
    part, dot, key = name.strip().partition(".")
    if not separator or not dot:
        given = f" {name!r}{'=...' if separator else ''}" if re.fullmatch(r"[\w.-]{1,60}", name) else ""
        raise SettingsError(f"--set{given}: write it as part.key=value, e.g. log.mode=frames")
    try:
        typed = tomllib.loads(f"value = {value}")["value"]
    except (ValueError, RecursionError):
        typed = value.strip()
    return parse({part: {key: typed}}, settings)
