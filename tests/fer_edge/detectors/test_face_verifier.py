"""The face verifier says whether a square is a face, and where exactly, and refuses files that are not its own."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from fer_edge.classifiers.cards import models_folder
from fer_edge.demo import PORTRAIT
from fer_edge.detectors import face_verifier
from fer_edge.detectors.candidate import Candidate, log_odds
from fer_edge.detectors.face_verifier import OUTPUTS, SIDE_PX, UNITS, FaceVerifier
from fer_edge.errors import ModelError
from fer_edge.preprocess import even_light, turned_square
from fer_edge.types import Pixels

MIDDLE, SIDE = (224.0, 112.0), 106.0  # of the portrait's face
SHIPPED = models_folder() / "detectors" / "face_verifier.tflite"


@pytest.fixture(scope="module")
def portrait() -> Pixels:
    picture = cv2.imread(str(PORTRAIT), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    return picture


@pytest.fixture(scope="module")
def verifier() -> FaceVerifier:
    return FaceVerifier()


def square(x: float, y: float, side: float, tilt: float = 0.0) -> Candidate:
    """A candidate about the middle (x, y)."""
    return Candidate(x - side / 2, y - side / 2, side, 0.5, tilt)


def off(found: Candidate) -> float:
    """How far a square's middle is from that of the portrait's face, in sides of it."""
    return math.dist((found.x + found.side / 2, found.y + found.side / 2), MIDDLE) / SIDE


def turned(picture: Pixels, degrees: float) -> Pixels:
    """The portrait with its head tilted clockwise about the face's middle."""
    matrix = cv2.getRotationMatrix2D(MIDDLE, -degrees, 1)
    return np.asarray(cv2.warpAffine(picture, matrix, picture.shape[::-1], borderMode=cv2.BORDER_REPLICATE), np.uint8)


@pytest.mark.parametrize("right", [-0.2, 0.0, 0.2])
@pytest.mark.parametrize("down", [-0.2, 0.2])
@pytest.mark.parametrize("scale", [0.8, 1.0, 1.2])
def test_looks_come_nearer(right: float, down: float, scale: float, verifier: FaceVerifier, portrait: Pixels) -> None:
    """A square a fifth of a side beside the face, and a fifth too large or too small, is a face, nearer the middle."""
    near = square(MIDDLE[0] + right * SIDE, MIDDLE[1] + down * SIDE, SIDE * scale)
    first = verifier.locate(portrait, near)
    second = verifier.locate(portrait, first)
    assert min(first.score, second.score) > 0.6
    assert off(second) < off(first) < off(near) or off(second) < 0.1
    assert off(second) < 0.2
    assert second.side == pytest.approx(SIDE, rel=0.3)
    assert abs(second.tilt) < 12


@pytest.mark.parametrize("factor", [0.2, 0.5, 4.0])
def test_size_does_not_matter(factor: float, verifier: FaceVerifier, portrait: Pixels) -> None:
    """A face of twenty pixels is located as one of four hundred."""
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    picture = np.asarray(cv2.resize(portrait, None, fx=factor, fy=factor, interpolation=way), np.uint8)
    whole = verifier.locate(portrait, square(*MIDDLE, SIDE))
    found = verifier.locate(picture, square(*(value * factor for value in MIDDLE), SIDE * factor))
    assert found.score > 0.9
    assert found[:3] == pytest.approx([value * factor for value in whole[:3]], abs=0.12 * SIDE * factor)


@pytest.mark.parametrize(("light", "haze"), [(0.15, 0), (0.12, 45), (0.5, 120)])
def test_light_does_not_matter(light: float, haze: int, verifier: FaceVerifier, portrait: Pixels) -> None:
    dim = np.asarray(cv2.convertScaleAbs(portrait, alpha=light, beta=haze), np.uint8)
    found = verifier.locate(dim, square(*MIDDLE, SIDE))
    assert found.score > 0.9
    assert off(found) < 0.15


@pytest.mark.parametrize("degrees", [-30, -20, 20, 30])
def test_tilt_is_found_clockwise(degrees: float, verifier: FaceVerifier, portrait: Pixels) -> None:
    """Of a head tilted by up to thirty degrees, in three looks, the last from nearly upright; its place stays near."""
    found = square(*MIDDLE, SIDE)
    for _ in range(3):
        found = verifier.locate(turned(portrait, degrees), found)
    assert found.score > 0.9
    assert found.tilt == pytest.approx(degrees, abs=15)
    assert off(found) < 0.2
    hinted = verifier.locate(turned(portrait, degrees), square(*MIDDLE, SIDE, degrees))
    assert hinted.tilt == pytest.approx(degrees, abs=12)
    assert off(hinted) < 0.15


