"""Muon's step on torch, for all variables at once, which Keras computes in three thousand small operations.

The same numbers as `fer_convert.training.muon.Muon` gives on other backends, in a third of the time: matrices of one
shape are orthogonalized together, and AdamW, decay and averaging are single operations on lists of variables.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from fer_convert import backend


def step(optimizer: Any, gradients: Sequence[Any], variables: Sequence[Any], rate: float) -> None:
    """Move the Keras `variables` by the tensors `gradients` at the learning `rate`, as the Muon `optimizer` does."""
    adam, muon = [], []
    for gradient, variable in zip(gradients, variables, strict=True):
        index = optimizer._get_variable_index(variable)
        velocity = optimizer.adam_velocities[index]
        momentum = optimizer.momentums[index].value
        if velocity is None:
            muon.append((gradient, variable.value, momentum))
        else:
            adam.append((gradient, variable.value, momentum, velocity.value))
    if adam:
        _adam(optimizer, rate * optimizer.adam_lr_ratio, *map(list, zip(*adam, strict=True)))
    if muon:
        _muon(optimizer, rate, *map(list, zip(*muon, strict=True)))


def decay(optimizer: Any, variables: Sequence[Any]) -> None:
    """Decay the Keras `variables` that are not excluded from it."""
    torch, rate = backend.torch(), float(optimizer.learning_rate)
    groups = defaultdict(list)
    for variable in filter(optimizer._use_weight_decay, variables):
        by_adam = optimizer._should_use_adamw(variable)
        groups[optimizer.adam_weight_decay if by_adam else optimizer.weight_decay].append(variable.value)
    for share, values in groups.items():
        if share:
            torch._foreach_mul_(values, 1 - share * rate)


def average(optimizer: Any, variables: Sequence[Any]) -> None:
    """Update the moving average of the Keras `variables`, which begins with their first values."""
    momentum = 0.0 if int(optimizer.iterations) == 0 else optimizer.ema_momentum
    means = optimizer._model_variables_moving_average
    pairs = [(mean.value, variable.value) for mean, variable in zip(means, variables, strict=True) if mean is not None]
    backend.torch()._foreach_lerp_([mean for mean, _ in pairs], [value for _, value in pairs], 1 - momentum)


def _adam(
    optimizer: Any, rate: float, gradients: list[Any], values: list[Any], means: list[Any], squares: list[Any]
) -> None:
    torch, steps = backend.torch(), int(optimizer.iterations) + 1
    rate *= (1 - optimizer.adam_beta_2**steps) ** 0.5 / (1 - optimizer.adam_beta_1**steps)
    torch._foreach_lerp_(means, gradients, 1 - optimizer.adam_beta_1)
    torch._foreach_mul_(squares, optimizer.adam_beta_2)
    torch._foreach_addcmul_(squares, gradients, gradients, 1 - optimizer.adam_beta_2)
    roots = torch._foreach_sqrt(squares)
    torch._foreach_add_(roots, optimizer.epsilon)
    torch._foreach_addcdiv_(values, means, roots, -rate)


def _muon(optimizer: Any, rate: float, gradients: list[Any], values: list[Any], means: list[Any]) -> None:
    torch = backend.torch()
    torch._foreach_mul_(means, optimizer.momentum)
    torch._foreach_add_(means, gradients)
    ahead = torch._foreach_add(gradients, means, alpha=optimizer.momentum) if optimizer.nesterov else means
    groups = defaultdict(list)
    for value, direction in zip(values, ahead, strict=True):
        groups[(value.numel() // value.shape[-1], value.shape[-1])].append((value, direction))
    for (rows, columns), members in groups.items():
        matrices = torch.stack([direction.reshape(rows, columns) for _, direction in members])
        length = rate * (1.0 if optimizer.rms_rate is None else optimizer.rms_rate * max(rows, columns) ** 0.5)
        for (value, _), orthogonal in zip(members, _orthogonalize(optimizer, matrices), strict=True):
            value.sub_(orthogonal.reshape(value.shape), alpha=length)


def _orthogonalize(optimizer: Any, x: Any) -> Any:
    """`zeropower_via_newtonschulz5` of each matrix of `x` (n, rows, columns)."""
    tall = x.shape[1] > x.shape[2]
    x = x.mT if tall else x
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(optimizer.ns_steps):
        square = x @ x.mT
        x = optimizer.muon_a * x + (optimizer.muon_b * square + optimizer.muon_c * square @ square) @ x
    return x.mT if tall else x
