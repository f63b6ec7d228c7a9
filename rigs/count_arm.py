"""Counts the instructions of finding and reading faces on a Raspberry Pi 4's and 5's processor: `make count-arm`.

Needs no Pi: QEMU runs the device's own wheels and a plugin counts. Counts are not time, since they know neither caches
nor pipelines, but they repeat to a few in a million on any machine, however busy, and a regression shows in them: one
that is more than a percent above the record, counts.json, fails. A price that somebody decided to pay is recorded by
`make count-arm ARGS=--record`.

On Debian 12 root gets all that is missing; elsewhere it says what is. What it makes lies in build/arm (0.5 GB).

Detectors that `fer-edge detectors` lists are counted if their files are installed here.

python3 rigs/count_arm.py [--record] [--runtime NAME] [--processor NAME]
                          [float32|float16|dynamic|int8|faces|blazeface|yunet ...]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import arm
import debian
from arm import BUILD, PROCESSORS, WheelSet
from debian import ROOT, RigError, run

HERE = Path(__file__).resolve().parent

RECORD = HERE / "counts.json"
PLUGIN = BUILD / "count_instructions.so"
LIMIT = 0.01  # share above the record that fails
TOOLS = arm.TOOLS | {"gcc": "gcc", "/usr/include/stdio.h": "libc6-dev"}

# Pinned: another version is another count.
WHEELS = {
    "ai-edge-litert": WheelSet(
        "bookworm", ("ai-edge-litert==2.3.0", "numpy==2.4.6", "opencv-python-headless==4.14.0.94")
    ),
    "tflite-runtime": WheelSet(
        "bookworm", ("tflite-runtime==2.14.0", "numpy==1.26.4", "opencv-python-headless==4.11.0.86")
    ),
}
FINDER = "ai-edge-litert"  # with whose OpenCV faces are found
VARIANTS = ("float32", "float16", "dynamic", "int8")
DETECTORS = ("blazeface", "yunet")  # their rows end in " by NAME", those of Haar's cascades in nothing
SCENES = {
    "face": "a face is followed",
    "moving": "nobody is there, something moves",
    "still": "nobody is there, nothing moves",
}
FACES = {
    "scan": "tutorials' cascade (1.1, 5 neighbours) over all of it, at 320 x 240",
    **SCENES,
    **{f"{scene} by {name}": f"{SCENES[scene]}, by {name}" for name in DETECTORS for scene in ("face", "still")},
}


class Count(NamedTuple):
    """Instructions."""

    mean: float
    most: float  # of one frame
    dots: float  # of them int8 dot products, on average


class Row(NamedTuple):
    """What was counted."""

    runtime: str
    processor: str
    what: str  # a variant, or one of FACES

    def __str__(self) -> str:
        return f"{self.what}, {self.runtime}, {self.processor}"


def main() -> int:
    """Set up what is missing, count, print tables, and compare with the record, or renew it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", metavar="WHAT", help="variants, faces, detectors (default: all)")
    parser.add_argument("--runtime", choices=WHEELS, help="this one alone")
    parser.add_argument("--processor", choices=PROCESSORS, help="this one alone")
    parser.add_argument("--record", action="store_true", help="write what is counted into counts.json")
    parser.add_argument("--set-up", action="store_true", help="set up what is missing, and count nothing")
    options = parser.parse_args()
    known = (*VARIANTS, "faces", *DETECTORS)
    what = options.what or list(known)
    if unknown := set(what) - set(known):
        parser.error(f"{', '.join(sorted(unknown))}: unknown; known are {', '.join(known)}")
    runtimes = [options.runtime] if options.runtime else list(WHEELS)
    processors = [options.processor] if options.processor else list(PROCESSORS)
    try:
        debian.get_tools(TOOLS)
        if reason := unable():
            raise RigError(reason)
        make_plugin()
        jobs = [(runtime, processor, things(runtime, what)) for runtime in runtimes for processor in processors]
        if arm.set_up(WHEELS[runtime] for runtime in runtimes):
            raise RigError("not set up, as said above")
        if options.set_up:
            return 0
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            found = dict(pair for pairs in pool.map(lambda job: count(*job), jobs) for pair in pairs)
    except RigError as cause:
        print(f"count-arm: {cause}; {elsewhere()}", file=sys.stderr)
        return 2
    print_tables(found, processors)
    for name in skipped(found, runtimes, what):
        print(f"count-arm: {name}: skipped, its file is not installed; try: fer-edge detectors install {name}")
    if options.record:
        record(found)
        return 0
    return compare(found)


def things(runtime: str, what: Sequence[str]) -> list[str]:
    """Faces are found with the OpenCV of one of them alone."""
    return [each for each in what if each in VARIANTS or runtime == FINDER]


def skipped(found: Iterable[Row], runtimes: Sequence[str], what: Sequence[str]) -> list[str]:
    """The detectors that were to be counted, and have no rows."""
    counted = {row.what.rpartition(" by ")[2] for row in found}
    return [name for name in DETECTORS if name in what and FINDER in runtimes and name not in counted]


def of_scene(what: str) -> bool:
    """Whether a row is of many frames, of which the worst one counts too."""
    return what.partition(" by ")[0] in SCENES


def unable() -> str:
    """Why nothing can be counted here even when all is set up, in words; nothing where it can."""
    if missing := debian.missing(TOOLS):
        return f"needs {', '.join(missing)}"
    if "-plugin" not in run("qemu-aarch64", "-h"):
        return "this qemu-aarch64 takes no plugins, Debian 12's does"
    return ""


def elsewhere() -> str:
    """How to run it on another system."""
    inside = "apt-get update && apt-get install -y make python3 && make count-arm"
    return f"elsewhere, in a container: docker run --rm -v {ROOT}:{ROOT} -w {ROOT} debian:12 sh -c '{inside}'"


