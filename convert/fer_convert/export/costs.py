"""What one inference of a variant costs, relative to the float32 variant: `cost` on the cards of Mini-XCEPTION.

Rows: runtime -> processor, as `fer_edge.classifiers.cards.processor` names it -> variant. On x86_64 it is time, one
thread, the median over many faces. On aarch64 it is executed instructions, counted under emulation on the models of two
cores: Cortex-A72 without int8 dot products (Raspberry Pi 4) and Cortex-A76 with them (Pi 5). Instructions are not time,
but if they differ by half, so does time. A pair that was not measured is missing, and is never chosen for its speed.
"""

from __future__ import annotations

COSTS: dict[str, dict[str, dict[str, dict[str, float]]]] = {
    "mini_xception": {
        "ai-edge-litert": {  # 2.3
            "x86_64": {"float32": 1.0, "float16": 1.0, "dynamic": 0.87, "int8": 0.61},
            "aarch64": {"float32": 1.0, "float16": 1.0, "dynamic": 1.09, "int8": 0.96},
            "aarch64+dotprod": {"float32": 1.0, "float16": 1.0, "dynamic": 0.92, "int8": 0.53},
        },
        "tflite-runtime": {  # 2.14
            "x86_64": {"float32": 1.0, "float16": 1.0, "dynamic": 4.6, "int8": 9.4},
            "aarch64": {"float32": 1.0, "float16": 1.0, "dynamic": 1.37, "int8": 1.31},
            "aarch64+dotprod": {"float32": 1.0, "float16": 1.0, "dynamic": 0.94, "int8": 1.35},
        },
    },
}


def of_variant(network: str, variant: str) -> dict[str, dict[str, float]]:
    """The costs of `variant` of the Keras model named `network`: runtime -> processor -> cost; empty if unknown."""
    found: dict[str, dict[str, float]] = {}
    for runtime, processors in COSTS.get(network, {}).items():
        row = {processor: costs[variant] for processor, costs in processors.items() if variant in costs}
        if row:
            found[runtime] = row
    return found
