"""Rows and results as a benchmark would find them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
from fer_edge.bench.machine import Machine, MachineState
from fer_edge.bench.results import LoopResult, ModelResult, Results, StageResult


@pytest.fixture
def make_row() -> Callable[..., ModelResult]:
    """The row of a variant of `mini`: 1 ms, 63 % right, one thread."""

    def make(variant: str = "int8", **changes: object) -> ModelResult:
        row = ModelResult(
            name=f"mini-{variant}",
            model="mini",
            variant=variant,
            path=f"/models/mini-{variant}.tflite",
            sha256="0" * 64,
            bytes=100_000,
            runtime="ai-edge-litert",
            threads=1,
            accuracy=0.63,
            split="PublicTest",
            reads=100,
            median=0.001,
            p95=0.0012,
            p99=0.0015,
            mean=0.00105,
            spread=0.02,
            memory=80_000_000,
        )
        return dataclasses.replace(row, **changes)  # type: ignore[arg-type]

    return make


@pytest.fixture
def make_results(make_row: Callable[..., ModelResult]) -> Callable[..., Results]:
    """Results with an int8 and a float32 row, from a Raspberry Pi."""

    def make(**changes: object) -> Results:
        state = MachineState(celsius=48.5, mhz=2400.0, throttled=0, busy=10.0, ours=1.0, at=0.0)
        found = Results(
            made="2026-01-01T12:00:00+00:00",
            fer_edge="0.1.0",
            machine=Machine("Raspberry Pi 5", "aarch64+dotprod", 4, "Debian", "3.11.2", {"numpy": "2.0"}),
            before=state,
            after=dataclasses.replace(state, celsius=61.0),
            held_back=(),
            others=0.0,
            missing={"tflite-runtime": "not installed"},
            rows=(make_row("int8"), make_row("float32", median=0.002, mean=0.002, accuracy=0.64)),
            loop=LoopResult(
                source="demo",
                width=640,
                height=480,
                model="mini-int8 with ai-edge-litert",
                frames=100,
                faces=90,
                stages=(
                    StageResult("source", 0.001, 0.002),
                    StageResult("detect", 0.007, 0.01),
                    StageResult("track", 0.00002, 0.00003),
                ),
                fps=120.0,
                cpu=0.008,
                tutorial_model="mini-int8 with ai-edge-litert",
                tutorial_frames=20,
                tutorial_faces=19,
                tutorial_cpu=0.08,
                pace=10.0,
                pace_frames=50,
                pace_reached=10.0,
                pace_share=0.08,
                detector="haar",
            ),
            verdict="use mini-int8",
        )
        return dataclasses.replace(found, **changes)  # type: ignore[arg-type]

    return make
