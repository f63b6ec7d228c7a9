"""Models run as their cards say: same answers in every variant, pixels straight into the tensor, errors in words."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from fer_edge.classifiers import cards, opencv_runtime, runtimes, tflite
from fer_edge.classifiers.prior import Prior
from fer_edge.classifiers.runtimes import RUNTIMES, find_runtime
from fer_edge.classifiers.tflite import TfliteClassifier
from fer_edge.demo import PORTRAIT
from fer_edge.detectors.face_verifier import FaceVerifier
from fer_edge.detectors.haar import detector as haar
from fer_edge.errors import ModelError
from fer_edge.settings import ClassifierSettings, DetectorSettings
from fer_edge.types import EMOTIONS, Box, Frame, Pixels

VARIANTS = ("float32", "float16", "dynamic", "int8")


def shipped(variant: str) -> cards.Card:
    return cards.choose("mini_xception", variant, "ai-edge-litert", cards.installed())


@pytest.fixture(scope="module")
def portrait() -> Pixels:
    picture = cv2.imread(str(PORTRAIT), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    return picture


@pytest.fixture(scope="module")
def face(portrait: Pixels) -> Box:
    found, *_ = haar(DetectorSettings(), FaceVerifier(), still=True).detect(
        Frame(0, 0.0, datetime.now(UTC), portrait, "test")
    )
    return Box(*found)  # upright, as the crops that it is compared with


@pytest.mark.parametrize("variant", VARIANTS)
def test_portrait_is_happy_in_all_variants(variant: str, portrait: Pixels, face: Box) -> None:
    """Every variant predicts that the portrait is happy."""
    card = shipped(variant)
    (prediction,) = TfliteClassifier(card).predict(portrait, [face])
    assert prediction.emotion == "happy"
    assert prediction.score("happy") > 0.5
    assert sum(prediction.scores) == pytest.approx(1, abs=1e-5)
    assert prediction.labels == card.labels


def test_all_variants_agree(portrait: Pixels, face: Box) -> None:
    boxes = [face, Box(face.x - 10, face.y + 5, face.width, face.height), Box(-20, -20, 90, 90)]
    read = {v: TfliteClassifier(shipped(v)).predict(portrait, boxes) for v in VARIANTS}
    exact = np.array([prediction.scores for prediction in read["float32"]])
    for variant, limit in (("float16", 0.01), ("dynamic", 0.1), ("int8", 0.15)):
        np.testing.assert_allclose([prediction.scores for prediction in read[variant]], exact, atol=limit)


def test_int8_input_equals_the_pixels(portrait: Pixels, face: Box) -> None:
    """An int8 model gets the pixels unchanged."""
    card = shipped("int8")
    classifier = TfliteClassifier(card)
    assert classifier._table is None  # nothing between the picture and the tensor
    interpreter = classifier._interpreter
    seen: list[Pixels] = []
    real = interpreter.invoke
    interpreter.invoke = lambda: (seen.append(interpreter.get_tensor(classifier._input)[0, :, :, 0].copy()), real())
    classifier.predict(portrait, [face])
    from fer_edge import preprocess

    np.testing.assert_array_equal(seen[0], preprocess.face_pixels(portrait, face, card.size))


def test_view_of_a_profiler_is_waited_for(portrait: Pixels, face: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """That of a Dask worker looks at functions while they write the face, and lets go."""
    classifier = TfliteClassifier(shipped("int8"))
    before = classifier.predict(portrait, [face])
    held = [classifier._interpreter.tensor(classifier._input)()]
    monkeypatch.setattr(runtimes.time, "sleep", lambda _: held.clear())
    assert classifier.predict(portrait, [face]) == before
    assert not held


def test_crops_and_boxes_agree(portrait: Pixels, face: Box) -> None:
    """A crop has the same prediction as its box in the frame."""
    card = shipped("int8")
    classifier = TfliteClassifier(card)
    crop = portrait[face.y : face.y + face.height, face.x : face.x + face.width]
    scores = classifier.predict_crops(crop[None])
    np.testing.assert_array_equal(scores[0], np.float32(classifier.predict(portrait, [face])[0].scores))
    assert classifier.predict_crops(np.empty((0, 48, 48), np.uint8)).shape == (0, 7)


class Int8Outputs:
    """An interpreter whose model gives the shares -128 to 127, as TensorFlow's own converter makes them."""

    def __init__(self, model_content: bytes, num_threads: int) -> None:
        os.write(2, b"INFO: Created TensorFlow Lite XNNPACK delegate\n")
        self._face = np.zeros((1, 64, 64, 1), np.uint8)

    def allocate_tensors(self) -> None: ...

    def invoke(self) -> None: ...

    def get_input_details(self) -> list[dict[str, Any]]:
        return [{"index": 0, "shape": self._face.shape, "dtype": np.uint8, "quantization": (1.0, 0)}]

    def get_output_details(self) -> list[dict[str, Any]]:
        return [{"index": 1, "shape": (1, 7), "dtype": np.int8, "quantization": (1 / 256, -128)}]

    def tensor(self, index: int) -> Callable[[], Pixels]:
        return lambda: self._face

    def get_tensor(self, index: int) -> Any:
        return np.array([[-128, -128, -64, 64, -128, -128, -128]], np.int8)


