"""A model is what its card says, or is refused; and the variant that is fastest here is the one that runs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fer_edge.classifiers import cards
from fer_edge.classifiers.prior import Prior
from fer_edge.errors import ModelError

PRIOR: dict[str, Any] = {
    "share": 0.7,
    "temperature": 0.8,
    "frequencies": {
        **{"angry": 0.09, "disgust": 0.02, "fear": 0.04, "happy": 0.26},
        **{"sad": 0.15, "surprise": 0.12, "neutral": 0.32},
    },
}
NAMES = [f"mini_xception-{variant}" for variant in ("dynamic", "float16", "float32", "int8")]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A shipped model and its card, to break."""
    for suffix in (".tflite", ".json"):
        shutil.copy(cards.models_folder() / f"mini_xception-int8{suffix}", tmp_path)
    return tmp_path / "mini_xception-int8.tflite"


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    card = path.with_suffix(".json")
    text = json.loads(card.read_text())
    change(text)
    card.write_text(json.dumps(text))


def test_shipped_variants_match_their_cards() -> None:
    """All four variants are shipped, and match their cards."""
    shipped = cards.installed()
    assert [card.name for card in shipped if card.model == "mini_xception"] == NAMES
    for card in shipped:
        assert len(cards.read_model(card)) == card.bytes


def test_shipped_network_meets_its_targets() -> None:
    """The shipped network is small and accurate enough."""
    for card in cards.installed():
        text = json.loads((cards.models_folder() / f"{card.name}.json").read_text())
        assert text["parameters"] <= 60_000
        assert card.accuracy is not None
        assert card.accuracy >= 0.60
        assert card.labels == ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


def test_model_is_found_by_path(copy: Path) -> None:
    """A model is found by its path, with its card beside it."""
    card = cards.choose(str(copy), "auto", "ai-edge-litert", [])
    assert card.path == copy
    assert cards.read_model(card)


@pytest.mark.parametrize("value", [[0.5, 0.2], None, [1.5], "high"])
def test_old_entries_are_ignored(copy: Path, value: Any) -> None:
    """Cards of fer-edge 0.1 state a usual entropy, which nothing uses any more: whatever it is, they are read."""
    edit(copy, lambda text: text.pop("usual_entropy", None))
    without = cards.load_card(copy)
    edit(copy, lambda text: text.update(usual_entropy=value))
    assert cards.load_card(copy) == without


def with_prior(**changes: Any) -> dict[str, Any]:
    """An entry of a card with PRIOR, some values changed."""
    return {"prior": PRIOR | changes}


def test_prior_and_targets_are_optional(copy: Path) -> None:
    """What a model learned from and its prior are read if the card states them, in the order of the labels."""
    edit(copy, lambda text: [text.pop(name, None) for name in ("learned_from", "prior")])
    card = cards.load_card(copy)
    assert (card.learned_from, card.prior) == ("", None)
    shuffled = dict(sorted(PRIOR["frequencies"].items()))
    edit(copy, lambda text: text.update(learned_from="votes", **with_prior(frequencies=shuffled)))
    card = cards.load_card(copy)
    assert card.learned_from == "votes"
    assert card.prior == Prior(0.7, 0.8, (0.09, 0.02, 0.04, 0.26, 0.15, 0.12, 0.32))
    edit(copy, lambda text: text.update(learned_from=None, prior=None))
    assert (cards.load_card(copy).learned_from, cards.load_card(copy).prior) == ("", None)


def test_missing_file_is_an_error(tmp_path: Path, copy: Path) -> None:
    """A missing model or card is an error that names it."""
    with pytest.raises(ModelError, match=r"none\.tflite: no such file"):
        cards.load_card(tmp_path / "none.tflite")
    copy.with_suffix(".json").unlink()
    with pytest.raises(ModelError, match=r"card .*int8\.json: no such file.*fer-convert quantize"):
        cards.load_card(copy)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.pop("sha256"), "sha256"),
        (lambda text: text.update(card=2), "card format 2"),
        (lambda text: text.update(labels=["one"], prior=None), "two or more"),
        (lambda text: text.update(labels=["one", "one"], prior=None), "all different"),
        (lambda text: text.update(variant="int4"), "int4"),
        (lambda text: text["input"].update(width=0), "sides"),
        (lambda text: text["input"].update(range=[1, 1]), "rising"),
        (lambda text: text.update(input=None), "wrong or missing"),
        (lambda text: text.update(labels="angrysx"), "a list"),
        (lambda text: text["metrics"].update(accuracy="high"), "high"),
        (lambda text: text.update(cost={"ai-edge-litert": "cheap"}), "wrong or missing"),
        (lambda text: text["input"].update(height=float("inf")), "infinity"),
        (lambda text: text.update(learned_from="rumours"), "learned_from 'rumours'"),
        (lambda text: text.update(prior=0.7), "wrong or missing"),
        (lambda text: text.update(prior={"share": 0.7}), "temperature"),
        (lambda text: text.update(with_prior(share=1.01)), "share 1.01"),
        (lambda text: text.update(with_prior(share=-0.01)), "share -0.01"),
        (lambda text: text.update(with_prior(share=float("nan"))), "share nan"),
        (lambda text: text.update(with_prior(temperature=0.05)), "temperature 0.05"),
        (lambda text: text.update(with_prior(temperature=20)), "temperature 20"),
        (lambda text: text.update(with_prior(temperature=float("nan"))), "temperature nan"),
        (lambda text: text.update(with_prior(frequencies=[0.5, 0.5])), "wrong or missing"),
        (lambda text: text.update(with_prior(frequencies={"angry": 1.0})), "each label"),
        (lambda text: text.update(with_prior(frequencies=PRIOR["frequencies"] | {"bored": 0.1})), "each label"),
        (lambda text: text.update(with_prior(frequencies=PRIOR["frequencies"] | {"sad": 0})), "above 0"),
        (lambda text: text.update(with_prior(frequencies=PRIOR["frequencies"] | {"sad": 1.01})), "above 0"),
        (lambda text: text.update(with_prior(frequencies=PRIOR["frequencies"] | {"sad": float("nan")})), "above 0"),
    ],
)
def test_wrong_entry_is_an_error(copy: Path, change: Callable[[dict[str, Any]], object], words: str) -> None:
    """A wrong or missing entry of a card is an error that names it."""
    edit(copy, change)
    with pytest.raises(ModelError) as raised:
        cards.load_card(copy)
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("text", [b"", b"[]", b'{"card": 1', b"\xff\xfe", b'"card"'])
def test_file_without_card_is_an_error(copy: Path, text: bytes) -> None:
    """A file that is not a card is a one-line error."""
    copy.with_suffix(".json").write_bytes(text)
    with pytest.raises(ModelError, match=r"model card .*int8\.json"):
        cards.load_card(copy)


