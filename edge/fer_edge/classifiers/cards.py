"""Models on disk, `<name>.tflite` with its card `<name>.json`, and the choice of the one to use.

The card is the contract: the labels, the meaning of the input, the file's sha256, the model's accuracy and the cost of
one inference. A file that does not match its card is refused.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fer_edge.classifiers import bare
from fer_edge.classifiers.labels import name_fault
from fer_edge.classifiers.prior import Prior, parse_prior
from fer_edge.errors import ModelError
from fer_edge.files import read_small

_log = logging.getLogger(__name__)

VARIANTS = ("float32", "float16", "dynamic", "int8")
DTYPES = ("uint8", "int8", "float32")
TARGETS = ("votes", "labels")  # what a model can have learned from: votes of people on each face, or one label each
CARD_FORMAT = 1  # the value of "card" that this version reads
LOCAL_MODELS_FOLDER = Path("/etc/fer-edge/models")  # for `fer-edge models install`; upgrades leave it alone
MAX_CARD_BYTES = 1_000_000
MAX_MODEL_BYTES = 100_000_000  # of a model; those that come with fer-edge have less than 1 MB
TFLITE_MAGIC = b"TFL3"  # FlatBuffer file identifier, bytes 4 to 7 (tensorflow/lite/schema/schema.fbs)


@dataclass(frozen=True)
class Card:
    """The card of one .tflite file."""

    name: str  # "mini_xception-int8"
    model: str  # "mini_xception", the same for all variants of one network
    variant: str  # one of VARIANTS
    path: Path  # of the .tflite, beside the card
    sha256: str
    bytes: int
    labels: tuple[str, ...]
    size: tuple[int, int]  # (height, width) of the input, pixels
    dtype: str  # of the input tensor, one of DTYPES
    range: tuple[float, float]  # the real values of the pixels 0 and 255
    metrics: Mapping[str, Any] = field(default_factory=dict)  # "split", "faces"; "accuracy", "macro_f1", "ece": shares
    cost: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # runtime -> processor -> relative to float32
    learned_from: str = ""  # one of TARGETS; "" if the card does not say it
    prior: Prior | None = None  # None: it cannot be changed
    channels: int = 1  # of the input: 3 get the grey pixel each

    @property
    def accuracy(self) -> float | None:
        """Share of right answers on the split named in `metrics`, 0 to 1."""
        return self.metrics.get("accuracy")


def models_folder() -> Path:
    """The folder of the shipped models: inside the installed package, or beside it in a checkout."""
    inside = Path(__file__).parents[1] / "_models"
    return inside if inside.is_dir() else Path(__file__).parents[3] / "models"


def shipped_agreement() -> str:
    """In how many percent of faces the shipped model agrees with the majority of people, by its card; "84"."""
    return f"{100 * (load_card(models_folder() / 'mini_xception-int8.json').accuracy or 0.0):.0f}"


def load_card(path: Path) -> Card:
    """Read a card; `path` is the card (.json) or its model (.tflite). Raises ModelError."""
    if path.suffix == ".tflite" and not os.path.isfile(path):  # noqa: PTH113 - Path.is_file raises in a closed folder
        raise ModelError(f"model {path}: no such file; give a .tflite file, or a name from `fer-edge models`")
    if not path.name:
        raise ModelError(f"model {str(path)!r}: is not a file; give a .tflite file, or a name from `fer-edge models`")
    model, path = path, path.with_suffix(".json")
    labels = bare.labels_file(model) if model.suffix == ".tflite" and not os.path.lexists(path) else None
    if labels is not None:
        text = bare.describe(model, bare.read_labels(labels))
        shown = text["input"]["range"]
        _log.warning(
            "model %s: has no card; taken: the labels in %s, pixels as %.3g to %.3g", model, labels.name, *shown
        )
        return _card(text, model.parent)
    try:
        text = json.loads(read_small(path, MAX_CARD_BYTES).decode("utf-8"))
    except FileNotFoundError:
        if model.suffix not in ("", ".json", ".tflite"):
            known = "give a .tflite file, or a name from `fer-edge models`"
            raise ModelError(f"model {model}: is not a model by its name; {known}") from None
        raise ModelError(
            f"model card {path}: no such file; a model needs its card beside it (`fer-convert quantize` writes both)"
        ) from None
    except (OSError, ValueError, RecursionError) as cause:
        raise ModelError(f"model card {path}: not readable as JSON ({cause}); restore it or convert again") from None
    try:
        card = _card(text, path.parent)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as cause:
        raise ModelError(
            f"model card {path}: wrong or missing entry ({cause!r}); restore it or convert the model again"
        ) from None
    if card.path.stem != path.stem:
        raise ModelError(
            f"model card {path}: belongs to {card.path.name}, not to {path.stem}.tflite; "
            "restore both from one conversion"
        )
    return card


def _card(text: Mapping[str, Any], folder: Path) -> Card:
    if text["card"] != CARD_FORMAT:
        raise ValueError(f"card format {text['card']!r}, this fer-edge reads {CARD_FORMAT}")
    entry, labels, metrics = text["input"], text["labels"], dict(text.get("metrics", {}))
    if not isinstance(labels, list):
        raise TypeError(f"labels {labels!r}: must be a list")
    labels = tuple(str(label) for label in labels)
    for what, names in (("name", [str(text["name"])]), ("model", [str(text["model"])]), ("labels", labels)):
        if fault := next(filter(None, map(name_fault, names)), ""):
            raise ValueError(f"{what}: {fault}")
    if "accuracy" in metrics:
        metrics["accuracy"] = float(metrics["accuracy"])
    low, high = (float(value) for value in entry["range"])
    card = Card(
        name=str(text["name"]),
        model=str(text["model"]),
        variant=str(text["variant"]),
        path=folder / Path(text["file"]).name,
        sha256=str(text["sha256"]),
        bytes=int(text["bytes"]),
        labels=labels,
        size=(int(entry["height"]), int(entry["width"])),
        dtype=str(entry["dtype"]),
        range=(low, high),
        metrics=metrics,
        cost={runtime: {kind: float(c) for kind, c in row.items()} for runtime, row in text.get("cost", {}).items()},
        learned_from=str(text.get("learned_from") or ""),
        prior=parse_prior(text.get("prior"), labels),
        channels=int(entry.get("channels", 1)),
    )
    if card.variant not in VARIANTS or card.dtype not in DTYPES:
        raise ValueError(f"variant {card.variant!r}, input {card.dtype!r}; known: {VARIANTS}, {DTYPES}")
    if card.learned_from not in ("", *TARGETS):
        raise ValueError(f"learned_from {card.learned_from!r}; known: {TARGETS}")
    if not 0 < card.bytes <= MAX_MODEL_BYTES:
        raise ValueError(f"bytes {card.bytes}: must be 1 to {MAX_MODEL_BYTES}")
    if len(card.labels) < 2 or len(set(card.labels)) != len(card.labels):
        raise ValueError(f"labels {card.labels}: must be two or more, all different")
    if card.channels not in (1, bare.COLOURS):
        raise ValueError(f"input channels {card.channels}: must be 1 or {bare.COLOURS}")
    if not all(1 <= side <= 1024 for side in card.size) or not low < high:
        raise ValueError(f"input {card.size}, range {card.range}: must be sides of 1 to 1024, and a rising range")
    return card


def read_model(card: Card) -> bytes:
    """The model file's content. Raises ModelError if it does not match its card."""
    try:
        with card.path.open("rb") as file:
            content = file.read(card.bytes)  # whatever its size is: a sparse file may say gigabytes
            size = os.fstat(file.fileno()).st_size
    except OSError as cause:
        words = f"model {card.path}: {cause.strerror}, though its card exists; restore it or convert it again"
        raise ModelError(words) from None
    if content[4:8] != TFLITE_MAGIC:
        raise ModelError(f"model {card.path}: not a TFLite file ({size} bytes); restore or convert it again")
    if size != card.bytes or len(content) != size:
        raise ModelError(
            f"model {card.path}: has {size} bytes, but its card says {card.bytes}: "
            "it is cut off or another file; copy it again"
        )
    found = hashlib.sha256(content).hexdigest()
    if found != card.sha256:
        raise ModelError(
            f"model {card.path}: has sha256 {found[:12]}…, but its card says {card.sha256[:12]}…: "
            "the file or the card was changed; restore both from one conversion"
        )
    return content


