"""Optimizers: the readable formulas, and what the kernels need to know of each.

The kernels make the steps; these NumPy forms are what they are held against, and how the `numpy` backend
makes them. With the gradient g of a batch, the parameters w and the learning rate lr, an update is::

    SGD        w -= lr g
    Momentum   v = mu v - lr g;  w += v
    Nesterov   v = mu v - lr g;  w += mu v - lr g
    Adagrad    s += g^2;  w -= lr g / (sqrt(s) + eps)
    RMSprop    s = b s + (1 - b) g^2;  v = mu v + g / (sqrt(s) + eps);  w -= lr v
    Adam       m = b1 m + (1 - b1) g;  s = b2 s + (1 - b2) g^2
               w -= lr sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(s) + eps)
    AMSGrad    as Adam with the largest s so far
    Rprop      each weight has its own step, grown by 1.2 while its gradient keeps its sign, else halved
    (iRprop-)

`weight_decay` is decoupled: ``w *= 1 - lr weight_decay`` before the update. `clip_value` bounds each element
of the gradient, `clip_norm` its length over all parameters.

Steps are PyTorch's but for this: a velocity holds the learning rates of its time, as scikit-learn's does,
where PyTorch multiplies it by today's; decay is decoupled in every optimizer; `clip_norm` divides by the
length itself, not by 1e-6 more.
"""

from dataclasses import dataclass, field, fields
from functools import cache
from math import sqrt
from operator import attrgetter
from typing import ClassVar

import numpy as np

from . import _checks
from ._checks import NotNegative, Positive, ShareBelowOne
from .kernels.numpy_backend import tables
from .kernels.plan import RUN
from .kernels.plan import Optimizer as Code


@dataclass(frozen=True, repr=False, eq=False)
class Optimizer(_checks.Fixed):
    """Base of the optimizers.

    Parameters
    ----------
    learning_rate : float or callable of the epoch
    weight_decay, clip_norm, clip_value : float, default=0.0
        0 switches each off.
    """

    learning_rate: _checks.Rate = 0.01
    weight_decay: NotNegative = field(default=0.0, kw_only=True)
    clip_norm: NotNegative = field(default=0.0, kw_only=True)
    clip_value: NotNegative = field(default=0.0, kw_only=True)
    code: ClassVar[Code | None] = None
    _run_names: ClassVar[dict] = {}  # fields that the kernels' run record has under another name

    def __post_init__(self):
        if isinstance(self.learning_rate, type):
            object.__setattr__(self, "learning_rate", _checks.check_made("learning_rate", self.learning_rate))
        super().__post_init__()

    @classmethod
    @cache
    def _in_run(cls):
        """Return {a field's name: what the kernels' run record calls it}."""
        # the learning rate comes from a schedule
        names = [f.name for f in fields(cls) if f.name != "learning_rate"]
        named = {name: cls._run_names.get(name, name) for name in names}
        return {name: of_run for name, of_run in named.items() if of_run in RUN.names}

    @classmethod
    @cache
    def _read(cls):
        """Return the names that the kernels' run record has, and what reads their values of an optimizer."""
        names = cls._in_run()
        return ("optimizer", *names.values()), attrgetter("code", *names)

    def options(self):
        """Return the fields of the kernels' run record that say this optimizer."""
        names, values = self._read()
        return dict(zip(names, values(self), strict=True))

    @classmethod
    def of_run(cls, run):
        """Return the optimizer that a run record of the kernels asks for; its learning rate is the run's."""
        names = cls._in_run().items()
        said = {name: run[of_run].item() for name, of_run in names if not name.startswith("clip_")}
        return cls(**{name: bool(v) if isinstance(v, int) else v for name, v in said.items()})

    def step(self, w, g, state, rate, t):
        """Make update number `t`, counted from 1, of the parameters w, in place."""
        if self.weight_decay:
            w *= 1 - rate * self.weight_decay
        self.update(w, g, state, rate, t)

    def update(self, w, g, state, rate, t):
        """Change the parameters w, and what is kept between steps, by a gradient; decay is done.

        Parameters
        ----------
        w, g : ndarray of shape (n_params,)
        state : ndarray of shape (n_states, n_params)
        rate : float
        t : int
            Counts updates, from 1.
        """
        raise NotImplementedError


class SGD(Optimizer):
    """Gradient descent."""

    code = Code.SGD

    def update(self, w, g, state, rate, t):
        w -= rate * g


@dataclass(frozen=True, repr=False, eq=False)
class Momentum(Optimizer):
    """Gradient descent with classical momentum (Polyak, 1964)."""

    momentum: _checks.Share = 0.9
    code = Code.MOMENTUM

    def update(self, w, g, state, rate, t):
        state[0] = self.momentum * state[0] - rate * g
        w += state[0]


class Nesterov(Momentum):
    """Gradient descent with Nesterov's momentum, in the form of Sutskever et al. (2013)."""

    code = Code.NESTEROV

    def update(self, w, g, state, rate, t):
        state[0] = self.momentum * state[0] - rate * g
        w += self.momentum * state[0] - rate * g