def test_place_is_turned_back(verifier: FaceVerifier, portrait: Pixels) -> None:
    """The shift that the network sees in the turned square is one in the frame."""
    for degrees in (-40.0, 40.0):
        for right, down in ((0.2, 0.0), (0.0, 0.2), (-0.2, 0.0), (0.0, -0.2)):
            near = square(MIDDLE[0] + right * SIDE, MIDDLE[1] + down * SIDE, SIDE, degrees)
            assert off(verifier.locate(turned(portrait, degrees), near)) < 0.16


@pytest.mark.parametrize("level", [0, 128, 255])
def test_flat_grey_is_no_face(level: int, verifier: FaceVerifier) -> None:
    assert verifier.locate(np.full((480, 640), level, np.uint8), square(300, 200, 100)).score < 0.1


@pytest.mark.parametrize("seed", range(5))
def test_noise_is_no_face(seed: int, verifier: FaceVerifier) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (480, 640), np.uint8)
    for side in (40, 100, 300):
        assert verifier.locate(noise, square(300, 200, side)).score < 0.1


def test_face_upside_down_is_doubted(verifier: FaceVerifier, portrait: Pixels) -> None:
    upright = verifier.locate(portrait, square(*MIDDLE, SIDE))
    upside_down = np.ascontiguousarray(portrait[::-1])
    found = verifier.locate(upside_down, square(MIDDLE[0], 512 - MIDDLE[1], SIDE))
    assert log_odds(found.score) < log_odds(upright.score) - 4


@pytest.mark.parametrize("place", [(-60, 100), (-300, 100), (520, 100), (224, 600), (1e4, 1e4), (-1e9, 1e9), (1e9, 0)])
@pytest.mark.parametrize("tilt", [0.0, 37.0])
def test_squares_outside_are_no_faces(
    place: tuple[float, float], tilt: float, verifier: FaceVerifier, portrait: Pixels
) -> None:
    """Partly or wholly beyond the frame's edge, where its edge pixels are repeated."""
    assert verifier.locate(portrait, square(*place, SIDE, tilt)).score < 0.5


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (3, 7)])
@pytest.mark.parametrize("side", [0.01, 1.0, 100.0, 1e5])
def test_frames_of_any_shape(shape: tuple[int, int], side: float, verifier: FaceVerifier) -> None:
    assert verifier.locate(np.full(shape, 99, np.uint8), square(shape[1] / 2, shape[0] / 2, side)).score < 0.5


@pytest.mark.parametrize("side", [0.0, -5.0, math.nan, math.inf])
def test_squares_of_no_size_are_no_faces(side: float, verifier: FaceVerifier, portrait: Pixels) -> None:
    """Nor those that are nowhere: a damaged detector may give any."""
    near = Candidate(200, 80, side, 0.9)
    assert verifier.locate(portrait, near).score == 0
    assert verifier.locate(portrait, Candidate(math.nan, 80, 60, 0.9)).score == 0
    assert verifier.locate(portrait, Candidate(200, math.inf, 60, 0.9)).score == 0


def test_tilt_has_limits(verifier: FaceVerifier) -> None:
    """However far looks follow each other, no face is taken for one that is turned further than the network saw."""
    noise = np.random.default_rng(1).integers(0, 256, (480, 640), np.uint8)
    for tilt in (-50.0, 50.0):
        found = square(300, 200, 100, tilt)
        for _ in range(8):
            found = verifier.locate(noise, found)
            assert abs(found.tilt) <= face_verifier.MAX_TILT


def test_outputs_are_in_units(verifier: FaceVerifier, portrait: Pixels) -> None:
    """What the workstation measures is what `locate` uses."""
    x, y, side = MIDDLE[0] + 10, MIDDLE[1] - 6, 120.0
    seen = even_light(turned_square(portrait, x, y, side * face_verifier.REACH, 0.0, SIDE_PX))
    outputs = verifier.outputs(np.stack([seen, seen[:, ::-1]]))
    assert outputs.shape == (2, OUTPUTS)
    right, down, log_scale, tilt = outputs[0, 1:] * UNITS
    found = verifier.locate(portrait, square(x, y, side))
    assert log_odds(found.score) == pytest.approx(float(outputs[0, 0]), abs=1e-4)
    assert found.side == pytest.approx(side * math.exp(log_scale))
    assert found.x + found.side / 2 == pytest.approx(x + right * side)
    assert found.y + found.side / 2 == pytest.approx(y + down * side)
    assert found.tilt == pytest.approx(tilt)