def test_card_of_another_model_is_refused(copy: Path) -> None:
    """A card that belongs to another file is refused."""
    shutil.copy(cards.models_folder() / "mini_xception-float32.json", copy.with_suffix(".json"))
    with pytest.raises(ModelError, match=r"belongs to mini_xception-float32\.tflite, not to mini_xception-int8"):
        cards.load_card(copy)


def test_bad_card_spares_the_others(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """One bad card does not make the other models unusable."""
    shutil.copytree(cards.models_folder(), tmp_path / "models")
    (tmp_path / "models" / "broken.json").write_text("{")
    others = [f"mini_xception_fer2013-{variant}" for variant in ("float32", "int8")]
    assert [card.name for card in cards.installed(tmp_path / "models")] == NAMES + others
    assert "broken.json: not readable as JSON" in caplog.text


def test_damaged_model_is_an_error(copy: Path) -> None:
    """A model file that is cut off, changed or something else is an error."""
    card, content = cards.load_card(copy), copy.read_bytes()
    for broken, words in (
        (content[: len(content) // 2], "cut off"),
        (content[:-1] + b"\1", "sha256"),
        (b"<html>not here</html>", "not a TFLite file"),
        (b"", "not a TFLite file"),
    ):
        copy.write_bytes(broken)
        with pytest.raises(ModelError, match=words):
            cards.read_model(card)
    copy.unlink()
    with pytest.raises(ModelError, match="No such file"):
        cards.read_model(card)


def test_auto_takes_the_cheapest_variant() -> None:
    """`auto` takes the variant with the lowest cost for this runtime and processor."""
    card = cards.installed()[0]
    cost = {"float32": 1.0, "float16": 1.0, "dynamic": 1.3, "int8": 0.7}
    family = [replace(card, name=v, variant=v, cost={"ai-edge-litert": {"x86_64": c}}) for v, c in cost.items()]
    assert cards.choose("mini_xception", "auto", "ai-edge-litert", family, "x86_64").variant == "int8"
    slow = [replace(c, cost={"tflite-runtime": {"x86_64": 9.0 if c.variant == "int8" else 1.0}}) for c in family]
    assert cards.choose("mini_xception", "auto", "tflite-runtime", slow, "x86_64").variant == "float32"
    assert cards.choose("mini_xception", "auto", "ai-edge-litert", family, "riscv64").variant == "float32"
    assert cards.choose("mini_xception", "dynamic", "ai-edge-litert", family, "x86_64").variant == "dynamic"


def test_shipped_cards_have_costs() -> None:
    """The shipped cards have costs for the runtimes and processors."""
    shipped = cards.installed()

    def chosen(runtime: str, kind: str) -> str:
        return cards.choose("mini_xception", "auto", runtime, shipped, kind).variant

    kinds = ("x86_64", "aarch64", "aarch64+dotprod")
    assert {chosen("ai-edge-litert", kind) for kind in kinds} == {"int8"}
    assert not any(chosen("tflite-runtime", kind) == "int8" for kind in kinds)


def test_unknown_model_lists_known_ones() -> None:
    """An unknown name or variant is refused, and the error lists the installed ones."""
    with pytest.raises(ModelError, match=r"'resnet': not installed; installed are mini_xception,.*mini_xception-int8"):
        cards.choose("resnet", "auto", "ai-edge-litert", cards.installed())
    only = [card for card in cards.installed() if card.variant == "int8"]
    with pytest.raises(ModelError, match="'float32' is not installed; installed are int8"):
        cards.choose("mini_xception", "float32", "ai-edge-litert", only)


def test_a_folder_without_models_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds no usable model card"):
        cards.installed(tmp_path)
    with pytest.raises(ModelError, match="no such folder"):
        cards.installed(tmp_path / "none")


@pytest.mark.parametrize(
    ("machine", "cpuinfo", "kind"),
    [
        ("x86_64", "", "x86_64"),
        ("AMD64", "", "x86_64"),
        ("armv7l", "Features: neon", "armv7l"),
        ("aarch64", "Features\t: fp asimd evtstrm crc32 cpuid", "aarch64"),
        ("aarch64", "Features\t: fp asimd asimdhp asimdrdm lrcpc dcpop asimddp", "aarch64+dotprod"),
    ],
)
def test_the_kind_of_processor(
    machine: str, cpuinfo: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpuinfo").write_text(cpuinfo)
    monkeypatch.setattr("platform.machine", lambda: machine)
    assert cards.processor(tmp_path / "cpuinfo") == kind
