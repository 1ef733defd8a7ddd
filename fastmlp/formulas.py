"""What every activation and loss has, and a user's own made to have it: asked once, checked each time."""

from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np

from . import _checks
from .kernels import plan


@dataclass(frozen=True, repr=False, eq=False)
class Activation(_checks.Fixed):
    """Base of the built-in activations.

    Attributes
    ----------
    name : str
    code : int or None
        The kernels' code; None for a function that only Python knows.
    slope : float
        The function's own parameter.
    """

    name: ClassVar[str | None] = None
    code: ClassVar[plan.Activation | None] = None
    slope = 1.0

    @classmethod
    def of_slope(cls, slope):
        """Return the function with this slope, where it has one."""
        return cls(slope) if fields(cls) else cls()

    def value(self, z):
        """Return f(z), elementwise (softmax: by rows)."""
        raise NotImplementedError

    def derivative(self, z, a):
        """Return f'(z), given `z` and `a` = f(z)."""
        raise NotImplementedError

    def backward(self, z, a, d):
        """Return the gradient with respect to `z`, given `d`, that with respect to `a`."""
        return d * self.derivative(z, a)


@dataclass(frozen=True, repr=False, eq=False)
class UserActivation(Activation):
    """A user's own activation, with all that a built-in one has; what it returns is checked.

    Attributes
    ----------
    given : object
        The user's.
    """

    given: object = None

    def __post_init__(self):
        _checks.check_formula("activation", self.given)

    def __repr__(self):
        return repr(self.given)

    @property
    def name(self):
        return self.given.name

    def value(self, z):
        return _checks.ask(self.given, "value(z)", (z,), z.shape, z.dtype)

    def derivative(self, z, a):
        return _checks.ask(self.given, "derivative(z, a)", (z, a), z.shape, z.dtype)

    def backward(self, z, a, d):
        if _checks.depth(self.given, "backward") > _checks.depth(self.given, "derivative"):
            return d * self.derivative(z, a)
        return _checks.ask(self.given, "backward(z, a, d)", (z, a, d), z.shape, z.dtype)


@dataclass(frozen=True, repr=False, eq=False)
class Loss(_checks.Fixed):
    """Base of the built-in losses.

    Attributes
    ----------
    name : str
    code : int or None
        The kernels' code; None for a loss that only Python knows.
    average : bool
        Whether a batch's loss is the mean over its samples, or their sum.
    from_logits : tuple of str
        The output activations behind which it is computed by `logits_value` and `logits_derivative`.
    labels : bool or "only"
        Whether integer class labels may stand for one-hot targets, or must.
    one_hot : bool
        Whether integer class labels are turned into rows of 0 and 1 before training.
    target_range : tuple of float
        Smallest and largest target.
    outputs : tuple of str, or None
        The built-in output activations it goes with; None: any.
    """

    name: ClassVar[str | None] = None
    code: ClassVar[plan.Loss | None] = None
    average = True
    from_logits: ClassVar[tuple[str, ...]] = ()
    labels: ClassVar[bool | str] = False
    one_hot = False
    target_range = (-np.inf, np.inf)
    outputs: ClassVar[tuple[str, ...] | None] = None
    label_smoothing = 0.0
    _own: ClassVar[str] = ""  # the name of its own parameter, if it has one

    def scales(self, n_outputs):
        """Return what multiplies the kernels' reported loss, and their gradient."""
        return 1.0, 1.0

    def value(self, y, a):
        """Return the loss of each sample, shape (n,)."""
        raise NotImplementedError

    def derivative(self, y, a):
        """Return the derivative that training follows, shape (n, n_outputs)."""
        raise NotImplementedError

    def takes_logits(self, output):
        """Return whether it is computed from the logits where `output` is the last layer's activation."""
        return output.code is not None and output.name in self.from_logits

    def gives_logits(self, output):
        """Return whether the outputs are logits, behind `output` as the last layer's activation."""
        return output.name == "identity" and self.takes_logits(output)

    def each(self, output, y, z, a):
        """Return the loss of each sample, by the logits z or by the outputs a, whichever it takes."""
        if self.takes_logits(output):
            return self.logits_value(y, output.slope * z)
        return self.value(y, a)

    def backward(self, output, y, z, a):
        """Return the derivative with respect to the logits, shape (n, n_outputs)."""
        if self.takes_logits(output):
            return output.slope * self.logits_derivative(y, output.slope * z)
        return output.backward(z, a, self.derivative(y, a))

    @classmethod
    def of_run(cls, run, n_outputs):
        """Return the loss that a run record of the kernels asks for."""
        # a loss has label smoothing, one parameter of its own, or none
        names = [field.name for field in fields(cls)]
        said = {n: float(run[n if n == "label_smoothing" else "loss_parameter"]) for n in names}
        loss = cls(**said)
        own, asked = loss.scales(n_outputs), (float(run["loss_scale"]), float(run["gradient_scale"]))
        return loss if own == asked else Scaled(loss, *(b / a for a, b in zip(own, asked, strict=True)))

    def options(self, n_outputs):
        """Return the fields of the kernels' run record that say this loss."""
        loss_scale, gradient_scale = self.scales(n_outputs)
        return {
            "loss": self.code or 0, "average": int(self.average), "loss_scale": loss_scale,
            "gradient_scale": gradient_scale, "loss_parameter": getattr(self, self._own, 1.0),
            "label_smoothing": self.label_smoothing,
        }  # fmt: skip