# --- files ---


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shipped file and its card, to be damaged."""
    path = tmp_path / "detectors" / SHIPPED.name
    path.parent.mkdir()
    shutil.copy(SHIPPED, path)
    shutil.copy(SHIPPED.with_suffix(".json"), path.with_suffix(".json"))
    monkeypatch.setattr(face_verifier, "models_folder", lambda: tmp_path)
    return path


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def another_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[20_000] ^= 1
    path.write_bytes(content)


def another_model(path: Path) -> None:
    shutil.copy(models_folder() / "mini_xception-int8.tflite", path)


def no_file(path: Path) -> None:
    path.unlink()


def no_card(path: Path) -> None:
    path.with_suffix(".json").unlink()


def broken_card(path: Path) -> None:
    path.with_suffix(".json").write_text("{")


def empty_card(path: Path) -> None:
    path.with_suffix(".json").write_text("{}")


def card_of_numbers(path: Path) -> None:
    path.with_suffix(".json").write_text("[1, 2]")


def binary_card(path: Path) -> None:
    path.with_suffix(".json").write_bytes(b"\xff\xfe\x00")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (cut_off, "is damaged, its card has another sha256"),
        (another_byte, "is damaged, its card has another sha256"),
        (another_model, "is damaged, its card has another sha256"),
        (no_file, "cannot be read with its card"),
        (no_card, "cannot be read with its card"),
        (broken_card, "cannot be read with its card"),
        (empty_card, "cannot be read with its card"),
        (card_of_numbers, "cannot be read with its card"),
        (binary_card, "cannot be read with its card"),
    ],
)
def test_damage_is_one_line(damage: Callable[[Path], None], words: str, copy: Path) -> None:
    """The shipped file must be what its card says; the error names the file and the fix."""
    assert FaceVerifier()
    damage(copy)
    with pytest.raises(ModelError) as raised:
        FaceVerifier()
    line = str(raised.value)
    assert words in line
    assert str(copy) in line
    assert line.endswith("; install fer-edge again")
    assert "\n" not in line


@pytest.mark.parametrize("content", [None, b"", b"no model", b"\x1c\x00\x00\x00TFL3" + b"\x08\x07" * 500])
def test_bad_file_is_an_error(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "face.tflite"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError) as raised:
        FaceVerifier(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("variant", ["int8", "float32"])
def test_emotion_network_is_refused(variant: str) -> None:
    path = models_folder() / f"mini_xception-{variant}.tflite"
    with pytest.raises(ModelError, match=r"and gives \[\[1, 7\]\] in .*, so it is no face verifier; restore it"):
        FaceVerifier(path)


class Steps:
    """An interpreter with the face verifier's tensors, whose output has steps of `scale`."""

    def __init__(self, scale: float, outputs: int = 1, taken: type = np.uint8) -> None:
        self._scale, self._outputs, self._taken = scale, outputs, taken

    def get_input_details(self) -> list[dict[str, Any]]:
        return [{"index": 0, "shape": np.array((1, SIDE_PX, SIDE_PX, 1)), "dtype": self._taken}]

    def get_output_details(self) -> list[dict[str, Any]]:
        return [{"index": 1, "shape": np.array((1, OUTPUTS)), "quantization": (self._scale, 3)}] * self._outputs


@pytest.mark.parametrize(
    ("found", "works"),
    [
        (Steps(0.1), True),
        (Steps(0.0), False),
        (Steps(math.nan), False),
        (Steps(math.inf), False),
        (Steps(-0.1), False),
        (Steps(1e6), False),
        (Steps(0.1, outputs=2), False),
        (Steps(0.1, taken=np.float32), False),
        (Steps(0.0, taken=np.float32), True),
    ],
)
def test_absurd_steps_are_refused(found: Steps, works: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file whose outputs would be no numbers, or any size, is an error at the start, no crash at a face."""
    monkeypatch.setattr(face_verifier, "load_interpreter", lambda path, content: ("fake", found))
    path = tmp_path / "face.tflite"
    path.touch()
    if works:
        assert FaceVerifier(path)
        return
    with pytest.raises(ModelError) as raised:
        FaceVerifier(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_card_says_what_it_is() -> None:
    card = json.loads(SHIPPED.with_suffix(".json").read_text())
    assert card["input"] == {"height": SIDE_PX, "width": SIDE_PX, "dtype": "uint8", "range": [0, 255]}
    assert card["units"] == pytest.approx([1.0, *UNITS])
    assert len(card["output"]) == OUTPUTS
    assert card["bytes"] == SHIPPED.stat().st_size
    assert card["metrics"]["recall_at_1_percent_false"] > 0.7
