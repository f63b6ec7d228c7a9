"""Reader.read: every way to give a picture gives its faces, and nothing of the last picture; the rest is refused."""

from __future__ import annotations

import copy
import gc
import pickle
import re
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from fer_edge import Reader, build
from fer_edge.demo import PORTRAIT
from fer_edge.detectors.auto import DetectorChoice
from fer_edge.errors import ModelError, SettingsError, SourceError
from fer_edge.settings import DetectorSettings, Settings
from fer_edge.types import Box, Face, Pixels
from PIL import Image


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


@pytest.fixture(scope="module")
def portrait() -> Pixels:
    return np.asarray(cv2.imread(str(PORTRAIT)), np.uint8)


@pytest.fixture(scope="module")
def couple(portrait: Pixels) -> Pixels:
    """The portrait at half its size on the left, whole on the right."""
    small = cv2.resize(portrait, (256, 256), interpolation=cv2.INTER_AREA)
    picture = np.full((512, 768, 3), 180, np.uint8)
    picture[:256, :256], picture[:, 256:] = small, portrait
    return picture


@pytest.fixture(scope="module")
def faces(reader: Reader) -> tuple[Face, ...]:
    return reader.read(PORTRAIT)


def test_face_has_emotion_box_and_scores(reader: Reader, faces: tuple[Face, ...]) -> None:
    (face,) = faces
    assert (face.id, face.emotion) == (1, "happy")
    assert isinstance(face.box, Box)
    assert face.box.x < 224 < face.box.x + face.box.width
    assert face.box.y < 112 < face.box.y + face.box.height
    assert tuple(face.scores) == reader.labels == face.prediction.labels
    assert tuple(face.scores.values()) == face.prediction.scores
    assert sum(face.scores.values()) == pytest.approx(1, abs=1e-3)
    assert face.confidence == face.scores["happy"] == max(face.scores.values()) > 0.8


def as_text(picture: Pixels) -> Any:
    return str(PORTRAIT)


def bgr(picture: Pixels) -> Any:
    return picture


def grey(picture: Pixels) -> Any:
    return cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)


def read_only(picture: Pixels) -> Any:
    picture = picture.copy()
    picture.flags.writeable = False
    return picture


def column_major(picture: Pixels) -> Any:
    return np.asfortranarray(picture)


def every_second(picture: Pixels) -> Any:
    large = np.zeros((1024, 1024, 3), np.uint8)
    large[::2, ::2] = picture
    return large[::2, ::2]


def grey_backwards(picture: Pixels) -> Any:
    return np.asfortranarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)[:, ::-1])[:, ::-1]


def backwards(picture: Pixels) -> Any:
    return np.asarray(Image.open(PORTRAIT).convert("RGB"))[:, :, ::-1]


@pytest.mark.parametrize("form", [as_text, bgr, grey, read_only, column_major, every_second, grey_backwards])
def test_all_forms_give_the_same(form: Any, portrait: Pixels, reader: Reader, faces: tuple[Face, ...]) -> None:
    picture = form(portrait)
    before = picture if isinstance(picture, str) else picture.copy()
    # Pillow and OpenCV decode a JPEG's colours to within a grey level of each other.
    assert [replace(face, prediction=faces[0].prediction, confidence=0) for face in reader.read(picture)] == [
        replace(face, confidence=0) for face in faces
    ]
    assert np.array_equal(picture, before)


def test_rgb_turned_round_is_bgr(portrait: Pixels, reader: Reader, faces: tuple[Face, ...]) -> None:
    """A view whose third axis runs backwards."""
    assert reader.read(backwards(portrait)) == faces


def test_exif_turns_a_file(reader: Reader, faces: tuple[Face, ...], tmp_path: Path) -> None:
    image = Image.open(PORTRAIT).rotate(90, expand=True)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned clockwise
    image.save(tmp_path / "turned.png", exif=exif)
    (face,) = reader.read(tmp_path / "turned.png")
    assert (face.box, face.emotion) == (faces[0].box, "happy")


def test_settings_turn_a_file_as_in_a_folder(faces: tuple[Face, ...], tmp_path: Path) -> None:
    """`source.rotate` and `source.flip` mount the camera that took it, whether `read` or `watch` reads the file."""
    Image.open(PORTRAIT).transpose(Image.Transpose.FLIP_LEFT_RIGHT).rotate(90, expand=True).save(tmp_path / "a.png")
    reader = Reader(settings={"source": {"rotate": 90, "flip": True}})
    (face,) = reader.read(tmp_path / "a.png")
    assert (face.box, face.emotion) == (faces[0].box, "happy")
    (watched,) = reader.watch(tmp_path)
    assert watched.faces[0].box == face.box


