"""The costs on the cards."""

from __future__ import annotations

from fer_convert.export import costs


def test_costs_are_relative_to_float32() -> None:
    """float32 costs 1; an unknown network has no costs."""
    for runtime, processors in costs.of_variant("mini_xception", "float32").items():
        assert set(processors.values()) == {1.0}, runtime
    assert costs.of_variant("mini_xception", "int8")["ai-edge-litert"]["aarch64+dotprod"] < 1
    assert costs.of_variant("another", "int8") == {}
