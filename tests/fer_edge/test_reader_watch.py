"""Reader.watch: every source, tracked and steadied; a camera is released at once, and opened again if it is lost."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from fer_edge import Reader, loop, retry
from fer_edge.build import make_classifier, make_parts
from fer_edge.demo import PORTRAIT, clip
from fer_edge.errors import SourceError, SourceGone, SourceLost
from fer_edge.settings import Settings
from fer_edge.sources import devices, open_source
from fer_edge.sources.devices import Device
from fer_edge.sources.frame_rate import FrameRateLimit
from fer_edge.sources.v4l2 import V4l2Camera
from fer_edge.stopwatch import Stopwatch
from fer_edge.types import Frame, Observation, Sink


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second of the demo clip."""
    path = tmp_path_factory.mktemp("video") / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), clip.FPS, (clip.WIDTH, clip.HEIGHT))
    drawn = clip.Clip()
    for number in range(clip.FPS):
        writer.write(drawn.draw(number))
    writer.release()
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    portrait = cv2.resize(cv2.imread(str(PORTRAIT)), (256, 256), interpolation=cv2.INTER_AREA)
    for name in ("a.jpg", "c.jpg"):
        cv2.imwrite(str(folder / name), portrait)
    cv2.imwrite(str(folder / "b.png"), np.full((240, 320, 3), 180, np.uint8))
    return folder


class Camera:
    """A stand-in for cv2.VideoCapture that shows the demo: a picture after `next`, or 50 ms; after `lasts` none."""

    def __init__(self, lasts: int = 1_000_000) -> None:
        self.lasts = lasts
        self.openings = 0
        self.released = threading.Event()
        self.next = threading.Semaphore(1)
        self._clip, self._numbers = clip.Clip(), itertools.count()

    def __call__(self, number: int, backend: int) -> Camera:
        self.openings += 1
        self.released.clear()
        self._left = self.lasts
        return self

    def isOpened(self) -> bool:  # noqa: N802
        return True

    def set(self, key: int, value: float) -> bool:
        return True

    def grab(self) -> bool:
        if not self._left:
            return False
        self._left -= 1
        self.next.acquire(timeout=0.05)
        return True

    def retrieve(self) -> tuple[bool, Any]:
        return True, self._clip.draw(next(self._numbers) % clip.LENGTH)

    def release(self) -> None:
        self.released.set()