def test_largest_face_comes_first(couple: Pixels, reader: Reader) -> None:
    """And has id 1: what a program takes that asks for one face is the person in front."""
    large, small = reader.read(couple)
    assert (large.id, small.id) == (1, 2)
    assert large.box.width > 1.5 * small.box.width
    assert large.box.x > small.box.x
    small, large = reader.read(couple[:, ::-1])[::-1]
    assert (large.id, small.id) == (1, 2)
    assert large.box.width > small.box.width


@pytest.mark.slow
def test_nothing_is_left_for_the_next(couple: Pixels, portrait: Pixels, reader: Reader) -> None:
    """The same picture gives the same, whatever came before it."""
    portrait = portrait[:300, 80:380]
    alone = reader.read(portrait)
    assert len(alone) == 1
    for before in (couple, np.zeros_like(portrait), portrait[:, ::-1]):
        reader.read(before)
        assert reader.read(portrait) == alone


def test_array_is_not_kept(portrait: Pixels, reader: Reader) -> None:
    """What a program shows it, it may forget."""
    picture = np.ascontiguousarray(cv2.cvtColor(portrait, cv2.COLOR_BGR2GRAY))
    gone = weakref.ref(picture)
    assert reader.read(picture)
    del picture
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 1, 3), (2, 3), (1, 5000), (5000, 1, 3), (23, 24), (33000, 30), (30, 33000)]
)
def test_odd_sizes_have_no_face(shape: tuple[int, ...], reader: Reader) -> None:
    noise = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    assert [reader.read(picture) for picture in (noise, np.zeros_like(noise), np.full_like(noise, 255))] == [()] * 3


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (np.zeros((4, 5), np.float32), r"pixels are float32; .* if they go from 0 to 1: \(255 \* picture\).astype"),
        (np.zeros((4, 5), np.uint16), "pixels are uint16; it must be uint8 of shape"),
        (np.zeros((4, 5), np.bool_), "pixels are bool"),
        (np.zeros(5, np.uint8), r"shape is \(5,\); it must be uint8 of shape"),
        (np.zeros((4, 5, 2), np.uint8), r"shape is \(4, 5, 2\)"),
        (np.zeros((4, 5, 4), np.uint8), r"without its fourth channel: picture\[:, :, :3\]"),
        (np.zeros((4, 5, 1), np.uint8), r"without its third axis: picture\[:, :, 0\]"),
        (np.zeros((3, 4, 5), np.uint8), "with its channels last: np.moveaxis"),
        (np.zeros((1, 4, 5, 3), np.uint8), "one picture at a time"),
        (np.zeros((0, 5, 3), np.uint8), r"shape is \(0, 5, 3\), so it has no pixels"),
        (np.zeros((5, 0), np.uint8), "so it has no pixels"),
        (np.zeros((10_000, 5_001), np.uint8), r"5001 x 10000 pixels \(50.01 megapixels\), the limit is 50 megapixels"),
        (None, "cv2.imread gives None for a file that it cannot read"),
        ([[0, 1], [2, 3]], "picture: is list; give a path, or a NumPy array"),
        (b"portrait.jpg", "picture: is bytes; give a path"),
        (7, "picture: is int"),
        ("missing.jpg", "picture missing.jpg: no such file; check the path"),
        ("", "is empty, not a file"),
        ("a\0b.jpg", "is not a path"),
        (".", "is a folder, not a file; .* is for watch"),
        (Path(), "is a folder, not a file; .* is for watch"),
        ("camera:0", "no such file; check the path; a camera, a URL, a video or a folder is for watch"),
        ("rtsp://me:secret@host/1", "picture rtsp://host: is a URL, not a file; .* is for watch"),
    ],
)
def test_what_is_no_picture_is_refused(picture: Any, words: str, reader: Reader) -> None:
    with pytest.raises(SourceError, match=words) as caught:
        reader.read(picture)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("cut.jpg", PORTRAIT.read_bytes()[:9000], r"cut.jpg: is cut off or damaged .*; copy it again$"),
        ("clip.mp4", b"no picture", "is not a picture that can be read, but text; .* a video or a folder is for watch"),
    ],
)
def test_file_that_is_no_picture(name: str, content: bytes, words: str, reader: Reader, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=words):
        reader.read(tmp_path / name)


def test_pillows_guard_stays(reader: Reader) -> None:
    """Its limit protects the program that uses fer-edge, too."""
    limit = Image.MAX_IMAGE_PIXELS
    assert reader.read(PORTRAIT)
    with pytest.raises(SourceError):
        reader.read("missing.jpg")
    assert limit == Image.MAX_IMAGE_PIXELS is not None


