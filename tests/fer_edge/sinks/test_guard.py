"""A sink that the loop writes may fail: it is logged once, tried again later, and nothing else stops."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fer_edge.errors import SinkError
from fer_edge.sinks.guard import Guarded
from fer_edge.types import Observation, Sink, State

Make = Callable[..., Observation]


class Disk(Sink):
    """A log on a disk that is full from the second to the tenth second."""

    def __init__(self, full: tuple[float, float] = (2.0, 10.0)) -> None:
        self.full = full
        self.written: list[float] = []
        self.tries: list[float] = []
        self.states: list[State] = []

    def write(self, observation: Observation) -> None:
        time = observation.frame.time
        self.tries.append(time)
        if self.full[0] <= time < self.full[1]:
            raise SinkError("log a.jsonl: cannot be written (No space left on device); make room")
        self.written.append(time)

    def state(self, state: State) -> None:
        self.states.append(state)

    def close(self) -> None:
        if self.full[0] == 0:
            raise SinkError("log a.jsonl: the disk does not take it")


def test_full_disk_is_logged_once(make_observation: Make, capsys: pytest.CaptureFixture[str]) -> None:
    """A full disk is logged once and written again when there is room."""
    disk = Disk()
    guarded = Guarded("log", disk)
    for number in range(1000):  # 40 seconds
        guarded.write(make_observation(number))
        assert guarded.failing == (2.0 <= number / 25 < 25.0)
    failed = [time for time in disk.tries if time not in disk.written]
    assert failed == [2.0, 3.0, 5.0, 9.0]  # by the frames' time
    assert disk.written[50] == 17.0
    assert len(disk.written) == 50 + (1000 - 17 * 25)
    assert capsys.readouterr().err.splitlines() == [
        "fer-edge: error: log a.jsonl: cannot be written (No space left on device); make room; "
        "it is tried again, and the rest goes on",
        "fer-edge: note: log: works again; without 375 frames that came meanwhile",
    ]


def test_states_go_through(make_observation: Make) -> None:
    disk = Disk()
    Guarded("log", disk).state("paused")
    assert disk.states == ["paused"]


def test_failure_at_close_counts(capsys: pytest.CaptureFixture[str]) -> None:
    """A failure at the end is logged and counts."""
    guarded = Guarded("log", Disk((0.0, 0.0)))
    guarded.close()
    assert guarded.failing
    assert "does not take it" in capsys.readouterr().err


class Broken(Sink):
    """Raises `error` from the methods that `where` names, until it is taken away."""

    def __init__(self, error: BaseException, *where: str) -> None:
        self.error: BaseException | None = error
        self.where, self.written = where, 0

    def write(self, observation: Observation) -> None:
        self._fail("write")
        self.written += 1

    def state(self, state: State) -> None:
        self._fail("state")

    def close(self) -> None:
        self._fail("close")

    def _fail(self, method: str) -> None:
        if self.error is not None and method in self.where:
            raise self.error


MISTAKES = [(RuntimeError("no\nroom"), "RuntimeError: no"), (ValueError("no digit: 'x'"), "ValueError: no digit: 'x'")]
AGAIN = "; it is tried again, and the rest goes on"


@pytest.mark.parametrize(("error", "words"), MISTAKES)
def test_any_exception_in_write_is_retried(
    error: Exception, words: str, make_observation: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line names the output, the type and the text; it is written again after the first second."""
    broken = Broken(error, "write")
    guarded = Guarded("lamp", broken)
    for number in range(25):
        guarded.write(make_observation(number))
    assert capsys.readouterr().err == f"fer-edge: error: lamp: {words}{AGAIN}\n"
    assert guarded.failing
    broken.error = None
    for number in range(25, 51):
        guarded.write(make_observation(number))
    assert broken.written == 26
    assert not guarded.failing
    assert capsys.readouterr().err == "fer-edge: note: lamp: works again; without 25 frames that came meanwhile\n"


@pytest.mark.parametrize(("error", "words"), MISTAKES)
def test_any_exception_in_state_is_retried(
    error: Exception, words: str, make_observation: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    """The output then gets no frame for a second, as after any failure."""
    broken = Broken(error, "state")
    guarded = Guarded("lamp", broken)
    guarded.write(make_observation(0))
    guarded.state("paused")
    assert capsys.readouterr().err == f"fer-edge: error: lamp: {words}{AGAIN}\n"
    assert guarded.failing
    for number in range(1, 26):
        guarded.write(make_observation(number))
    assert broken.written == 2


def test_a_start_that_fails_is_retried(make_observation: Make) -> None:
    """A failure before the first frame counts from the beginning of the frames' time."""
    broken = Broken(SinkError("lamp: dark"), "state")
    guarded = Guarded("lamp", broken)
    guarded.state("starting")
    assert guarded.failing
    for number in range(26):
        guarded.write(make_observation(number))
    assert broken.written == 1


def test_each_trouble_counts_its_own_frames(make_observation: Make, capsys: pytest.CaptureFixture[str]) -> None:
    """What was missed the first time is not missed again in the second note."""
    broken = Broken(SinkError("lamp: dark"), "write")
    guarded = Guarded("lamp", broken)
    for number in range(200):
        broken.error = SinkError("lamp: dark") if number in (0, 100) else None
        guarded.write(make_observation(number))
    notes = [line for line in capsys.readouterr().err.splitlines() if "works again" in line]
    assert notes == ["fer-edge: note: lamp: works again; without 25 frames that came meanwhile"] * 2


@pytest.mark.parametrize(("error", "words"), MISTAKES)
def test_any_exception_in_close_is_said(error: Exception, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It counts for the exit code, and nothing is tried again after the end."""
    guarded = Guarded("lamp", Broken(error, "close"))
    guarded.close()
    assert guarded.failing
    assert capsys.readouterr().err == f"fer-edge: error: lamp: {words}\n"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)])
def test_a_wish_to_end_passes(error: BaseException, make_observation: Make, capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl+C and sys.exit are no failures of an output."""
    guarded = Guarded("lamp", Broken(error, "write", "state", "close"))
    for call in (lambda: guarded.write(make_observation()), lambda: guarded.state("paused"), guarded.close):
        with pytest.raises(type(error)):
            call()
    assert not guarded.failing
    assert not capsys.readouterr().err
