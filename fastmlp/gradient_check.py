"""Are the derivatives right? Central differences, for your own loss or activation."""

import numpy as np

from . import _checks, activations, losses
from .exceptions import GradientError

STEP = np.finfo(np.float64).eps ** (1 / 3)  # balances truncation and rounding errors
KINK = 1e-2  # relative difference of the slopes to the left and right, beyond which there is a kink


def check_gradient(function, a=None, y=None, *, tolerance=None):
    """Compare an activation's or a loss's derivative with central differences, in float64.

    Parameters
    ----------
    function : activation or loss
        An object, or a built-in one's name; a loss where `y` is given, else an activation.
    a : array-like of shape (n,) or (n, n_outputs), default=None
        Where to look: weighted sums for an activation, outputs of the network for a loss. None: from -4 to 4,
        for an activation only.
    y : array-like, default=None
        Targets as the loss takes them, one row (or label) for each row of `a`.
    tolerance : float, default=None
        Raise where the error exceeds it; 1e-5 finds every wrong formula. None: return the error only.

    Returns
    -------
    error : float
        The largest relative error. It is relative to the derivative, or to a small share of the largest one
        where that is more. At a kink any slope between those of the two sides is right.

    Raises
    ------
    GradientError
        With the place, the derivative and the difference quotient.

    Notes
    -----
    The built-in "half_squared_error" reports the mean over outputs and follows the gradient of the sum, as
    scikit-learn does; for several outputs its error is not 0.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp.gradient_check import check_gradient
    >>> class Cubic:
    ...     name = "cubic"
    ...     def value(self, z):
    ...         return z**3
    ...     def derivative(self, z, a):
    ...         return 3 * z**2
    >>> check_gradient(Cubic(), tolerance=1e-5) < 1e-5
    True
    """
    if y is None:
        if isinstance(function, str) and function in losses.LOSSES:
            _checks.check_given("y", y, f"{function} is a loss, which needs targets beside the outputs a")
        function = activations.get(function)
        a = np.linspace(-4.0, 4.0, 33) if a is None else a
    else:
        function = losses.get(function)
    given = np.asarray(_checks.as_float(np.asarray(a), "a"), np.float64)
    rows = given.reshape(len(given), -1) if given.ndim else given.reshape(1, 1)
    _checks.check_finite("a", rows)
    if y is None:
        derivative, value = _of_activation(function, rows)
    else:
        with _checks.part_of(f"targets for a of shape {rows.shape}"):
            y = _checks.check_targets(y, *rows.shape, np.float64, function)
        derivative, value = function.derivative(y, rows), lambda a: function.value(y, a)
    slopes, size = _difference_quotients(value, rows)
    errors = _relative_errors(derivative, *slopes, size)
    error = float(errors.max(initial=0.0))
    if tolerance is not None and not error <= _checks.check_real("tolerance", tolerance):
        i, j = np.unravel_index(errors.argmax(), errors.shape)  # argmax finds the first NaN, if there is one
        place = f"a[{i}]" if rows.shape[1] == 1 else f"a[{i}, {j}]"
        raise GradientError(
            f"{function.name}: derivative() is off by a relative {error:.2g}, most at {place} = "
            f"{rows[i, j]:g}: it says {derivative[i, j]:.8g}, differences say {slopes[:, i, j].mean():.8g}; "
            f"{(~(errors <= tolerance)).sum()} of {errors.size} places exceed the tolerance of {tolerance:g}"
        )
    return error


def _of_activation(function, z):
    """Return the derivative of a weighted sum of the outputs, and that sum as a function of z.

    The sum of all outputs of a row, each with its own weight, shows a function that mixes its row's units.
    """
    a = function.value(z)
    weights = np.linspace(1.0, 2.0, z.shape[1])
    d = np.broadcast_to(weights, z.shape)
    return function.backward(z, a, d), lambda z: (weights * function.value(z)).sum(axis=1)


def _difference_quotients(value, rows):
    """Return the slopes to the left and right, shape (2, n, n_outputs), and the size of value."""
    slopes = np.empty((2, *rows.shape))
    middle = value(rows)
    for j in range(rows.shape[1]):
        step = STEP * np.maximum(1.0, np.abs(rows[:, j]))
        for side, sign in enumerate((-1, 1)):
            moved = rows.copy()
            moved[:, j] += sign * step
            slopes[side, :, j] = (value(moved) - middle) / (moved[:, j] - rows[:, j])
    return slopes, float(np.abs(middle).max(initial=0.0))


def _relative_errors(derivative, left, right, size):
    """Return the error at each place; `size` bounds what rounding of the values does to the slopes."""
    central = 0.5 * (left + right)
    scale = np.maximum(np.abs(derivative), np.abs(central))
    scale = np.maximum(scale, max(1e-3 * np.fmax.reduce(scale, axis=None, initial=0.0), 1e-4 * size, 1e-300))
    off = np.abs(derivative - central)
    between = np.maximum(np.minimum(left, right) - derivative, derivative - np.maximum(left, right))
    return np.where(np.abs(left - right) > KINK * scale, np.maximum(between, 0.0), off) / scale