class UserLoss(Loss):
    """A user's own loss, with all that a built-in one has; what it returns is checked.

    Attributes
    ----------
    given : object
        The user's.
    """

    def __init__(self, given):
        _checks.check_formula("loss", given)
        said = ("average", "labels", "target_range", "outputs", "from_logits")
        own = {name: getattr(given, name) for name in said if hasattr(given, name)}
        if "from_logits" in own and not _has_logits(given):
            own["from_logits"] = ()
        vars(self).update(own, given=given, name=given.name)
        _checks.check_loss(self)

    def __repr__(self):
        return repr(self.given)

    def __eq__(self, other):
        return isinstance(other, UserLoss) and self.given is other.given

    def __hash__(self):
        return id(self.given)

    def value(self, y, a):
        return _checks.ask(self.given, "value(y, a)", (y, a), a.shape[:1], np.float64)

    def derivative(self, y, a):
        return _checks.ask(self.given, "derivative(y, a)", (y, a), a.shape, a.dtype)

    def logits_value(self, y, z):
        return _checks.ask(self.given, "logits_value(y, z)", (y, z), z.shape[:1], np.float64)

    def logits_derivative(self, y, z):
        return _checks.ask(self.given, "logits_derivative(y, z)", (y, z), z.shape, z.dtype)


def _has_logits(given):
    """Return whether a user's loss has formulas of the logits as much its own as the others."""

    def depth(name):
        return _checks.depth(given, name)

    by_logits, by_outputs = ("logits_value", "logits_derivative"), ("value", "derivative")
    if given.from_logits and (missing := [name for name in by_logits if not hasattr(given, name)]):
        needs = f"a loss with from_logits must have {' and '.join(by_logits)}"
        _checks.refuse(f"{needs}; got {given!r}, which lacks {', '.join(missing)}", TypeError)
    return max(map(depth, by_logits)) <= min(map(depth, by_outputs))


class Scaled:
    """A loss whose value and derivative are multiplied, each by its own factor.

    The kernels know several losses by one code and two scales.
    """

    def __init__(self, loss, of_value, of_derivative):
        self.loss, self.of_value, self.of_derivative = loss, of_value, of_derivative

    def each(self, output, y, z, a):
        return self.of_value * self.loss.each(output, y, z, a)

    def backward(self, output, y, z, a):
        return self.of_derivative * self.loss.backward(output, y, z, a)