@pytest.mark.parametrize(("threads", "left"), [(0, 3), (2, 2)])
def test_opencvs_threads_stay(threads: int, left: int) -> None:
    """Unless the settings ask for another number."""
    before = cv2.getNumThreads()
    try:
        cv2.setNumThreads(3)
        Reader(settings={"detector": {"threads": threads}}).read(np.zeros((50, 50), np.uint8))
        assert cv2.getNumThreads() == left
    finally:
        cv2.setNumThreads(before)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"model": "resnet"}, ModelError, "model 'resnet': not installed; installed are mini_xception"),
        ({"model": Path("/none/x.tflite")}, ModelError, "model /none/x.tflite: no such file"),
        (
            {"model": Path("/none/x.md")},
            ModelError,
            "model /none/x.md: is not a model by its name; give a .tflite file",
        ),
        ({"model": 3}, SettingsError, "classifier.model = 3: must be text"),
        ({"detector": "hog"}, SettingsError, "detector.name = 'hog': must be one of auto, haar, blazeface, yunet"),
        ({"detector": "yunet"}, ModelError, "detector yunet: not installed"),
        ({"max_faces": 0}, SettingsError, "detector.max_faces = 0: must be from 1 to 100"),
        ({"settings": {"smoother": {"second": 1}}}, SettingsError, "smoother.second = 1: unknown key"),
        ({"settings": Settings(detector=DetectorSettings(width=1))}, SettingsError, "detector.width = 1: must be from"),
        ({"settings": 3}, SettingsError, "settings: is int; give a Settings, a mapping"),
        ({"settings": "none.toml"}, SettingsError, "settings none.toml: No such file or directory; give a TOML file$"),
        ({"settings": "a\0b"}, SettingsError, "is not a path"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], error: type[Exception], words: str) -> None:
    """When it is made, not at the first picture."""
    with pytest.raises(error, match=words):
        Reader(**options)


def test_options_are_keywords() -> None:
    with pytest.raises(TypeError):
        Reader("mini_xception")  # type: ignore[misc]


def test_settings_come_in_three_forms(tmp_path: Path) -> None:
    """And the options go over them."""
    (tmp_path / "my.toml").write_text('[detector]\nname = "fake"\nmax_faces = 5\n[classifier]\nname = "fake"\n')
    tables = {"detector": {"name": "fake", "max_faces": 5}, "classifier": {"name": "fake"}}
    forms = (tmp_path / "my.toml", str(tmp_path / "my.toml"), tables, Reader(settings=tables).settings)
    for form in forms:
        chosen = Reader(settings=form, max_faces=2).settings
        assert chosen == replace(chosen, detector=replace(chosen.detector, name="fake", max_faces=2))
        assert chosen.classifier.name == "fake"
    assert Reader(detector="fake", settings=tables).read(np.full((80, 90), 200, np.uint8))[0].box == Box(25, 20, 40, 40)


def test_max_faces_is_kept(couple: Pixels) -> None:
    assert len(Reader(max_faces=1).read(couple)) == 1


def test_model_by_its_path(portrait: Pixels) -> None:
    from fer_edge.classifiers.cards import models_folder

    path = models_folder() / "mini_xception-float32.tflite"
    named, by_path = Reader(model="mini_xception-float32"), Reader(model=path)
    assert named.read(portrait) == by_path.read(portrait)
    assert "mini_xception-float32" in repr(by_path)
    assert re.search("detector=haar", repr(by_path))


def test_detector_is_chosen_once(portrait: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the reader is made; its settings, its words and its copies then say which."""
    found = Reader().settings.detector
    assert found == DetectorSettings(name="haar")
    calls: list[DetectorSettings] = []

    def choose(settings: DetectorSettings, *_: object) -> DetectorChoice:
        if settings.name == "auto":
            calls.append(settings)
        return DetectorChoice("fake", replace(settings, name="fake"), "fake, in this test")

    monkeypatch.setattr(build, "choose_detector", choose)
    reader = Reader(max_faces=2)
    assert calls == [DetectorSettings(max_faces=2)]
    assert reader.settings.detector == DetectorSettings(name="fake", max_faces=2)
    assert "detector=fake" in repr(reader)
    copy = pickle.loads(pickle.dumps(reader))
    for one in (reader, copy):
        assert [face.box for face in one.read(portrait)] == [Box(128, 128, 256, 256)]
    assert len(calls) == 1


@pytest.mark.slow
def test_copies_are_readers_too(portrait: Pixels) -> None:
    reader = Reader(model="mini_xception-float32", max_faces=3)
    for other in (copy.copy(reader), copy.deepcopy(reader)):
        assert other.settings == reader.settings
        assert other.read(portrait) == reader.read(portrait)
