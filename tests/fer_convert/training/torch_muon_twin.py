"""Run by test_muon.py: Muon on torch, all variables at once, beside Keras's own step, one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
from fer_convert import backend, networks

STEPS = 4


def main() -> None:
    keras, torch = backend.keras(), backend.torch()
    assert keras.backend.backend() == "torch"
    from fer_convert.training import muon

    pairs = [_pair(keras, muon.Muon) for _ in range(2)]
    started = [variable.numpy().copy() for variable in pairs[0][0].trainable_variables]
    rng = np.random.default_rng(0)
    for number in range(STEPS):
        gradients = [rng.normal(size=v.shape).astype(np.float32) for v in pairs[0][0].trainable_variables]
        for at_once, (model, optimizer) in zip((True, False), pairs, strict=True):
            muon._ON_TORCH = at_once
            optimizer.learning_rate = 0.01 / (number + 1)
            with torch.no_grad():
                optimizer.apply([torch.from_numpy(one.copy()) for one in gradients], model.trainable_variables)
    variables = [[*model.variables, *optimizer.variables] for model, optimizer in pairs]
    for one, other in zip(*variables, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), atol=1e-5, err_msg=one.path)
    moved = [np.abs(v.numpy() - s).max() for v, s in zip(pairs[0][0].trainable_variables, started, strict=True)]
    assert min(moved) > 1e-3


def _pair(keras: Any, kind: Any) -> tuple[Any, Any]:
    keras.utils.set_random_seed(1)
    model = networks.build("mini_xception", 7, (64, 64))
    optimizer = kind(
        0.01, weight_decay=0.05, adam_weight_decay=0.03, use_ema=True, ema_momentum=0.9, exclude_layers=["class_maps"]
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    optimizer.build(model.trainable_variables)
    return model, optimizer


if __name__ == "__main__":
    main()
