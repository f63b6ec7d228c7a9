"""Tells the serial line what is left of the log, the settings and the models; then replaces these two, if told so.

FER_SINCE is the time of the first line that the boot before wrote, FER_CHANGE whether to replace. All by the product's
own programs, but the plain reading of lines, which is what jq or pandas would see.

| told | what |
|---|---|
| @K TIME TIME ...@ | lines found since FER_SINCE, in order |
| @C JSON@ | the rest of what was found |
| @A WHAT@ | a replacement that ended |
"""

import contextlib
import hashlib
import io
import itertools
import json
import os
import shutil
import time
from pathlib import Path

from fer_edge import cli
from fer_edge.bench.apply import apply
from fer_edge.classifiers.cards import LOCAL_MODELS_FOLDER, models_folder
from fer_edge.errors import FerEdgeError
from fer_edge.logs.files import full_files
from fer_edge.logs.reader import entries
from fer_edge.records import parse
from fer_edge.settings import load

LOG = Path("/var/lib/fer-edge/fer-edge.jsonl")
SETTINGS = Path("/etc/fer-edge") / os.environ["FER_CONFIG"]
SHELF = Path("/var/tmp/models")


def say(text: str) -> None:
    os.write(1, f"@{text}@\n".encode())


def fer_edge(*words: str) -> tuple[int, str]:
    """What a command of the product prints, and its exit code."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        code = cli.main(list(words))
    return code, out.getvalue()


def check_log(since: str) -> dict[str, object]:
    log = entries(LOG)
    before = hashlib.sha256()
    old, new = 0, []
    for entry in log:
        moment = entry.data["time"]
        if since and moment >= since:
            new.append(moment)
        else:
            old += 1
            before.update(moment.encode())
    for start in range(0, len(new), 20):
        say(f"K {' '.join(new[start : start + 20])}")
    plain = 0
    for path in [*(part.path for part in full_files(LOG)), LOG]:
        content = path.read_bytes()
        # After the last newline is a line that is being written, in the file that is being written.
        lines = (
            content[: content.rfind(b"\n") + 1].splitlines(keepends=True) if path == LOG else content.splitlines(True)
        )
        plain += sum(parse(line) is None or not line.endswith(b"\n") for line in lines)
    code, report = fer_edge("report", "--config", str(SETTINGS))
    left_out = [line for line in report.splitlines() if "left out" in line]
    return {
        "old": old,
        "digest": before.hexdigest(),
        "new": len(new),
        "torn": log.torn,
        "plain": plain,
        "report": code,
        "left_out": left_out,
        "files": len(full_files(LOG)) + 1,
    }


def check_settings() -> str:
    try:
        return f"threads {load(SETTINGS).classifier.threads}"
    except FerEdgeError as error:
        return f"BROKEN {error}"


def check_models() -> str:
    if not LOCAL_MODELS_FOLDER.is_symlink():
        return "none" if not LOCAL_MODELS_FOLDER.exists() else "BROKEN no link"
    code, told = fer_edge("models", "--verify")
    names = sorted(path.name for path in LOCAL_MODELS_FOLDER.iterdir())
    return f"{len(names)} files" if code == 0 and len(names) == 2 else f"BROKEN {code} {names} {told[-300:]}"


def make_shelf() -> list[Path]:
    """Two models that take turns under one name: two of the shipped ones."""
    made = []
    for variant in ("int8", "dynamic"):
        folder = SHELF / variant
        folder.mkdir(parents=True, exist_ok=True)
        source = models_folder() / f"mini_xception-{variant}.json"
        card = json.loads(source.read_text()) | {"name": "turns-int8", "file": "turns-int8.tflite", "model": "turns"}
        (folder / "turns-int8.json").write_text(json.dumps(card))
        shutil.copyfile(source.with_suffix(".tflite"), folder / "turns-int8.tflite")
        made.append(folder / "turns-int8.tflite")
    return made


def change() -> None:
    """Until the power goes."""
    models = itertools.cycle(make_shelf())
    for number in itertools.count(1):
        for threads in (1, 2, 3, 4) * 5:
            apply(SETTINGS, "classifier", {"threads": threads})
            say("A settings")
            time.sleep(0.05)
        code, told = fer_edge("models", "install", str(next(models)))
        say(f"A model {number}" if code == 0 else f"A BROKEN {' '.join(told.split())[-300:]}")


found: dict[str, object] = {"settings": check_settings()}
found |= check_log(os.environ.get("FER_SINCE", ""))
if os.environ.get("FER_VERIFY") == "1":
    found["models"] = check_models()
say(f"C {json.dumps(found)}")
if os.environ.get("FER_CHANGE") == "1":
    change()
