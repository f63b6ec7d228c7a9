"""A sink that the loop writes may fail: it is told of once, tried again later, and nothing else stops."""

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


def test_a_full_disk_is_told_of_once_and_written_again_when_there_is_room(
    make_observation: Make, capsys: pytest.CaptureFixture[str]
) -> None:
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
        "fer-edge: note: log: works again; 375 frames are missing in it",
    ]


def test_states_go_through(make_observation: Make) -> None:
    disk = Disk()
    Guarded("log", disk).state("paused")
    assert disk.states == ["paused"]


def test_a_failure_at_the_end_is_told_and_counts(capsys: pytest.CaptureFixture[str]) -> None:
    guarded = Guarded("log", Disk((0.0, 0.0)))
    guarded.close()
    assert guarded.failing
    assert "does not take it" in capsys.readouterr().err


def test_a_mistake_in_a_sink_is_not_hidden(make_observation: Make) -> None:
    class Wrong(Sink):
        def write(self, observation: Observation) -> None:
            raise KeyError("mistake")

        def close(self) -> None: ...

    with pytest.raises(KeyError):
        Guarded("wrong", Wrong()).write(make_observation())