def previous_models(folder: Path) -> Path | None:
    """The folder with the models of before the last installation, if any: see `fer_edge.service.model_install`."""
    try:
        current = folder.readlink().name
    except OSError:
        return None
    others = (slot for slot in install_slots(folder) if slot.name != current)
    return next((slot for slot in others if os.path.isdir(slot)), None)  # noqa: PTH112


def install_slots(folder: Path) -> tuple[Path, Path]:
    """The two folders that `folder`, a link, points at alternately."""
    return folder.with_name(f"{folder.name}-a"), folder.with_name(f"{folder.name}-b")


def installed(folder: Path | None = None, local: Path | None = None) -> list[Card]:
    """The cards of the installed models, sorted by name, see `scan`; a bad one is logged and left out.

    Raises ModelError if there are none.
    """
    cards, failures = scan(folder, local)
    for failure in failures:
        _log.warning("%s", failure)
    return cards


def scan(folder: Path | None = None, local: Path | None = None) -> tuple[list[Card], list[ModelError]]:
    """The cards in `folder`, sorted by name, and the errors of the bad ones. Raises like `installed`.

    If `folder` is None: the shipped models, and those in `local`, LOCAL_MODELS_FOLDER by default, which replace shipped
    ones of the same name.
    """
    local = (local or LOCAL_MODELS_FOLDER) if folder is None else None
    if local is not None and not os.path.isdir(local):  # noqa: PTH112 (is_dir raises in a closed folder)
        local = None
    folder = models_folder() if folder is None else folder
    if not folder.is_dir():
        raise ModelError(f"models folder {folder}: no such folder; reinstall fer-edge")
    found: dict[str, Card] = {}
    failures = []
    for path in [*sorted(folder.glob("*.json")), *(sorted(local.glob("*.json")) if local else ())]:
        try:
            card = load_card(path)
            found[card.name] = card
        except ModelError as failure:
            failures.append(failure)
    cards = [found[name] for name in sorted(found)]
    if not cards:
        why = f"; {failures[0]}" if failures else ""
        raise ModelError(f"models folder {folder}: holds no usable model card (*.json){why}; reinstall fer-edge")
    return cards, failures


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The kind of processor, as the costs on cards name it: "x86_64", "aarch64", "aarch64+dotprod", "armv7l".

    Arm's int8 dot product (Cortex-A76 in a Pi 5, not the A72 of a Pi 4) decides whether int8 is the fastest; Linux
    calls it "asimddp" (kernel documentation, arch/arm64/elf_hwcaps).
    """
    machine = platform.machine().lower()
    if machine in ("aarch64", "arm64"):
        try:
            features = cpuinfo.read_text(encoding="utf-8", errors="replace").split()
        except OSError:
            features = []
        return "aarch64+dotprod" if "asimddp" in features else "aarch64"
    return {"amd64": "x86_64"}.get(machine, machine)


def is_path(model: str) -> bool:
    """Whether the setting `model` is a path, not a name."""
    return model.endswith(".tflite") or "/" in model


def choose(name: str, variant: str, runtime: str, cards: Iterable[Card], kind: str | None = None) -> Card:
    """The card to use: `name` is a network's or one file's name, or a path to a .tflite.

    `variant` is one of VARIANTS, or "auto": the one with the lowest cost on its card for `runtime` and this `kind` of
    processor (see `processor`); float32 if the cards do not state it. Raises ModelError naming what is installed.
    """
    if is_path(name):
        return load_card(Path(name))
    known = list(cards)
    exact = [card for card in known if card.name == name]
    if exact:
        return exact[0]
    family = {card.variant: card for card in known if card.model == name}
    if not family:
        names = ", ".join(sorted({card.model for card in known} | {card.name for card in known}))
        raise ModelError(f"model {name!r}: not installed; installed are {names}, or give the path of a .tflite")
    if variant == "auto":
        kind = processor() if kind is None else kind
        # Ties go to the first of VARIANTS: float32, to which the costs are relative.
        costs = {v: family[v].cost.get(runtime, {}).get(kind) for v in VARIANTS if v in family}
        measured = {v: cost for v, cost in costs.items() if cost is not None}
        variant = min(measured, key=measured.__getitem__) if measured else next(iter(costs))
    if variant not in family:
        raise ModelError(f"model {name!r}: variant {variant!r} is not installed; installed are {', '.join(family)}")
    return family[variant]
