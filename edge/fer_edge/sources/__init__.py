"""Where pictures come from: one file per kind, one line here.

source, why = open_source("auto")     # run: a camera, a stream, a file or the demo; `why` is a line for the user
source = open_files("holiday.mp4")    # detect: a video, a picture, or the pictures of a folder
"""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from fer_edge.errors import SourceError
from fer_edge.lookup import lookup
from fer_edge.sources import devices, picamera
from fer_edge.sources.content import STANDARD_INPUT, file_kind
from fer_edge.sources.options import SourceOptions
from fer_edge.types import Source
from fer_edge.urls import mask

if TYPE_CHECKING:
    from fer_edge.sources.folder import PictureFolder
    from fer_edge.sources.picture import Picture
    from fer_edge.sources.pipe import Pipe
    from fer_edge.sources.sequence import Animation, Pages
    from fer_edge.sources.video import VideoFile

    Files: TypeAlias = VideoFile | Picture | Animation | Pages | PictureFolder | Pipe

__all__ = [
    "FORMS",
    "SOURCES",
    "Choice",
    "Opened",
    "SourceOptions",
    "choose",
    "open_choice",
    "open_files",
    "open_source",
]

# Each class is made with (target, SourceOptions) and is an fer_edge.types.Source.
SOURCES = {
    "picamera": "fer_edge.sources.picamera:PiCamera",
    "camera": "fer_edge.sources.v4l2:V4l2Camera",
    "stream": "fer_edge.sources.stream:NetworkCamera",
    "video": "fer_edge.sources.video:VideoFile",
    "picture": "fer_edge.sources.picture:Picture",
    "animation": "fer_edge.sources.sequence:Animation",
    "pages": "fer_edge.sources.sequence:Pages",
    "pipe": "fer_edge.sources.pipe:Pipe",
    "folder": "fer_edge.sources.folder:PictureFolder",
    "demo": "fer_edge.sources.demo:Demo",
    "tour": "fer_edge.sources.tour:Tour",
}
FORMS = (
    "auto, picamera, picamera:N, camera:N, /dev/v4l/by-id/NAME, demo, tour, the path of a video, a picture or a "
    "folder, - (standard input), or a URL with rtsp://, http:// or https://"
)
_FILES = "check the path; a camera is read with: fer-edge run --source"


class Choice(NamedTuple):
    """Which source a spec stands for."""

    kind: str  # a name in SOURCES
    target: str  # what its class opens; may hold a password
    why: str  # one line without secrets: which source, and why this one

    @property
    def source_class(self) -> Any:
        """The class of `kind`, imported now: says whether the source is `live` or `local` before it is opened."""
        return lookup(SOURCES, self.kind, "source")


class Opened(NamedTuple):
    """A source, and the line that says which it is and why."""

    source: Source
    why: str


def open_source(spec: str = "auto", options: SourceOptions | None = None) -> Opened:
    """The source that `spec` names (see FORMS), opened. Raises SourceError; nothing but ``auto`` has a fallback."""
    choice = choose(spec)
    return Opened(open_choice(choice, options), choice.why)


def open_files(path: str, options: SourceOptions | None = None) -> Files:
    """The video, picture, or pictures of the folder at `path`, "-": standard input, opened. Raises SourceError."""
    opened: Files = open_choice(_choose_path(path, _FILES), options)
    return opened


def choose(spec: str = "auto") -> Choice:
    """What `spec` means. Raises SourceError if it is unknown, or a path that does not exist.

    ``auto`` is a Raspberry Pi camera, else the first V4L2 camera, else the demo clip.
    """
    if spec == "auto":
        return _choose_best()
    if spec in ("demo", "picamera", "tour"):
        return Choice(spec, spec, f"{spec}, as asked for")
    if spec.startswith("picamera:") and spec != "picamera:":
        return Choice("picamera", spec, f"{mask(spec)}, as asked for")
    if re.fullmatch(r"/dev/v4l/by-(?:id|path)/[^/]+", spec):
        return Choice("camera", spec, f"{spec}, as asked for")
    if camera := re.fullmatch(r"(?:camera:|/dev/video)(\d{1,4})", spec):
        return Choice("camera", camera[1], f"{spec}, as asked for")
    if spec == "camera" or spec.startswith("camera:"):
        raise SourceError(
            f"source {mask(spec)!r}: a camera has a number, as in camera:0; list them with: fer-edge cameras"
        )
    if scheme := re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", spec):
        if scheme[1].lower() not in ("rtsp", "http", "https"):
            raise SourceError(f"source {mask(spec)!r}: the scheme {scheme[1]!r} is unknown; known are {FORMS}")
        return Choice("stream", spec, f"{mask(spec)}, as asked for")
    return _choose_path(spec)


def _choose_best() -> Choice:
    model, reason = picamera.find()
    if model:
        return Choice("picamera", "picamera", f"picamera, because a Raspberry Pi camera answered ({model})")
    missing = f"no Raspberry Pi camera answered: {reason}"
    found = devices.list_devices()
    for device in found:
        if not device.problem:
            number = str(device.number)
            return Choice("camera", number, f"camera:{number} ({device}), because {missing}")
    problems = "; ".join(f"{device}: {device.problem}" for device in found) or "there is no /dev/video*"
    return Choice("demo", "demo", f"demo, because {missing}; and no V4L2 camera: {problems}")


def _choose_path(spec: str, known: str = f"known are {FORMS}") -> Choice:
    if not spec:
        raise SourceError(f"source '': is empty; {known}")
    if "://" in spec:
        raise SourceError(
            f"{mask(spec)}: is an address, and files are read here; download it, or read a camera with: "
            f"fer-edge run --source {mask(spec)}"
        )
    try:
        path = Path(spec).expanduser()
        kind = "pipe" if spec in STANDARD_INPUT else _path_kind(path)
    except (FileNotFoundError, ValueError):  # ValueError: a zero character
        shown = mask(spec)
        address = "" if shown == spec else ", and an address begins with rtsp://, http:// or https://"
        raise SourceError(f"source {shown!r}: no such file or folder{address}; {known}") from None
    except (OSError, RuntimeError) as cause:  # RuntimeError: ~name of a user who does not exist
        reason = cause.strerror if isinstance(cause, OSError) else cause  # without the path
        raise SourceError(f"source {mask(spec)!r}: {reason}; {known}") from cause
    return Choice(kind, str(path), f"{spec}, as asked for")


def _path_kind(path: Path) -> str:
    """The name in SOURCES of what is there. Raises OSError, ValueError."""
    mode = path.stat().st_mode
    if stat.S_ISFIFO(mode):
        return "pipe"
    if stat.S_ISDIR(mode):
        return "folder"
    try:
        return _picture_kind(path) if stat.S_ISREG(mode) and file_kind(path) == "picture" else "video"
    except PermissionError:  # whichever it is, it says so
        return "video"


def _picture_kind(path: Path) -> str:
    """The name in SOURCES of a picture: one, or several in one file. Raises OSError."""
    from fer_edge.sources import sequence  # late: it imports OpenCV

    if sequence.is_animated(path):
        return "animation"
    return "pages" if sequence.has_pages(path) else "picture"


def open_choice(choice: Choice, options: SourceOptions | None) -> Any:
    """The source that was chosen, opened: an fer_edge.types.Source. Raises SourceError."""
    return choice.source_class(choice.target, options or SourceOptions())