def test_int8_outputs_become_shares(monkeypatch: pytest.MonkeyPatch, portrait: Pixels, face: Box) -> None:
    monkeypatch.setattr(runtimes, "find_runtime", lambda name: (name, Int8Outputs))
    (prediction,) = TfliteClassifier(shipped("int8")).predict(portrait, [face])
    assert prediction.scores == pytest.approx((0, 0, 0.25, 0.75, 0, 0, 0))


def prior(share: float, temperature: float = 0.8) -> Prior:
    """Of a model whose labels are all equally frequent but `fear`, which has a hundredth of their frequency."""
    return Prior(share, temperature, tuple(0.001 if label == "fear" else 0.1 for label in EMOTIONS))


@pytest.mark.parametrize(("share", "odds"), [(0.7, 1.0), (1.0, 100**0.375), (0.2, 100**-0.625), (None, 1.0)])
def test_prior_changes_the_odds(
    share: float | None, odds: float, monkeypatch: pytest.MonkeyPatch, portrait: Pixels, face: Box
) -> None:
    """The odds of a frequent and a rare label change by their frequencies' ratio, to (new - old) / temperature."""
    monkeypatch.setattr(runtimes, "find_runtime", lambda name: (name, Int8Outputs))
    card = replace(shipped("int8"), prior=prior(0.7))
    (found,) = TfliteClassifier(card, prior=share).predict(portrait, [face])
    assert sum(found.scores) == pytest.approx(1)
    assert found.score("happy") / found.score("fear") == pytest.approx(3 * odds)


def test_same_prior_changes_nothing(portrait: Pixels, face: Box) -> None:
    """The prior that a model was converted with gives the same bits as none."""
    card = replace(shipped("float32"), prior=prior(0.7))
    plain = TfliteClassifier(card)
    assert plain._factors is None
    assert TfliteClassifier(card, prior=0.7).predict(portrait, [face]) == plain.predict(portrait, [face])


def test_prior_counts_for_crops(portrait: Pixels, face: Box) -> None:
    classifier = TfliteClassifier(replace(shipped("float32"), prior=prior(0.7)), prior=0.0)
    crop = portrait[face.y : face.y + face.height, face.x : face.x + face.width]
    scores = classifier.predict_crops(crop[None])
    np.testing.assert_array_equal(scores[0], np.float32(classifier.predict(portrait, [face])[0].scores))


def test_extreme_prior_stays_finite(portrait: Pixels, face: Box) -> None:
    """Cards with the least temperature and frequencies that are allowed give probabilities."""
    for converted, share in ((1.0, 0.0), (0.0, 1.0)):
        card = replace(shipped("int8"), prior=Prior(converted, 0.0501, (5e-324, *[1e-300] * 6)))
        (found,) = TfliteClassifier(card, prior=share).predict(portrait, [face])
        assert np.isfinite(found.scores).all()
        assert sum(found.scores) == pytest.approx(1, abs=1e-5)


