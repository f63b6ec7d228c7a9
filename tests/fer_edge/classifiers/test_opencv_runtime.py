"""OpenCV runs the float models as TFLite does, and no other model at all."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from fer_edge.classifiers import opencv_runtime
from fer_edge.classifiers.cards import Card, installed, models_folder
from fer_edge.classifiers.runtimes import RUNTIMES, find_runtime, load_interpreter
from fer_edge.classifiers.tflite import TfliteClassifier, classifier
from fer_edge.classifiers.tflite_file import read_graph
from fer_edge.cli import main
from fer_edge.demo import PORTRAIT
from fer_edge.detectors.face_verifier import FaceVerifier
from fer_edge.doctor.model import check
from fer_edge.errors import ModelError
from fer_edge.settings import ClassifierSettings
from fer_edge.types import Box
from hypothesis import given
from hypothesis import strategies as st

FLOAT32 = models_folder() / "mini_xception-float32.tflite"
TEACHABLE = Path(__file__).with_name("teachable") / "model_unquant.tflite"
MAX_DIFFERENCE = 1e-5  # of probabilities; 4e-6 was measured on faces of FER2013

if tuple(map(int, cv2.__version__.split(".")[:2])) < opencv_runtime.MIN_OPENCV:
    pytest.skip("needs OpenCV 4.10", allow_module_level=True)


def shipped(variant: str) -> Card:
    return next(card for card in installed() if card.name == f"mini_xception-{variant}")


@pytest.fixture
def opencv_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system without any TFLite package."""
    for name, runtime in RUNTIMES.items():
        if name != "opencv":
            monkeypatch.setitem(sys.modules, runtime.partition(":")[0], None)


@pytest.fixture(scope="module")
def squares() -> np.ndarray:
    """Crops (20, 48, 48) of the portrait, and noise."""
    portrait = cv2.imread(str(PORTRAIT), cv2.IMREAD_GRAYSCALE)
    assert portrait is not None
    rng = np.random.default_rng(3)
    crops = [cv2.resize(portrait[y : y + 130, x : x + 130], (48, 48)) for y, x in rng.integers(0, 90, (12, 2)) + 20]
    return np.concatenate([np.stack(crops).astype(np.uint8), rng.integers(0, 256, (8, 48, 48), np.uint8)])


@pytest.mark.parametrize("variant", ["float32", "float16"])
def test_probabilities_are_those_of_tflite(variant: str, squares: np.ndarray) -> None:
    card = shipped(variant)
    ours, theirs = (TfliteClassifier(card, name).predict_crops(squares) for name in ("opencv", find_runtime()[0]))
    assert np.abs(ours - theirs).max() < MAX_DIFFERENCE
    assert len(set(theirs.argmax(axis=1))) > 1


@pytest.mark.usefixtures("opencv_alone")
def test_fallback_takes_float32_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "fer_edge")
    chosen = classifier(ClassifierSettings())
    assert (chosen.card.variant, chosen.runtime) == ("float32", "opencv")
    assert "no TFLite interpreter is installed: OpenCV runs mini_xception-float32" in caplog.text
    caplog.clear()
    classifier(ClassifierSettings(runtime="opencv"))
    assert caplog.text == ""  # it was asked for


@pytest.mark.parametrize("variant", ["int8", "dynamic"])
def test_integer_models_are_refused(variant: str) -> None:
    with pytest.raises(ModelError, match=r"OpenCV runs no model with int8.* in it; choose the float32 variant$"):
        TfliteClassifier(shipped(variant), "opencv")


def test_what_opencv_runs_wrong_is_refused() -> None:
    """A fully connected layer: OpenCV leaves out its bias, and nothing would tell."""
    assert "FULLY_CONNECTED" in read_graph(TEACHABLE.read_bytes()).operations
    with pytest.raises(ModelError, match=r"OpenCV may run .*FULLY_CONNECTED.* wrong; a 64-bit system has TFLite"):
        load_interpreter(TEACHABLE, TEACHABLE.read_bytes(), "opencv")


def test_means_with_padding_are_refused() -> None:
    """Those of the shipped network have none; OpenCV would count padding among the pixels."""
    flatbuffers = pytest.importorskip("flatbuffers")
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    content = FLOAT32.read_bytes()
    assert "AVERAGE_POOL_2D" in read_graph(content).operations
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    (pooling,) = (
        operator.builtinOptions
        for operator in model.subgraphs[0].operators
        if isinstance(operator.builtinOptions, schema.Pool2DOptionsT)
    )
    pooling.filterWidth += 1
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    padded = bytes(builder.Output())
    assert "AVERAGE_POOL_2D with padding" in read_graph(padded).operations
    with pytest.raises(ModelError, match="OpenCV may run AVERAGE_POOL_2D with padding wrong"):
        load_interpreter(FLOAT32, padded, "opencv")


