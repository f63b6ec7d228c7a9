"""Observations on their way to the process that writes the tables, without their pixels."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import replace
from gzip import GzipFile
from typing import BinaryIO

import numpy as np

from fer_edge.sinks.tables import Table
from fer_edge.types import Observation, Sink

_NO_PIXELS = np.zeros((1, 1), np.uint8)


class Spool(Table):
    """Keeps observations in a file."""

    def __init__(self, out: BinaryIO | GzipFile, names: tuple[str, str] = ("", "")) -> None:
        """`names`: how sources begin here, and how they are to begin."""
        self._out, self._names = out, names

    def write(self, observation: Observation) -> None:
        """Append it."""
        source = observation.frame.source
        if source.startswith(self._names[0]):
            source = self._names[1] + source[len(self._names[0]) :]
        frame = replace(observation.frame, grey=_NO_PIXELS, colour=None, source=source)
        pickle.dump((self.still, replace(observation, frame=frame)), self._out, pickle.HIGHEST_PROTOCOL)

    def close(self) -> None:
        """The file is closed by who opened it."""


def write_spooled(spooled: BinaryIO | GzipFile, tables: Sequence[Sink]) -> None:
    """Write the observations of a file, which must be our own, into `tables`. Raises SinkError."""
    while True:
        try:
            still, observation = pickle.load(spooled)
        except EOFError:
            break
        for table in tables:
            if isinstance(table, Table):
                table.still = still
            table.write(observation)