def test_prior_needs_a_card_that_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the model, the setting and two ways out; without the setting the model works."""
    monkeypatch.setattr(tflite, "choose", lambda *_: replace(shipped("int8"), prior=None))
    assert tflite.classifier(ClassifierSettings())._factors is None
    with pytest.raises(ModelError) as raised:
        tflite.classifier(ClassifierSettings(prior=0.5))
    for words in ("mini_xception-int8.tflite", "classifier.prior = 0.5", "fer-convert quantize", "leave the setting"):
        assert words in str(raised.value)


def test_setting_reaches_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """0 is a value, and the default is none."""
    card = replace(shipped("int8"), prior=prior(0.7))
    monkeypatch.setattr(tflite, "choose", lambda *_: card)
    assert tflite.classifier(ClassifierSettings())._factors is None
    for share in (0.0, 1.0):
        factors = tflite.classifier(ClassifierSettings(prior=share))._factors
        np.testing.assert_allclose(factors, card.prior.factors(share), rtol=1e-6)


def test_only_loading_is_quiet(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """What a runtime prints while a model loads is dropped, later errors are not, and no file stays open."""
    monkeypatch.setattr(runtimes, "find_runtime", lambda name: (name, Int8Outputs))
    before = len(list(Path("/dev/fd").iterdir()))
    for _ in range(3):
        TfliteClassifier(shipped("int8"))
    assert len(list(Path("/dev/fd").iterdir())) == before
    os.write(2, b"an error\n")
    assert capfd.readouterr() == ("", "an error\n")


def test_no_faces_is_no_reading(portrait: Pixels) -> None:
    card = shipped("int8")
    assert TfliteClassifier(card).predict(portrait, []) == []


@pytest.mark.parametrize(
    ("quantization", "dtype", "span", "expected"),
    [
        ((1.0, 0), np.uint8, (0.0, 255.0), None),
        ((1 / 255, 0), np.uint8, (0.0, 1.0), None),
        ((1.0, -128), np.int8, (0.0, 255.0), np.arange(-128, 128)),
        ((2 / 255, 128), np.uint8, (-1.0, 1.0), np.minimum(np.arange(256) + 0.5, 255)),
        ((0.0, 0), np.float32, (-1.0, 1.0), np.arange(256) / 127.5 - 1),
    ],
)
def test_pixels_are_scaled_as_trained(
    quantization: tuple[float, int], dtype: type[Any], span: tuple[float, float], expected: Any
) -> None:
    """Pixels become the values on which the model was trained."""
    card = replace(shipped("int8"), range=span)
    table = tflite._table(card, {"dtype": dtype, "quantization": quantization})
    if expected is None:
        assert table is None
    else:
        assert table is not None
        assert table.dtype == dtype
        np.testing.assert_allclose(table.astype(float), expected, atol=0.51 if dtype == np.uint8 else 1e-6)


def test_unfitting_card_is_refused(tmp_path: Path) -> None:
    """A card that does not fit its model is refused."""
    for suffix in (".tflite", ".json"):
        shutil.copy(cards.models_folder() / f"mini_xception-int8{suffix}", tmp_path)
    file = tmp_path / "mini_xception-int8.json"
    original = json.loads(file.read_text())
    for change, words in (
        ({"labels": ["yes", "no"], "prior": None}, "2 labels"),
        ({"input": {**original["input"], "width": 48}}, "its card says uint8 of (1, 64, 48, 1)"),
        ({"input": {**original["input"], "dtype": "float32"}}, "its card says float32"),
    ):
        file.write_text(json.dumps(original | change))
        card = cards.load_card(file)
        with pytest.raises(ModelError) as raised:
            TfliteClassifier(card)
        assert words in str(raised.value)
        assert "np." not in str(raised.value)


def test_false_tflite_file_is_refused(tmp_path: Path) -> None:
    """A file that only begins like a model is refused."""
    import hashlib

    content = b"\x1c\0\0\0TFL3" + bytes(range(256)) * 40
    path = tmp_path / "broken.tflite"
    path.write_bytes(content)
    card = replace(shipped("int8"), path=path, bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
    with pytest.raises(ModelError, match=r"broken\.tflite: .* cannot load it"):
        TfliteClassifier(card)


def test_runtimes_are_tried_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("ai_edge_litert.interpreter", "tflite_runtime.interpreter", "tensorflow"):
        monkeypatch.setitem(sys.modules, module, None)
    assert find_runtime() == ("opencv", opencv_runtime.Interpreter)
    monkeypatch.setitem(sys.modules, "fer_edge.classifiers.opencv_runtime", None)
    with pytest.raises(ModelError, match=r"no TFLite interpreter can be imported.*pip install ai-edge-litert"):
        find_runtime()
    fake = SimpleNamespace(lite=SimpleNamespace(Interpreter=int))
    monkeypatch.setitem(sys.modules, "tensorflow", fake)
    assert find_runtime() == ("tensorflow", int)
    monkeypatch.setitem(sys.modules, "tflite_runtime.interpreter", SimpleNamespace(Interpreter=str))
    assert find_runtime() == ("tflite-runtime", str)
    assert find_runtime("tensorflow") == ("tensorflow", int)


@pytest.mark.parametrize(
    ("machine", "version", "words"),
    [
        ("aarch64", (3, 13), "pip install ai-edge-litert"),
        ("armv7l", (3, 11), "pip install tflite-runtime"),
        ("armv7l", (3, 13), "pip install 'opencv-python-headless>=4.10'"),
    ],
)
def test_fix_fits_the_machine(
    machine: str, version: tuple[int, int], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command that cannot work is not named."""
    for runtime in RUNTIMES.values():
        monkeypatch.setitem(sys.modules, runtime.partition(":")[0], None)
    monkeypatch.setattr(runtimes.platform, "machine", lambda: machine)
    monkeypatch.setattr(runtimes.sys, "version_info", version)
    with pytest.raises(ModelError) as raised:
        find_runtime()
    assert words in str(raised.value)