@pytest.fixture
def camera(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Camera:
    """camera:0 is there."""
    (tmp_path / "video0").touch()
    device, camera = Device(0, tmp_path / "video0", "HD Webcam", None), Camera()
    monkeypatch.setattr(devices, "probe", lambda number: device)
    monkeypatch.setattr(V4l2Camera.__init__, "__defaults__", (camera,))
    monkeypatch.setattr(retry, "FIRST_PAUSE_S", 0.0)
    return camera


@pytest.mark.slow
def test_video_is_watched_as_by_the_loop(reader: Reader, video: Path) -> None:
    """The same observations as `fer-edge run` has."""

    class Kept(Sink):
        def write(self, observation: Observation) -> None:
            seen.append(observation)

        def close(self) -> None:
            pass

    seen: list[Observation] = []
    settings = Settings()
    parts = make_parts(settings, make_classifier(settings.classifier), still=False)
    with closing(open_source(str(video)).source) as source:
        loop.run(source, *parts, [Kept()], Stopwatch())
    watched = list(reader.watch(video))
    assert [(o.faces, o.events, o.frame.number, o.frame.time) for o in watched] == [
        (o.faces, o.events, o.frame.number, o.frame.time) for o in seen
    ]
    assert len(watched) == clip.FPS
    assert {face.id for observation in watched for face in observation.faces} == {1}
    assert [(event.kind, event.face.emotion) for o in watched for event in o.events] == [("came", "happy")]
    assert watched[-1].faces[0].confidence != watched[-1].faces[0].scores["happy"]  # steadied


def test_each_watch_begins_anew(reader: Reader, video: Path) -> None:
    """Two at once too: they know nothing of each other."""
    for first, second in zip(reader.watch(video), reader.watch(str(video)), strict=True):
        assert (first.faces, first.events) == (second.faces, second.events)
        assert {face.id for face in first.faces} <= {1}


def test_folder_is_read_picture_by_picture(reader: Reader, folder: Path) -> None:
    observations = list(reader.watch(folder))
    assert [Path(o.frame.source).name for o in observations] == ["a.jpg", "b.png", "c.jpg"]
    assert [[face.emotion for face in o.faces] for o in observations] == [["happy"], [], ["happy"]]
    assert observations[2].faces[0].prediction == reader.read(folder / "c.jpg")[0].prediction


def test_bad_picture_is_said_at_the_end(reader: Reader, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "b.png").write_bytes(b"nothing")
    seen = []
    with pytest.raises(SourceError, match="1 of its 3 pictures could not be read"):
        seen += [observation.frame.number for observation in watch_into(seen, reader.watch(folder))]
    assert [observation.frame.number for observation in seen] == [0, 1]
    assert [record.levelno for record in caplog.records if record.levelno > logging.INFO] == [logging.WARNING]
    assert "b.png" in caplog.text


def watch_into(seen: list[Observation], observations: Iterator[Observation]) -> Iterator[Observation]:
    for observation in observations:
        seen.append(observation)
        yield observation


def test_one_picture_can_be_watched(reader: Reader, folder: Path) -> None:
    (observation,) = reader.watch(folder / "a.jpg")
    assert [face.emotion for face in observation.faces] == ["happy"]


@pytest.mark.slow
def test_read_while_watching(reader: Reader, video: Path, folder: Path) -> None:
    """Neither disturbs the other, in a video as in a folder."""
    alone = [o.faces for o in itertools.islice(reader.watch(video), 12)]
    assert alone[-1]
    single = reader.read(folder / "a.jpg")
    faces = []
    for observation in itertools.islice(reader.watch(video), 12):
        faces.append(observation.faces)
        if len(faces) % 4 == 1:
            assert reader.read(folder / "a.jpg") == single
    assert faces == alone
    ids = []
    for observation in reader.watch(folder):
        reader.read(folder / "a.jpg")
        ids += [face.id for face in observation.faces]
    assert ids == [1, 2]


@pytest.mark.parametrize("source", ["demo", "video", "folder", "camera:0"])
def test_observations_may_be_kept(
    source: str, reader: Reader, video: Path, folder: Path, request: pytest.FixtureRequest
) -> None:
    """No later frame is written over their pictures."""
    camera = request.getfixturevalue("camera") if source == "camera:0" else None
    kept, copies = [], []
    for observation in reader.watch({"video": str(video), "folder": str(folder)}.get(source, source)):
        frame = observation.frame
        kept.append(frame)
        copies.append((frame.grey.copy(), None if frame.colour is None else frame.colour.copy()))
        if camera:
            camera.next.release()
        if len(kept) == 4:
            break
    assert len(kept) >= 3
    for frame, (grey, colour) in zip(kept, copies, strict=True):
        assert np.array_equal(frame.grey, grey)
        assert frame.colour is not None
        assert np.array_equal(frame.colour, colour)
    for one, other in itertools.combinations(kept, 2):
        assert not np.shares_memory(one.grey, other.grey)
        assert not np.shares_memory(one.colour, other.colour)


def test_break_releases_the_camera(reader: Reader, camera: Camera) -> None:
    for observation in reader.watch("camera:0"):
        assert observation.frame.source == "camera:0"
        assert not camera.released.is_set()
        break
    assert camera.released.is_set()


def test_closing_releases_the_camera(reader: Reader, camera: Camera) -> None:
    """Also where an exception leaves the loop, whose traceback keeps the generator alive."""
    with pytest.raises(ZeroDivisionError) as caught, closing(reader.watch("camera:0")) as observations:  # noqa: PT012
        for _ in observations:
            raise ZeroDivisionError
    assert camera.released.is_set()
    assert caught.tb


def test_nothing_is_opened_before_the_first_frame(reader: Reader, camera: Camera) -> None:
    observations = reader.watch("camera:0")
    assert camera.openings == 0
    next(observations)
    assert camera.openings == 1
    observations.close()


def test_a_lost_camera_is_opened_again(reader: Reader, camera: Camera) -> None:
    """Frames are numbered on, and the face keeps its id."""
    camera.lasts = 10
    numbers, ids = [], set()
    with closing(reader.watch("camera:0")) as observations:
        for observation in itertools.islice(observations, 25):
            numbers.append(observation.frame.number)
            ids |= {face.id for face in observation.faces}
            camera.next.release()
    assert numbers == list(range(25))
    assert camera.openings >= 3
    assert ids == {1}


def test_a_camera_that_stays_lost_ends_it(camera: Camera, monkeypatch: pytest.MonkeyPatch) -> None:
    camera.lasts = 1
    reader = Reader(settings={"source": {"give_up_seconds": 0.01}})
    observations = reader.watch("camera:0")
    next(observations)
    camera.lasts = 0  # it opens, and gives nothing
    with pytest.raises(SourceGone, match="tried in vain"):
        next(observations)
    assert camera.released.is_set()


def test_stopped_ends_it_while_a_camera_is_lost(reader: Reader, camera: Camera) -> None:
    """Without an error, though the camera is gone."""
    camera.lasts = 1
    asked = itertools.count()
    stop = threading.Event()

    def stopped() -> bool:
        return stop.is_set() and next(asked) > 3

    seen = []
    for observation in reader.watch("camera:0", stopped=stopped):
        seen.append(observation.frame.number)
        camera.lasts = 0
        stop.set()
    assert seen == [0]
    assert camera.released.is_set()


def test_stopped_ends_a_video(reader: Reader, video: Path) -> None:
    seen: list[Frame] = []
    for observation in reader.watch(video, stopped=lambda: len(seen) >= 3):
        seen.append(observation.frame)
    assert len(seen) == 3


def test_frame_rate_of_the_settings_holds(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And it learns from each observation whether somebody is there."""
    made: list[float] = []
    waited: list[float] = []
    learnt: list[Observation] = []
    begin = FrameRateLimit.__init__

    def timed(limit: FrameRateLimit, fps: float, stopped: Any, idle_fps: float, *rest: Any, **more: Any) -> None:
        made.append(idle_fps)
        begin(limit, fps, stopped, idle_fps, *rest, **more, clock=lambda: sum(waited), sleep=waited.append)

    monkeypatch.setattr(FrameRateLimit, "__init__", timed)
    monkeypatch.setattr(FrameRateLimit, "write", lambda limit, observation: learnt.append(observation))
    reader = Reader(detector="fake", settings={"source": {"fps": 8}})
    assert list(itertools.islice(reader.watch(video), 5)) == learnt
    assert sum(waited) == pytest.approx(4 / 8)
    assert made == [0.0]  # a video does not slow down while nobody is there


def test_cut_off_video_is_said_after_the_last_frame(reader: Reader, video: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.avi").write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    seen: list[Observation] = []
    with pytest.raises(SourceLost, match="is cut off"):
        for _ in watch_into(seen, reader.watch(tmp_path / "cut.avi")):
            pass
    assert 5 < len(seen) < clip.FPS


def test_path_is_a_path(reader: Reader, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Path("demo") is a file or folder of that name; the text "demo" is the demo."""
    monkeypatch.chdir(folder.parent)
    folder.rename("demo")
    assert next(reader.watch(Path("demo"))).frame.source == "demo/a.jpg"
    assert next(reader.watch("demo")).frame.source == "demo"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (0, "source 0: is int; write it as 'camera:0'"),
        (np.int32(1), "source 1: is int32; write it as 'camera:1'"),
        (None, "source None: is NoneType; give a name, a URL or a path"),
        (b"clip.mp4", "is bytes; give a name, a URL or a path as text"),
        (1.5, "source 1.5: is float; give a name"),
        ("", "source '': is empty"),
        ("none.mp4", "source 'none.mp4': no such file or folder"),
        ("a\0b", "no such file or folder"),
        ("camera:one", "a camera has a number"),
        ("ftp://host/x", "the scheme 'ftp' is unknown"),
    ],
)
def test_no_source_is_refused_at_once(source: Any, words: str, reader: Reader) -> None:
    """By the call, not by the first frame."""
    with pytest.raises(SourceError, match=words):
        reader.watch(source)
