"""The console says what a person would notice, once."""

from __future__ import annotations

import io
from collections.abc import Callable

from edge.sinks.console import Console
from edge.types import Event, Observation


def test_a_line_for_each_event(make_observation: Callable[..., Observation]) -> None:
    stream = io.StringIO()
    console = Console(stream)
    plain = [make_observation(number, "happy") for number in (100, 125, 150)]
    face = plain[0].faces[0]
    for observation, kind in zip(plain, ("came", "changed", "gone"), strict=True):
        console.write(Observation(observation.frame, observation.faces, (Event(kind, face),)))  # type: ignore[arg-type]
        console.write(observation)
    console.close()
    assert stream.getvalue().splitlines() == [
        "    0.00 s  face 1 came: happy (70 %)",
        "    1.00 s  face 1 now happy (70 %)",
        "    2.00 s  face 1 gone",
    ]
