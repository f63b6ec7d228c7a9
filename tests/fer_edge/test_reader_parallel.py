"""One Reader in many threads and processes: each picture gets its own answer."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack

import cv2
import numpy as np
import pytest
from fer_edge import Reader
from fer_edge.classifiers import runtimes, tflite
from fer_edge.classifiers.fake import FakeClassifier
from fer_edge.classifiers.tta import MirrorAveraging
from fer_edge.demo import PORTRAIT
from fer_edge.types import Pixels


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


@pytest.fixture(scope="module")
def pictures() -> list[Pixels]:
    """With one face, each elsewhere or of another size, with two, and with none."""
    portrait = cv2.resize(np.asarray(cv2.imread(str(PORTRAIT)), np.uint8), (256, 256), interpolation=cv2.INTER_AREA)
    small = cv2.resize(portrait, (200, 200), interpolation=cv2.INTER_AREA)
    couple = np.hstack([small, small[:, ::-1]])
    return [portrait, portrait[:, ::-1], small, couple, np.full((240, 320), 180, np.uint8), portrait[:200, 30:]]


@pytest.mark.slow
def test_four_threads_each_get_their_own(reader: Reader, pictures: list[Pixels]) -> None:
    """Four read at the same time, each time."""
    alone = [reader.read(picture) for picture in pictures]
    assert [len(faces) for faces in alone] == [1, 1, 1, 2, 0, 1]
    together = threading.Barrier(4, timeout=30)

    def read(number: int) -> object:
        together.wait()
        return reader.read(pictures[number % len(pictures)])

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(read, range(12)))
    assert results == [alone[number % len(pictures)] for number in range(12)]


def test_parts_are_not_shared_meanwhile(reader: Reader) -> None:
    """Two that read at once have two detectors and interpreters; one after the other has the same."""
    with reader.parts(still=True) as one, reader.parts(still=True) as other:
        assert one.detector is not other.detector
        assert one.classifier is not other.classifier
        seen = {id(one.detector), id(other.detector)}
    with reader.parts(still=True) as again:
        assert id(again.detector) in seen


def test_a_burst_of_threads_leaves_few_parts() -> None:
    """What forty made at once is given back, but for as many as there are cores."""
    fake = Reader(detector="fake", settings={"classifier": {"name": "fake"}})
    with ExitStack() as stack:
        made = {id(stack.enter_context(fake.parts(still=True)).detector) for _ in range(40)}
    assert len(made) == 40
    assert len(fake._free) == (os.cpu_count() or 1)


def test_each_picture_is_averaged_with_its_mirror_image_once() -> None:
    """Also from the second picture on, for which the parts of the first are used again."""
    fake = Reader(detector="fake", settings={"classifier": {"name": "fake"}})
    seen = []
    for _ in range(3):
        with fake.parts(still=True) as parts:
            assert isinstance(parts.classifier, MirrorAveraging)
            seen.append(parts.classifier.classifier)
    assert seen == [seen[0]] * 3
    assert isinstance(seen[0], FakeClassifier)


def test_pickled_it_is_its_settings(reader: Reader) -> None:
    """A pool sends it along with each task; the other process makes its parts once, at the first picture."""
    data = pickle.dumps(reader)
    assert len(data) < 10_000
    restored = pickle.loads(data)
    assert restored.settings == reader.settings
    assert pickle.loads(pickle.dumps(reader)) is restored
    other = pickle.loads(pickle.dumps(Reader(max_faces=3)))
    assert other.settings.detector.max_faces == 3
    assert other is not restored


def test_restored_it_loads_at_the_first_picture(pictures: list[Pixels], monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    begin = tflite.TfliteClassifier.__init__

    def noted(classifier: tflite.TfliteClassifier, card: tflite.Card, *rest: object) -> None:
        made.append(card.name)
        begin(classifier, card, *rest)  # type: ignore[arg-type]

    data = pickle.dumps(Reader(model="mini_xception-float16", max_faces=2))
    monkeypatch.setattr(tflite.TfliteClassifier, "__init__", noted)
    restored = [pickle.loads(data) for _ in range(3)]
    assert made == []
    for other in restored:
        other.read(pictures[0])
    assert made == ["mini_xception-float16"]


@pytest.mark.slow
def test_new_processes_give_the_same(reader: Reader, pictures: list[Pixels]) -> None:
    """Spawned ones, which know nothing but what is sent to them."""
    alone = [reader.read(picture) for picture in pictures]
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert list(pool.map(reader.read, pictures)) == alone


FORKED = """
import os, sys
from fer_edge import Reader
reader = Reader()
expected = reader.read(sys.argv[1])
with reader.parts(True) as parts:
    detector = parts.detector
child = os.fork()
if child == 0:
    same = reader.read(sys.argv[1]) == expected
    with reader.parts(True) as parts:
        os._exit(0 if same and parts.detector is not detector else 1)
_, status = os.waitpid(child, 0)
with reader.parts(True) as parts:
    print(os.waitstatus_to_exitcode(status), parts.detector is detector, reader.read(sys.argv[1]) == expected)
"""


@pytest.mark.slow
def test_after_a_fork_parts_are_made_anew() -> None:
    """The interpreter's threads did not come along."""
    command = [sys.executable, "-W", "ignore", "-c", FORKED, str(PORTRAIT)]
    child = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert child.stdout == "0 True True\n"


FORKED_MEANWHILE = """
import os, signal, sys, threading
from fer_edge import Reader, reader
from fer_edge.sources import picture
lock = {"building": reader._BUILD_LOCK, "decoding": picture._PILLOW_GLOBALS}[sys.argv[1]]
one = Reader()
held, forking, forked = threading.Event(), threading.Event(), threading.Event()
os.register_at_fork(before=forking.set, after_in_parent=forked.set)

def hold():
    with lock:
        held.set()
        forking.wait(10)
        forked.wait(0.5)  # if the fork does not wait for the lock, the child gets it held

threading.Thread(target=hold).start()
held.wait(10)
child = os.fork()
if child == 0:
    signal.alarm(30)
    os._exit(0 if len(one.read(sys.argv[2])) == 1 else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("thread", ["building", "decoding"])
def test_fork_while_another_thread_reads(thread: str) -> None:
    """The child has no such thread, and would wait for it for ever."""
    command = [sys.executable, "-W", "ignore", "-c", FORKED_MEANWHILE, thread, str(PORTRAIT)]
    child = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert child.stdout == "0\n"


def test_models_loaded_at_once_leave_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    """Each turns it away for a moment; the second must not take for the real one what the first one put there."""
    inside, second = threading.Event(), threading.Event()

    def first_one() -> None:
        with runtimes._quiet():
            inside.set()
            second.wait(0.3)  # the second would come in here

    def second_one() -> None:
        inside.wait(10)
        with runtimes._quiet():
            second.set()
            ended.wait(10)

    ended = threading.Event()
    threads = [threading.Thread(target=first_one), threading.Thread(target=second_one)]
    for thread in threads:
        thread.start()
    threads[0].join(10)
    ended.set()
    threads[1].join(10)
    os.write(2, b"heard\n")
    assert capfd.readouterr().err == "heard\n"
