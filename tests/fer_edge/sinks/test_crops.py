"""Pictures of one's own face: only if asked for, of one face alone, bounded, for this user alone, and said."""

from __future__ import annotations

import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from fer_edge import preprocess
from fer_edge.cli import main
from fer_edge.errors import SettingsError, SinkError
from fer_edge.settings import CropsSettings, Settings
from fer_edge.sinks import crops
from fer_edge.sinks.crops import Crops
from fer_edge.sinks.kiosk import i18n
from fer_edge.sinks.kiosk.pages import Pages
from fer_edge.types import Box, Observation, TiltedBox

Make = Callable[..., Observation]
PIXELS = np.random.default_rng(1).integers(0, 255, (480, 640), np.uint8)


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Crops]:
    def made(**more: Any) -> Crops:
        return Crops(CropsSettings(folder=str(tmp_path / "faces"), label="smile", **more))

    return made


@pytest.fixture
def one_face(make_observation: Make) -> Observation:
    """A face of 100 pixels."""
    seen = make_observation(0, "happy", grey=PIXELS)
    return replace(seen, faces=(replace(seen.faces[0], box=Box(50, 60, 100, 100)),))


def at(seen: Observation, seconds: float, number: int = 0) -> Observation:
    return replace(seen, frame=replace(seen.frame, time=seconds, number=number))


def test_face_is_saved_as_the_model_gets_it(make: Callable[..., Crops], make_observation: Make) -> None:
    """Upright and grey, without loss; by a training's names of folders."""
    seen = make_observation(7, "happy", grey=PIXELS)
    tilted = TiltedBox(200, 100, 120, 120, 20.0)
    seen = replace(seen, faces=(replace(seen.faces[0], box=tilted),))
    sink = make()
    sink.write(seen)
    (path,) = sink.path.iterdir()
    assert sink.path.name == "smile"
    saved = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert saved is not None
    assert (saved == preprocess.face_pixels(PIXELS, tilted, (120, 120))).all()


def test_others_and_small_faces_are_left_out(
    make: Callable[..., Crops], make_observation: Make, one_face: Observation
) -> None:
    """A frame with two people, with nobody, or with a face that is too small gives nothing."""
    sink = make(min_pixels=100)
    sink.write(replace(one_face, faces=one_face.faces * 2))
    sink.write(make_observation(1, grey=PIXELS))
    sink.write(replace(one_face, faces=(replace(one_face.faces[0], box=Box(50, 60, 99, 99)),)))
    assert not list(sink.path.iterdir())


def test_they_are_bounded_and_told(
    make: Callable[..., Crops], one_face: Observation, caplog: pytest.LogCaptureFixture
) -> None:
    """By time and by number, those of earlier runs included."""
    caplog.set_level("INFO")
    sink = make(seconds=1.0, max_pictures=3)
    for number in range(21):
        sink.write(at(one_face, number / 10, number))
    assert len(list(sink.path.iterdir())) == 3
    sink.close()
    again = make(max_pictures=3)
    again.write(at(one_face, 99.0, 99))
    again.close()
    assert len(list(sink.path.iterdir())) == 3
    assert [record.getMessage().replace(str(sink.path), "PATH") for record in caplog.records] == [
        "crops: pictures of the face in view are saved in PATH, until it has 3 pictures",
        "crops: PATH has 3 pictures: no more are saved",
        "crops: 3 pictures saved in PATH",
        "crops: PATH has 3 pictures, the most (crops.max_pictures): no more are saved",
    ]


def test_only_their_user_may_read_them(make: Callable[..., Crops], one_face: Observation) -> None:
    sink = make()
    sink.write(one_face)
    (path,) = sink.path.iterdir()
    modes = [stat.S_IMODE(place.stat().st_mode) for place in (sink.path.parent, sink.path, path)]
    assert modes == [0o700, 0o700, 0o600]


def test_full_disk_leaves_no_half_picture(
    make: Callable[..., Crops], one_face: Observation, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = make()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(crops.os, "fchmod", full)
    with pytest.raises(SinkError, match=r"cannot be written \(No space left on device\); make room"):
        sink.write(one_face)
    assert not list(sink.path.iterdir())


@pytest.mark.parametrize("label", ["../up", "a/b", ".hidden", " ", "x" * 65])
def test_label_is_a_folder_s_name(label: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--source", "demo", "--save-crops", str(tmp_path), "--label", label]) == 2
    assert "crops.label" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_both_options_are_needed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for options in (["--label", "smile"], ["--save-crops", str(tmp_path)]):
        assert main(["run", "--source", "demo", "--log", str(tmp_path / "log"), *options]) == 2
    said = capsys.readouterr().err
    assert "--label: is for --save-crops FOLDER" in said
    assert "crops.label: is empty" in said


def test_run_saves_them(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    command = ["run", "--source", "demo", "--max-frames", "30", "--save-crops", "faces", "--label", "smile"]
    assert main(command) == 0
    assert (tmp_path / "faces" / "smile").is_dir()
    assert "crops: pictures of the face in view are saved in faces/smile" in capsys.readouterr().err


def test_kiosk_says_so() -> None:
    """Without, its page says that no pictures are stored; the label may be anything."""
    words = {"notice": "It stores no pictures.", "notice_crops": "It stores pictures, to learn {label}."}
    shown = Pages(i18n.load("en") | words, live=True, saved="<b>smile")
    for name in ("stage", "live"):
        body = bytes(shown.page(name).body).decode()
        assert "It stores pictures, to learn &lt;b&gt;smile." in body
        assert ">It stores no pictures.<" not in body


def test_settings_alone_save_nothing() -> None:
    assert "crops" not in Settings().run.sinks
    with pytest.raises(SettingsError, match=r"crops\.folder: is empty; give both"):
        Crops(CropsSettings())


def test_folder_that_cannot_be_made_ends_the_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    command = ["run", "--source", "demo", "--save-crops", str(tmp_path / "file"), "--label", "smile"]
    assert main([*command, "--only-sink", "console"]) == 2
    assert "choose another folder" in capsys.readouterr().err
