"""What a benchmark found, and the JSON file that keeps it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from fer_edge.bench.machine import Machine, MachineState
from fer_edge.errors import SettingsError, SinkError
from fer_edge.files import new_file

T = TypeVar("T")

FORMAT = "fer-edge bench"
VERSION = 1  # of the file; a change of what a field means is a new one
OLDER_STAGES = {"classify": "track and classify", "sinks": "smooth and sinks"}  # what they were up to 0.1.0


@dataclass(frozen=True)
class Row:
    """One model in one interpreter with so many threads, reading one face after the other."""

    name: str  # "mini_xception-int8"
    model: str  # "mini_xception"
    variant: str
    path: str  # of the .tflite
    sha256: str
    bytes: int  # of the file
    runtime: str
    threads: int
    accuracy: float | None  # share of right answers on `split`, from the card
    split: str
    reads: int  # that were timed
    median: float  # seconds
    p95: float
    p99: float
    mean: float
    spread: float  # the middle half of the turns' medians lies so far apart, as a share of the median
    memory: int  # bytes, peak of a process that does this alone

    @property
    def key(self) -> tuple[str, str, int]:
        """What the same row in another file is found by."""
        return (self.name, self.runtime, self.threads)


@dataclass(frozen=True)
class Stage:
    """Durations of one stage of the loop, in seconds a frame."""

    name: str
    median: float
    p95: float


@dataclass(frozen=True)
class Loop:
    """The whole loop on a source, and the tutorial's loop beside it."""

    source: str
    width: int  # of a frame, pixels
    height: int
    model: str  # what reads the faces, and with what
    frames: int
    faces: int  # shown, summed over the frames
    stages: tuple[Stage, ...]
    fps: float  # frames a second as fast as it goes, the source's reading included
    cpu: float  # processor seconds a frame, without the source
    tutorial_model: str
    tutorial_frames: int
    tutorial_faces: int
    tutorial_cpu: float
    pace: float  # frames a second that the loop was then held to,
    pace_frames: int  # for so many frames,
    pace_reached: float  # those a second that it reached,
    pace_share: float  # and the share of one core's time that it took

    @property
    def factor(self) -> float:
        """How many times the processor time of ours the tutorial's takes."""
        return self.tutorial_cpu / self.cpu if self.cpu else 0.0


@dataclass(frozen=True)
class Results:
    """All of it."""

    made: str  # ISO 8601, with the zone
    fer_edge: str  # its version
    machine: Machine
    before: MachineState
    after: MachineState
    held_back: tuple[str, ...]  # what slowed the machine meanwhile
    others: float | None  # cores that other programs kept busy
    missing: dict[str, str]  # interpreters that are not here, and why
    rows: tuple[Row, ...]
    loop: Loop
    verdict: str


def write(results: Results, path: Path) -> None:
    """Write the JSON file `path`, which must not be there yet. Raises SinkError."""
    try:
        with new_file(path) as file:
            file.write(text_of(results).encode())
    except OSError as cause:
        raise SinkError(f"output {path}: cannot be written ({cause.strerror}); choose another file") from None


def text_of(results: Results) -> str:
    """The results as JSON."""
    return json.dumps({"format": FORMAT, "version": VERSION} | dataclasses.asdict(results), indent=2) + "\n"


def read(path: Path) -> Results:
    """The results in the JSON file `path`. Raises SettingsError where it is missing or something else."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as cause:
        raise SettingsError(f"results {path}: {cause.strerror}; give a file from `fer-edge bench --json`") from None
    except (ValueError, RecursionError) as cause:
        raise SettingsError(f"results {path}: not JSON ({cause}); give a file from `fer-edge bench --json`") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise SettingsError(f"results {path}: another kind of file; give one from `fer-edge bench --json`")
    if content.get("version") != VERSION:
        raise SettingsError(
            f"results {path}: version {content.get('version')!r}, this fer-edge reads {VERSION}; measure again"
        )
    try:
        return _results(content)
    except (KeyError, TypeError, ValueError, AttributeError) as cause:
        raise SettingsError(f"results {path}: wrong or missing entry ({cause}); measure again") from None


def _results(content: dict[str, Any]) -> Results:
    fields = {name: value for name, value in content.items() if name not in ("format", "version")}
    loop = dict(fields.pop("loop"))
    loop["stages"] = _stages([_made(Stage, entry) for entry in loop["stages"]])
    parts = {
        "machine": _made(Machine, fields["machine"]),
        "before": _made(MachineState, fields["before"]),
        "after": _made(MachineState, fields["after"]),
        "held_back": tuple(fields["held_back"]),
        "rows": tuple(_made(Row, entry) for entry in fields["rows"]),
        "loop": _made(Loop, loop),
    }
    return _made(Results, fields | parts)


def _stages(stages: list[Stage]) -> tuple[Stage, ...]:
    """The stages of a file; an older one has the tracker's time under "classify" and the smoother's under "sinks"."""
    if any(stage.name == "track" for stage in stages):
        return tuple(stages)
    return tuple(dataclasses.replace(stage, name=OLDER_STAGES.get(stage.name, stage.name)) for stage in stages)


def _made(kind: type[T], fields: Mapping[str, Any]) -> T:
    """A dataclass from a JSON object that has its fields and no other, numbers where numbers belong."""
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        if field.type in ("int", "float") and type(fields[field.name]) not in (int, float):
            raise TypeError(f"{field.name} = {fields[field.name]!r}: a number")
    return kind(**fields)
