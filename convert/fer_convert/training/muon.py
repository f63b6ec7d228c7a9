"""The optimizer Muon on convolutions: Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024,
https://kellerjordan.github.io/posts/muon/; scaled as in Liu et al., "Muon is Scalable for LLM Training",
arXiv:2502.16982, so that a learning rate and a weight decay of AdamW's fit it.

A step moves a kernel, as a matrix, equally far in all directions of the gradient, while Adam moves it far in the few
strongest: a small network that is slow to learn needs fewer epochs.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from fer_convert.training import torch_muon

_ON_TORCH = keras.backend.backend() == "torch"


class Muon(keras.optimizers.Muon):  # type: ignore[misc]
    """Keras's Muon, extended to the kernels of convolutions, which Keras's own leaves to AdamW.

    A kernel (height, width, in, out) is the matrix (height * width * in, out). AdamW still moves the depthwise kernels,
    which are one small filter for each channel, biases, normalization, and the layers named in `exclude_layers`: by the
    method's own rule the last one, which gives the classes.
    """

    def _should_use_adamw(self, variable: Any) -> bool:
        if len(variable.shape) not in (2, 4) or variable.shape[-1] == 1:
            return True
        return any(name in variable.path.split("/") for name in self.exclude_layers)

    def zeropower_via_newtonschulz5(self, x: Any, steps: int) -> Any:
        """The matrix nearest to `x` whose singular values are all about 1; in the shape of `x`."""
        matrix = ops.reshape(x, (-1, x.shape[-1]))
        return ops.reshape(super().zeropower_via_newtonschulz5(matrix, steps), x.shape)

    def lr_adjust(self, x: Any) -> Any:
        """The step `x`, scaled to the length of one of AdamW's for a matrix of this size."""
        return ops.reshape(super().lr_adjust(ops.reshape(x, (-1, x.shape[-1]))), x.shape)

    def _backend_update_step(self, grads: Any, trainable_variables: Any, learning_rate: Any) -> None:
        if not _ON_TORCH:
            super()._backend_update_step(grads, trainable_variables, learning_rate)
            return
        torch_muon.step(self, grads, trainable_variables, float(learning_rate))

    def _apply_weight_decay(self, variables: Any) -> None:
        if not _ON_TORCH:
            super()._apply_weight_decay(variables)
            return
        torch_muon.decay(self, variables)

    def _update_model_variables_moving_average(self, trainable_variables: Any) -> None:
        if not _ON_TORCH:
            super()._update_model_variables_moving_average(trainable_variables)
            return
        torch_muon.average(self, trainable_variables)
