"""A .tflite with a list of labels beside it runs without a card, as Teachable Machine exports it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from fer_edge.classifiers import bare
from fer_edge.classifiers.cards import load_card, read_model
from fer_edge.classifiers.runtimes import load_interpreter
from fer_edge.classifiers.tflite import TfliteClassifier
from fer_edge.cli import main
from fer_edge.errors import ModelError

EXPORT = Path(__file__).with_name("teachable")  # a network of 300 weights, float and quantized, that takes colours


@pytest.fixture
def export(tmp_path: Path) -> Path:
    shutil.copytree(EXPORT, tmp_path / "export")
    return tmp_path / "export"


@pytest.mark.parametrize(("name", "dtype"), [("model_unquant", "float32"), ("model", "uint8")])
def test_card_is_read_from_the_model(export: Path, name: str, dtype: str, caplog: pytest.LogCaptureFixture) -> None:
    card = load_card(export / f"{name}.tflite")
    assert (card.labels, card.size, card.channels, card.dtype) == (("Sad", "Happiness"), (24, 24), 3, dtype)
    assert card.range == pytest.approx((-1, 1), abs=0.01)
    assert read_model(card) == (export / f"{name}.tflite").read_bytes()
    assert "has no card; taken: the labels in labels.txt, pixels as -" in caplog.text


@pytest.mark.parametrize(("name", "limit"), [("model_unquant", 1e-5), ("model", 0.03)])
def test_each_colour_gets_the_grey(export: Path, name: str, limit: float) -> None:
    """What the model predicts is what it predicts for the face in three equal colours, from -1 to 1."""
    faces = np.random.default_rng(1).integers(0, 256, (8, 24, 24), np.uint8)
    found = TfliteClassifier(load_card(export / f"{name}.tflite")).predict_crops(faces)
    path = export / "model_unquant.tflite"
    _, interpreter = load_interpreter(path, path.read_bytes())
    entry, result = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    for face, scores in zip(faces, found, strict=True):
        interpreter.set_tensor(entry, np.repeat(np.float32(face / 127.5 - 1)[None, :, :, None], 3, axis=3))
        interpreter.invoke()
        np.testing.assert_allclose(scores, interpreter.get_tensor(result)[0], atol=limit)


def test_card_goes_before_the_list(export: Path) -> None:
    """Also a damaged one: it is reported, not passed over."""
    (export / "model.json").write_text("{")
    with pytest.raises(ModelError, match="not readable as JSON"):
        load_card(export / "model.tflite")


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("0 Sad\n1 Happiness\n", ("Sad", "Happiness")),
        ("\ufeffsad\r\n\r\nvery happy\r\n", ("sad", "very happy")),
        ("0: sad\n1: happy", ("sad", "happy")),
        ("2 sad\n1 happy", ("2 sad", "1 happy")),  # no count
        ("7\n8", ("7", "8")),
        ("0 üzgün\n1 mutlu", ("üzgün", "mutlu")),
    ],
)
def test_labels_of_a_list(tmp_path: Path, text: str, labels: tuple[str, ...]) -> None:
    path = tmp_path / "labels.txt"
    path.write_text(text, encoding="utf-8")
    assert bare.read_labels(path) == labels


@pytest.mark.parametrize("content", [b"", b"one\n", b"a\na\n", b"\xff\xfe\x00", b"0 a\n1 a\n"])
def test_other_lists_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "labels.txt"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"labels\.txt: .* in each line") as error:
        bare.read_labels(path)
    assert "\n" not in str(error.value)


def test_list_of_another_model_is_refused(export: Path) -> None:
    (export / "labels.txt").write_text("a\nb\nc\n")
    with pytest.raises(ModelError, match=r"gives \[\(1, 2\)\], for 3 labels; check that they are of this model"):
        load_card(export / "model.tflite")


def test_what_is_no_classifier_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(b"\x1c\0\0\0TFL3" + bytes(200))
    (tmp_path / "m.txt").write_text("a\nb\n")
    with pytest.raises(ModelError, match=r"m\.tflite: .* cannot load it"):
        load_card(tmp_path / "m.tflite")


def test_it_is_installed_with_a_card(export: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without its labels the error says how to give them."""
    (export / "labels.txt").write_text("0 smile\n1 frown\n")  # no emotion that the portrait could contradict
    folder = tmp_path / "models"
    assert main(["models", "install", str(export / "model.tflite"), "--to", str(folder)]) == 0
    assert load_card(folder / "model.json").labels == ("smile", "frown")
    (export / "labels.txt").unlink()
    assert main(["models", "install", str(export / "model.tflite"), "--to", str(folder)]) == 5
    assert "put its labels.txt beside it" in capsys.readouterr().err
