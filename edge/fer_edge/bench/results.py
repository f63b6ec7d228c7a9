"""The results of a benchmark, and the JSON file that stores them. Field names are those of the file."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from fer_edge.bench.machine import Machine, MachineState
from fer_edge.errors import SettingsError, SinkError
from fer_edge.files import new_file

T = TypeVar("T")
UNKNOWN_ACCURACY_ERROR = 0.01  # share of right answers: as of 5,000 to 10,000 faces

FORMAT = "fer-edge bench"
VERSION = 1  # of the file format; if the meaning of a field changes, the version does too
OLDER_STAGES = {"classify": "track and classify", "sinks": "smooth and sinks"}  # what they measured up to 0.1.0


@dataclass(frozen=True)
class ModelResult:
    """One model, in one interpreter, with a number of threads: the latency of one prediction after the other."""

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
    reads: int  # predictions that were timed
    median: float  # seconds
    p95: float
    p99: float
    mean: float
    spread: float  # interquartile range of the turns' medians, as a share of the median
    memory: int  # bytes, peak of a process that does only this
    learned_from: str = ""  # "votes" or "labels", from the card; "" if that or an older file does not say it
    faces: int = 0  # on which the accuracy was measured, from the card; 0 if that or an older file does not say it

    @property
    def accuracy_error(self) -> float:
        """Half of the 95 % interval of the accuracy, a share; UNKNOWN_ACCURACY_ERROR if the faces are not known."""
        if not self.faces or self.accuracy is None:
            return UNKNOWN_ACCURACY_ERROR
        return 1.96 * math.sqrt(self.accuracy * (1 - self.accuracy) / self.faces)

    @property
    def key(self) -> tuple[str, str, int]:
        """Identifies the same row in another file."""
        return (self.name, self.runtime, self.threads)


@dataclass(frozen=True)
class StageResult:
    """Durations of one stage of the loop, in seconds a frame."""

    name: str
    median: float
    p95: float


@dataclass(frozen=True)
class LoopResult:
    """The whole loop on a source, compared with the baseline, the loop of most tutorials."""

    source: str
    width: int  # of a frame, pixels
    height: int
    model: str  # that classifies the faces, and its interpreter
    frames: int
    faces: int  # shown, summed over the frames
    stages: tuple[StageResult, ...]
    fps: float  # frames a second without a limit, including reading the source
    cpu: float  # processor seconds a frame, without the source
    tutorial_model: str
    tutorial_frames: int
    tutorial_faces: int
    tutorial_cpu: float
    pace: float  # frame rate that the loop was then limited to, frames a second
    pace_frames: int  # number of frames of that run
    pace_reached: float  # frame rate that it reached, frames a second
    pace_share: float  # share of one core's time that it took, without the source
    detector: str = ""  # that finds the faces; "" if an older file does not say it

    @property
    def factor(self) -> float:
        """The baseline's processor time as a multiple of fer-edge's."""
        return self.tutorial_cpu / self.cpu if self.cpu else 0.0


@dataclass(frozen=True)
class Results:
    """All results of one benchmark."""

    made: str  # time, ISO 8601 with the zone
    fer_edge: str  # version
    machine: Machine
    before: MachineState
    after: MachineState
    held_back: tuple[str, ...]  # why the machine throttled meanwhile; empty if it did not
    others: float | None  # cores that other programs kept busy, on average
    missing: dict[str, str]  # interpreters that do not work here -> why
    rows: tuple[ModelResult, ...]
    loop: LoopResult
    verdict: str


def write(results: Results, path: Path) -> None:
    """Write the JSON file `path`, which must not exist yet. Raises SinkError."""
    try:
        with new_file(path) as file:
            file.write(text_of(results).encode())
    except OSError as cause:
        raise SinkError(f"output {path}: cannot be written ({cause.strerror}); choose another file") from None


def text_of(results: Results) -> str:
    """The results as JSON."""
    return json.dumps({"format": FORMAT, "version": VERSION} | dataclasses.asdict(results), indent=2) + "\n"


def read(path: Path) -> Results:
    """The results in the JSON file `path`. Raises SettingsError if it is missing or another kind of file."""
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
    loop["stages"] = _stages([_from_json(StageResult, entry) for entry in loop["stages"]])
    parts = {
        "machine": _from_json(Machine, fields["machine"]),
        "before": _from_json(MachineState, fields["before"]),
        "after": _from_json(MachineState, fields["after"]),
        "held_back": tuple(fields["held_back"]),
        "rows": tuple(_from_json(ModelResult, entry) for entry in fields["rows"]),
        "loop": _from_json(LoopResult, loop),
    }
    return _from_json(Results, fields | parts)


def _stages(stages: list[StageResult]) -> tuple[StageResult, ...]:
    """The stages of a file; an older one has the tracker's time under "classify" and the smoother's under "sinks"."""
    if any(stage.name == "track" for stage in stages):
        return tuple(stages)
    return tuple(dataclasses.replace(stage, name=OLDER_STAGES.get(stage.name, stage.name)) for stage in stages)


def _from_json(kind: type[T], fields: Mapping[str, Any]) -> T:
    """A dataclass from a JSON object with exactly its fields. Raises TypeError if one is not the number that it is."""
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        is_left_out = field.name not in fields and field.default is not dataclasses.MISSING  # by an older version
        if not is_left_out and field.type in ("int", "float"):
            value, kinds = fields[field.name], (int,) if field.type == "int" else (int, float)
            if type(value) not in kinds or not 0 <= value < math.inf:
                what = "a whole number" if field.type == "int" else "a number"
                raise TypeError(f"{field.name} = {value!r}: {what}, 0 or more")
    return kind(**fields)