@dataclass(frozen=True, repr=False, eq=False)
class Adam(Optimizer):
    """Adam (Kingma and Ba, 2015).

    Parameters
    ----------
    learning_rate : float or callable of the epoch, default=0.001
    beta_1, beta_2 : float, default=0.9, 0.999
    epsilon : float, default=1e-8
    epsilon_corrected : bool, default=True
        Correct epsilon's bias too, as Algorithm 1 of the paper and PyTorch do; scikit-learn and Keras do not.
    """

    learning_rate: _checks.Rate = 0.001
    beta_1: ShareBelowOne = 0.9
    beta_2: ShareBelowOne = 0.999
    epsilon: Positive = 1e-8
    epsilon_corrected: _checks.Flag = field(default=True, kw_only=True)
    code = Code.ADAM

    def update(self, w, g, state, rate, t):
        state[0] = self.beta_1 * state[0] + (1 - self.beta_1) * g
        state[1] = self.beta_2 * state[1] + (1 - self.beta_2) * g**2
        self._descend(w, state[0], state[1], rate, t)

    def _descend(self, w, mean, square, rate, t):
        bias = sqrt(1 - self.beta_2**t)
        epsilon = self.epsilon * bias if self.epsilon_corrected else self.epsilon
        w -= rate * bias / (1 - self.beta_1**t) * mean / (np.sqrt(square) + epsilon)


@dataclass(frozen=True, repr=False, eq=False)
class AdamW(Adam):
    """Adam with decoupled weight decay of 0.01 (Loshchilov and Hutter, 2019)."""

    weight_decay: NotNegative = field(default=0.01, kw_only=True)


class AMSGrad(Adam):
    """Adam with steps that never grow (Reddi et al., 2018)."""

    code = Code.AMSGRAD

    def update(self, w, g, state, rate, t):
        state[0] = self.beta_1 * state[0] + (1 - self.beta_1) * g
        state[1] = self.beta_2 * state[1] + (1 - self.beta_2) * g**2
        state[2] = np.maximum(state[2], state[1])
        self._descend(w, state[0], state[2], rate, t)


@dataclass(frozen=True, repr=False, eq=False)
class Adagrad(Optimizer):
    """Adagrad (Duchi et al., 2011)."""

    epsilon: Positive = 1e-10
    code = Code.ADAGRAD

    def update(self, w, g, state, rate, t):
        state[0] += g**2
        w -= rate * g / (np.sqrt(state[0]) + self.epsilon)


@dataclass(frozen=True, repr=False, eq=False)
class RMSprop(Optimizer):
    """RMSprop (Tieleman and Hinton, 2012), in PyTorch's form.

    Parameters
    ----------
    learning_rate : float or callable of the epoch, default=0.01
    decay : float, default=0.99
        Of the mean of squared gradients.
    momentum : float, default=0.0
    epsilon : float, default=1e-8
    """

    decay: ShareBelowOne = 0.99
    momentum: _checks.Share = 0.0
    epsilon: Positive = 1e-8
    code = Code.RMSPROP
    _run_names: ClassVar[dict] = {"decay": "beta_2"}

    def update(self, w, g, state, rate, t):
        state[0] = self.decay * state[0] + (1 - self.decay) * g**2
        state[1] = self.momentum * state[1] + g / (np.sqrt(state[0]) + self.epsilon)
        w -= rate * state[1]


class Rprop(Optimizer):
    """iRprop- (Igel and Huesken, 2000), for full batches; `learning_rate` is every weight's first step."""

    code = Code.RPROP

    def update(self, w, g, state, rate, t):
        if t == 1:
            state[1] = rate
        turned = np.sign(g) * np.sign(state[0])  # -1 where the gradient's sign has changed
        state[1] = np.clip(state[1] * np.where(turned > 0, 1.2, np.where(turned < 0, 0.5, 1.0)), 1e-6, 50.0)
        state[0] = np.where(turned < 0, 0.0, g)
        w -= np.sign(state[0]) * state[1]


@dataclass(frozen=True, repr=False, eq=False)
class LBFGS(_checks.Fixed):
    """Limited-memory BFGS over the whole data set, through SciPy.

    `epochs` bounds its iterations, `max_fun` its evaluations; it stops where no gradient exceeds `tol`, or
    where an iteration lowers the loss by no more than its share `ftol`.
    """

    tol: NotNegative = 1e-4
    max_fun: _checks.Count = 15000
    ftol: NotNegative = 2.220446049250313e-09  # SciPy's default
    code = None


BUILT_IN = (SGD, Momentum, Nesterov, Adam, AMSGrad, Adagrad, RMSprop, Rprop)
tables.OPTIMIZERS.update({cls.code: cls.of_run for cls in BUILT_IN})
OPTIMIZERS = {
    "sgd": SGD, "momentum": Momentum, "nesterov": Nesterov, "adam": Adam, "adamw": AdamW, "amsgrad": AMSGrad,
    "adagrad": Adagrad, "rmsprop": RMSprop, "rprop": Rprop, "lbfgs": LBFGS,
}  # fmt: skip


@cache
def _is_known(cls):
    """Whether the kernels know how a class of optimizers steps."""
    return any(cls.update is known.update and cls.step is known.step for known in BUILT_IN)


def get(optimizer):
    """Return the optimizer that a name, a class or an object stands for."""
    if type(optimizer) in BUILT_IN:
        return optimizer
    optimizer = _checks.check_named("optimizer", optimizer, OPTIMIZERS)
    if isinstance(optimizer, LBFGS):
        return optimizer
    cls, why = type(optimizer), ""
    if isinstance(optimizer, Optimizer):
        if _is_known(cls):
            return optimizer
        why = ", whose update is its own: for steps of your own take `Network.gradients` and `set_weights`"
    names, given = ", ".join(sorted(OPTIMIZERS)), _checks.shown(optimizer)
    return _checks.refuse(f"optimizer must be one of {names} or such an object; got {given}{why}", TypeError)
