"""Optimizers that update a policy's parameters in place.

The state of all parameters is one flat vector: a step is a handful of operations whatever the number
of parameters.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from maade_np.backend import Array, array_module, to_device, to_host

Params = dict[str, Array]


class Optimizer:
    """The common part: flat gradients in, flat steps out to the arrays of `params`."""

    _vectors: tuple[str, ...] = ()

    def __init__(self, params: Params, learning_rate: float) -> None:
        if not learning_rate > 0:
            raise ValueError(f"learning_rate is {learning_rate}; it must be above 0")
        if not params:
            raise ValueError("params is empty; there is nothing to optimise")
        self.params = params
        self.learning_rate = learning_rate
        self.steps = 0
        self._xp = array_module(*params.values())
        total = sum(int(array.size) for array in params.values())
        dtype = next(iter(params.values())).dtype
        for name in self._vectors:
            setattr(self, name, self._xp.zeros(total, dtype=dtype))

    def step(self, grads: Params) -> None:
        """Descend one step.

        Parameters
        ----------
        grads : dict of arrays
            Keyed and shaped like the parameters: gradients of a loss that is to become small.

        Raises
        ------
        ValueError
            A gradient is missing, unknown, of another shape, or not finite; nothing is changed.
        """
        wrong = set(grads) ^ set(self.params)
        if wrong:
            raise ValueError(f"gradients {sorted(wrong)} are missing or belong to no parameter")
        for name, array in self.params.items():
            if grads[name].shape != array.shape:
                raise ValueError(
                    f"gradient {name!r} has shape {grads[name].shape}, its parameter {array.shape}"
                )
        gradient = self._xp.concatenate([grads[name].reshape(-1) for name in self.params])
        if not np.isfinite(to_host((gradient @ gradient).real)):
            bad = [k for k, g in grads.items() if not to_host(self._xp.isfinite(g).all())]
            raise ValueError(
                f"the gradient of {bad or sorted(grads)} is not finite; "
                "a smaller learning rate or fewer updates a batch keep the policy in range"
            )
        self.steps += 1
        change = self._change(gradient)
        start = 0
        for array in self.params.values():
            array -= change[start : start + array.size].reshape(array.shape)
            start += array.size

    def _change(self, gradient: Array) -> Array:
        """Return what is subtracted from the flat parameters."""
        raise NotImplementedError(f"{type(self).__name__} has no _change")

    def state_dict(self) -> dict[str, Any]:
        """Return what `load_state_dict` needs: the number of steps and the flat vectors."""
        vectors = {name: to_host(getattr(self, name)).copy() for name in self._vectors}
        return {"steps": self.steps, **vectors}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""
        for name in self._vectors:
            here = getattr(self, name)
            if state[name].shape != here.shape:
                raise ValueError(
                    f"the state's {name} has shape {state[name].shape}, here it is {here.shape}; "
                    "it belongs to a policy of another size"
                )
            setattr(self, name, to_device(state[name].copy(), self._xp, dtype=here.dtype))
        self.steps = int(state["steps"])


class Adam(Optimizer):
    r"""Adam (Kingma & Ba 2015), with the bias corrections of its algorithm 1.

    .. math::
        m \leftarrow \beta_1 m + (1-\beta_1) g, \quad v \leftarrow \beta_2 v + (1-\beta_2) g^2, \quad
        \theta \leftarrow \theta - \alpha \frac{m / (1-\beta_1^t)}{\sqrt{v / (1-\beta_2^t)} + \epsilon}

    Parameters
    ----------
    params : dict of arrays
        Updated in place.
    learning_rate : float
        The paper: 1e-2 for 150 queries, 1e-3 for 3,200.
    beta1, beta2 : float
    epsilon : float
    """

    _vectors = ("m", "v")
    m: Array
    v: Array

    def __init__(
        self,
        params: Params,
        learning_rate: float = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
    ) -> None:
        super().__init__(params, learning_rate)
        for name, beta in (("beta1", beta1), ("beta2", beta2)):
            if not 0 <= beta < 1:
                raise ValueError(f"{name} is {beta}; it must be in [0, 1)")
        if not epsilon > 0:
            raise ValueError(f"epsilon is {epsilon}; it must be above 0")
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon

    def _change(self, gradient: Array) -> Array:
        self.m *= self.beta1
        self.m += (1 - self.beta1) * gradient
        self.v *= self.beta2
        gradient *= gradient
        gradient *= 1 - self.beta2
        self.v += gradient
        scale = self._xp.sqrt(self.v)
        scale *= (1 - self.beta2**self.steps) ** -0.5
        scale += self.epsilon
        change = self.m / scale
        change *= self.learning_rate / (1 - self.beta1**self.steps)
        return change


class SGD(Optimizer):
    r"""Gradient descent, with momentum if asked: :math:`m \leftarrow \mu m + g`,
    :math:`\theta \leftarrow \theta - \alpha m`.

    Parameters
    ----------
    params : dict of arrays
        Updated in place.
    learning_rate : float
    momentum : float
        In [0, 1); 0 is plain descent.
    """

    _vectors = ("m",)
    m: Array

    def __init__(self, params: Params, learning_rate: float = 0.1, momentum: float = 0.0) -> None:
        super().__init__(params, learning_rate)
        if not 0 <= momentum < 1:
            raise ValueError(f"momentum is {momentum}; it must be in [0, 1)")
        self.momentum = momentum

    def _change(self, gradient: Array) -> Array:
        self.m *= self.momentum
        self.m += gradient
        return self.learning_rate * self.m