@pytest.mark.usefixtures("opencv_alone")
def test_face_verifier_has_a_float_file(squares: np.ndarray) -> None:
    """By OpenCV it gives what TFLite gives for the same file, and about what the int8 file gives."""
    path = models_folder() / "detectors" / "face_verifier-float32.tflite"
    ours = FaceVerifier().outputs(squares)
    assert np.isfinite(ours).all()
    assert ours.shape == (20, 5)
    assert np.array_equal(ours, FaceVerifier(path).outputs(squares))


def test_verifiers_agree(squares: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    path = models_folder() / "detectors" / "face_verifier-float32.tflite"
    int8, float32 = FaceVerifier().outputs(squares), FaceVerifier(path).outputs(squares)
    monkeypatch.setattr("fer_edge.detectors.face_verifier.find_runtime", lambda: ("opencv", None))
    monkeypatch.setattr(
        "fer_edge.detectors.face_verifier.load_interpreter",
        lambda path, content: load_interpreter(path, content, "opencv"),
    )
    assert np.abs(FaceVerifier().outputs(squares) - float32).max() < 1e-4
    assert np.abs(int8 - float32)[:, 0].mean() < 0.6  # log odds


@pytest.mark.usefixtures("opencv_alone")
def test_commands_work_without_tflite(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["detect", str(PORTRAIT)]) == 0
    assert "Happy" in capsys.readouterr().out
    assert main(["models", "--verify"]) == 0
    out = capsys.readouterr().out
    assert "unused  mini_xception-int8: opencv runs float models alone" in out
    assert "auto    mini_xception: float32 with opencv" in out


@pytest.mark.parametrize(("package", "level"), [("", "ok"), ("ai-edge-litert", "warning")])
@pytest.mark.usefixtures("opencv_alone")
def test_doctor_knows_the_fallback(package: str, level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no fault where there is no TFLite package; elsewhere the cure is to install it."""
    monkeypatch.setattr("fer_edge.doctor.model.tflite_package", lambda: package)
    finding = next(iter(check(None)))  # type: ignore[arg-type] - the interpreter needs no context
    assert (finding.level, finding.cure) == (level, f"pip install {package}" if package else "")
    assert f"OpenCV {cv2.__version__} on " in finding.says


def test_failures_are_errors() -> None:
    """What is no input cannot be written; a picture of another shape is refused."""
    loaded = opencv_runtime.Interpreter(FLOAT32.read_bytes())
    (entry,), (result,) = loaded.get_input_details(), loaded.get_output_details()
    with pytest.raises(ValueError, match="only the input"):
        loaded.tensor(result["index"])
    with pytest.raises(ValueError, match="broadcast"):
        loaded.set_tensor(entry["index"], np.zeros((1, 3, 3, 1), np.float32))
    loaded.set_tensor(entry["index"], np.zeros(entry["shape"], np.float32))
    loaded.invoke()
    assert loaded.get_tensor(result["index"]).shape == tuple(result["shape"])


def test_opencv_without_its_reader_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Debian's OpenCV has the function, which always fails: it was built without FlatBuffers."""
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: "    Protobuf:  build\n    Flatbuffers:  NO\n")
    monkeypatch.delitem(sys.modules, "fer_edge.classifiers.opencv_runtime")
    with pytest.raises(
        ModelError, match=r"as Debian's, was built without .*pip install 'opencv-python-headless>=4\.10'"
    ):
        find_runtime("opencv")


def test_predicts_in_a_frame() -> None:
    portrait = cv2.imread(str(PORTRAIT), cv2.IMREAD_GRAYSCALE)
    assert portrait is not None
    (prediction,) = TfliteClassifier(shipped("float32"), "opencv").predict(portrait, [Box(171, 59, 106, 106)])
    assert prediction.emotion == "happy"


@pytest.mark.parametrize("size", [0, 7, 1000, 200_000])
def test_cut_off_files_are_refused(size: int) -> None:
    with pytest.raises(ModelError, match=r"^model m\.tflite: "):
        load_interpreter(Path("m.tflite"), FLOAT32.read_bytes()[:size], "opencv")


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=6), st.floats(0, 1))
def test_damaged_graph_is_a_value_error(changes: list[tuple[float, int]], cut: float) -> None:
    """Whatever a file holds, it is read or refused, at once."""
    content = bytearray(TEACHABLE.read_bytes())
    for place, value in changes:
        content[int(place * (len(content) - 1))] = value
    try:
        graph = read_graph(bytes(content[: max(int(cut * len(content)), 8)]))
    except ValueError:
        return
    assert all(0 <= index < len(graph.tensors) for index in (*graph.inputs, *graph.outputs))
