"""The real picamera2 and libcamera, on a camera made of the demo's pictures (rigs/camera.py).

What the fake in test_picamera_source.py only claims is shown here: that picamera2 behaves so. Set up by `make rigs`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import camera  # rigs/camera.py
import debian
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(120), pytest.mark.rig("camera")]


@pytest.fixture(scope="module")
def inside() -> Iterator[camera.Inside]:
    try:
        system = camera.find()
    except debian.RigError as reason:
        if not camera.excused(str(reason)):
            pytest.fail(f"the camera rig was not set up, and CI should be able to: {reason}")
        pytest.skip(f"needs the real picamera2: {reason}")
    with camera.inside(system) as there:
        yield there


def seen(inside: camera.Inside, *program: str, **environment: str) -> tuple[dict[str, Any], list[str]]:
    """What the program saw, and its lines on stderr."""
    done = inside.run(*program, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer, done.stderr.splitlines()


def log_lines(inside: camera.Inside) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (inside.folder / "log.jsonl").read_text().splitlines()]


@pytest.fixture
def log(inside: camera.Inside) -> Iterator[str]:
    """The option that puts the log where `log_lines` reads it."""
    yield f"--log=/{(inside.folder / 'log.jsonl').relative_to(inside.system)}"
    (inside.folder / "log.jsonl").unlink(missing_ok=True)


@pytest.mark.parametrize(("width", "height"), [(640, 480), (320, 240)])
def test_frames(inside: camera.Inside, width: int, height: int) -> None:
    """The camera is found and opened, its small stream is the frames, its metadata are their times; and once more.

    Protects the calls themselves: configure, start, capture_buffers, close are picamera2's own. And that a frame is
    dated by its exposure, not by when we got round to it.
    """
    answer, errors = seen(inside, "frames", str(width), str(height))
    assert errors == []
    assert answer["found"] == ["imx219", ""]
    assert answer["shapes"] == [[height, width]]
    assert answer["pictures"] > 1
    assert answer["times"] == [stamp / 1e9 for stamp in answer["stamps"]]
    assert sorted(set(answer["times"])) == answer["times"]
    assert answer["begun"] < answer["times"][0] < answer["times"][-1] < answer["ended"]
    assert answer["layouts"] == {"main": "NV12", "lores": "NV12"}
    assert answer["one of them"] == [True, True]  # main and lores are the pictures that became frames
    assert answer["again"] > answer["ended"]  # closed, then opened again in the same process


def test_faces_are_found_and_read(inside: camera.Inside, log: str) -> None:
    """`fer-edge run` with Haar, the model and the log, on picamera2's frames: the portrait smiles, where it is."""
    answer, errors = seen(inside, "run", log, "--log-mode", "frames", "--max-frames", "15")
    assert (answer["exit"], errors) == (0, [])
    lines = log_lines(inside)
    assert [line["frame"] for line in lines] == list(range(15))
    faces = [face for line in lines for face in line["faces"]]
    assert len(faces) >= 12  # one needs a moment to be met
    assert {face["id"] for face in faces} == {1}
    assert [face["emotion"] for face in faces].count("happy") >= 0.8 * len(faces)
    for x, y, w, h in (face["box"] for face in faces):
        assert abs(x + w / 2 - 326) < 30  # the clip's portrait from 1.6 s to 2 s
        assert abs(y + h / 2 - 222) < 30


def test_busy(inside: camera.Inside, log: str) -> None:
    """A camera in use is reported in one line with the fix; its user keeps it, and once released it can be opened."""
    answer, errors = seen(inside, "busy", log)
    assert answer == {"refused": 3, "then": 0}
    assert errors == [
        "fer-edge: error: picamera: the camera is in use by another program; stop it first "
        "(find it with: sudo fuser -v /dev/media*)"
    ]


def test_no_camera(inside: camera.Inside, log: str) -> None:
    """No camera is reported in one line, without libcamera's own."""
    answer, errors = seen(inside, "run", log, LIBCAMERA_PIPELINES_MATCH_LIST="rpi/vc4")
    assert answer == {"exit": 3}
    assert errors == [
        "fer-edge: error: picamera: no camera is attached; check the ribbon cable, then: rpicam-hello --list"
    ]


def test_frames_stop_arriving(inside: camera.Inside) -> None:
    """A pulled cable is a loss within the timeout, and no hang: neither in waiting nor in close nor opened again."""
    answer, _ = seen(inside, "lost", "0.5")
    assert answer["later"]["kind"] == "SourceLost"
    assert answer["at first"]["kind"] == "SourceError"  # it never worked: a start that fails, nothing to wait for
    for case in (answer["later"], answer["at first"]):
        assert "gave no picture for 0.5 s" in case["says"]
        assert "check the ribbon cable" in case["says"]
        assert 0.5 <= case["after"] < 3
        assert case["close"] < 5
    assert answer["again"] == 5


def test_a_lost_camera_is_opened_again(inside: camera.Inside, log: str) -> None:
    """`fer-edge run` survives a cable that is pulled and put back: it is logged once, then faces come again."""
    paced = ("--fps", "20", "--max-frames", "30")  # 1.5 s: that it works again is logged after 1 s
    answer, errors = seen(inside, "comes-back", log, *paced, "--set", "source.timeout_seconds=0.5")
    assert answer == {"exit": 0, "opened": 2}
    assert [line.partition(" picamera: ")[2].partition(",")[0] for line in errors] == [
        "gave no picture for 0.5 s",
        "gives pictures again",
    ]
    assert any(line["faces"] for line in log_lines(inside))