def make_plugin() -> None:
    """Compile what counts."""
    BUILD.mkdir(parents=True, exist_ok=True)
    half = debian.fresh(PLUGIN)
    options = ("-O2", "-Wall", "-Wextra", "-shared", "-fPIC", "-fvisibility=hidden")
    run("gcc", *options, "-o", str(half), str(HERE / "count_instructions.c"))
    half.rename(PLUGIN)


def count(runtime: str, processor: str, what: Sequence[str]) -> list[tuple[Row, Count]]:
    """Run counted.py, and divide what the plugin wrote among its rows. Raises RigError."""
    out = BUILD / f"count-{runtime}-{processor}-{os.getpid()}"
    environment = {"COUNT_OUT": str(out), "PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1"}
    try:
        printed = (
            WHEELS[runtime]
            .python(processor)
            .run(str(HERE / "counted.py"), runtime, *what, qemu=("-plugin", str(PLUGIN)), **environment)
        )
        marks = [[int(word) for word in line.split()] for line in out.read_text().splitlines()]
    finally:
        out.unlink(missing_ok=True)
    done = json.loads(printed)
    spans: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for (row, times), before, after in zip(done, marks[::2], marks[1::2], strict=True):
        spans[row].append(((after[0] - before[0]) / times, (after[1] - before[1]) / times))
    counts = []
    for row, each in spans.items():
        totals, dots = zip(*each, strict=True)
        counted = Count(sum(totals) / len(totals), max(totals), sum(dots) / len(dots))
        counts.append((Row(runtime, processor, row), counted))
    return counts


def print_tables(found: dict[Row, Count], processors: Sequence[str]) -> None:
    """As they stand in the README."""
    heads = " | ".join(PROCESSORS[processor][0] for processor in processors)
    lines = f"|---|{'---:|' * len(processors)}"
    if any(row.what in VARIANTS for row in found):
        print(f"| one face read (of that int8 dot products), millions of instructions | {heads} |\n{lines}")
    for runtime, wheels in WHEELS.items():
        for variant in VARIANTS:
            print_row(f"{wheels.requirements[0].replace('==', ' ')}, {variant}", runtime, variant, found, processors)
    if any(row.what in FACES for row in found):
        print(f"\n| one frame of 640 x 480 searched for faces: mean; most | {heads} |\n{lines}")
    for what, words in FACES.items():
        print_row(words, FINDER, what, found, processors)
    print(flush=True)


def print_row(head: str, runtime: str, what: str, found: dict[Row, Count], processors: Sequence[str]) -> None:
    """One of a table, if it was counted."""
    counts = [found.get(Row(runtime, processor, what)) for processor in processors]
    if any(counts):
        print(f"| {head} | {' | '.join(cell(what, each) for each in counts if each)} |")


def cell(what: str, each: Count) -> str:
    """A count in words."""
    if of_scene(what):
        return f"{each.mean / 1e6:.1f}; {each.most / 1e6:.1f}"
    if what == "scan":
        return f"{each.mean / 1e6:.1f}"
    return f"{each.mean / 1e6:.2f}" + (f" ({each.dots / 1e6:.2f})" if each.dots else "")


def values(found: dict[Row, Count]) -> Iterator[tuple[Row, float]]:
    """What is recorded and compared: for frames the worst one too."""
    for row, each in found.items():
        yield row, each.mean
        if of_scene(row.what):
            yield row._replace(what=f"{row.what}, the most in one frame"), each.most


def compare(found: dict[Row, Count]) -> int:
    """Say which rows differ from the record; 1 where one is above it."""
    known = json.loads(RECORD.read_text()) if RECORD.exists() else {"instructions": {}}
    above = []
    for row, now in values(found):
        before = known["instructions"].get(str(row))
        if before is None:
            above.append(f"{row}: {now / 1e6:.3f} million, and nothing recorded")
        elif abs(now / before - 1) > LIMIT:
            share = f"{abs(now / before - 1) * 100:.1f} % {'above' if now > before else 'below'}"
            text = f"{row}: {now / 1e6:.3f} million, {share} the {before / 1e6:.3f} recorded"
            above += [text] if now > before else []
            if now < before:
                print(f"count-arm: {text}; hold it by: make count-arm ARGS=--record")
    for text in above:
        print(f"count-arm: {text}")
    if not above:
        print(f"count-arm: nothing is more than {LIMIT * 100:.0f} % above the record")
        return 0
    if changed := [name for name, sha in models().items() if known.get("models", {}).get(name) not in (sha, None)]:
        print(f"count-arm: recorded with other weights: {', '.join(changed)}")
    print("count-arm: if that is its price, record it: make count-arm ARGS=--record")
    return 1


def record(found: dict[Row, Count]) -> None:
    """Renew the rows that were counted."""
    known = json.loads(RECORD.read_text()) if RECORD.exists() else {"instructions": {}}
    rows = known["instructions"] | {str(row): round(value) for row, value in values(found)}
    content = {
        "wheels": {runtime: wheels.requirements for runtime, wheels in WHEELS.items()},
        "models": models(),
        "instructions": dict(sorted(rows.items())),
    }
    RECORD.write_text(json.dumps(content, indent=2) + "\n")
    print(f"count-arm: {RECORD.relative_to(ROOT)} written")


def models() -> dict[str, str]:
    """The models' hashes, as their cards have them."""
    paths = [ROOT / "models" / f"mini_xception-{variant}.json" for variant in VARIANTS]
    return {path.stem: json.loads(path.read_text())["sha256"] for path in paths}


if __name__ == "__main__":
    sys.exit(main())