def test_settings_offer_every_runtime() -> None:
    """And the variants of the cards: settings.py must not import what loads an interpreter, so it repeats them."""
    offered = {field.name: field.metadata.get("choices") for field in fields(ClassifierSettings)}
    assert offered["runtime"] == ("auto", *RUNTIMES)
    assert offered["variant"] == ("auto", *cards.VARIANTS)


def test_unknown_runtime_lists_known_ones() -> None:
    """An unknown runtime is refused, and the error lists the known ones."""
    with pytest.raises(ModelError, match=f"'onnx': unknown; known are auto, {', '.join(RUNTIMES)}"):
        find_runtime("onnx")


def test_numpy_2_names_the_fix() -> None:
    """tflite-runtime with NumPy 2 is an error that names the fix."""
    words = runtimes._why(Path("m.tflite"), "tflite-runtime", RuntimeError("_ARRAY_API not found"))
    if int(np.__version__.split(".")[0]) >= 2:
        assert "pip install 'numpy<2'" in words


def test_only_numpy_2_is_blamed(monkeypatch: pytest.MonkeyPatch) -> None:
    """With an older NumPy, and with another runtime, the model's file is what is wrong."""
    for runtime, numpy in (("tflite-runtime", "1.26.4"), ("ai-edge-litert", "2.2.0")):
        monkeypatch.setattr(np, "__version__", numpy)
        words = runtimes._why(Path("m.tflite"), runtime, RuntimeError("bad flatbuffer"))
        assert "restore, install or convert it again" in words


class Outputs(Int8Outputs):
    """An interpreter of a float model that gives `values`, and after `good` faces `later`."""

    values: Any = (0.7, 0.3, 0, 0, 0, 0, 0)
    later: Any = None
    good = 4

    def invoke(self) -> None:
        self.good -= 1

    def get_output_details(self) -> list[dict[str, Any]]:
        return [{"index": 1, "shape": (1, 7), "dtype": np.float32, "quantization": (0.0, 0)}]

    def get_tensor(self, index: int) -> Any:
        return np.float32([self.later if self.later is not None and self.good < 0 else self.values])


NONE_OF_THEM = ((2.0, -1.0, 0, 0, 0, 0, 0), (0.2,) * 7, (float("nan"),) * 7, (0.0,) * 7, (1e30,) * 7, (-0.1,) * 7)


@pytest.mark.parametrize("values", NONE_OF_THEM)
def test_no_distribution_is_refused(values: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Logits, sigmoids, NaN: a model that gives no probabilities is not loaded."""
    monkeypatch.setattr(runtimes, "find_runtime", lambda name: (name, type("Wrong", (Outputs,), {"values": values})))
    with pytest.raises(ModelError, match=r"mini_xception-int8\.tflite: gives .* no probabilities .* softmax"):
        TfliteClassifier(shipped("int8"))


@pytest.mark.parametrize("values", NONE_OF_THEM)
def test_no_distribution_is_never_shown(
    values: Any, monkeypatch: pytest.MonkeyPatch, portrait: Pixels, face: Box
) -> None:
    """Even if a face comes for which a model fails that it did not fail for when it was loaded."""
    probes = len(tflite.probe_pictures((64, 64)))
    later = type("Later", (Outputs,), {"later": values, "good": probes})
    monkeypatch.setattr(runtimes, "find_runtime", lambda name: (name, later))
    with pytest.raises(ModelError, match="no probabilities"):
        TfliteClassifier(shipped("int8")).predict(portrait, [face])


def test_published_logits_are_refused() -> None:
    """A real model without its softmax."""
    card = cards.load_card(Path(__file__).with_name("m_logits48-float32.tflite"))
    with pytest.raises(ModelError, match="no probabilities that sum to 1"):
        TfliteClassifier(card)
