"""What an optimizer remembers between steps, and whether another one can go on with it."""

from . import _checks
from .kernels.memory import aligned_zeros, owned
from .kernels.plan import N_STATES


class OptimizerState:
    """What an optimizer remembers between steps.

    It belongs to that optimizer: another kind, or one with other constants, would read it as something else.

    Attributes
    ----------
    optimizer : Optimizer
        Whose it is.
    arrays : ndarray of shape (n_states, n_params)
        Velocities, moments: laid out as the parameters are.
    step : int
        Updates so far.
    learning_rate : float
        The rate that comes next; NaN before the first run of a schedule, which is asked once for each epoch.
    plateau : tuple or None
        How far a `schedules.Plateau` has come: itself, its rate, the best loss, epochs since.
    """

    def __init__(self, optimizer, n_params, dtype):
        self.optimizer = optimizer
        self.arrays = aligned_zeros((N_STATES[optimizer.code], n_params), dtype)
        self.step = 0
        rate = optimizer.learning_rate
        self.learning_rate = float("nan") if callable(rate) else float(rate)
        self.plateau = None

    def fits(self, optimizer, n_params, dtype):
        """Return whether `optimizer` can go on with it: its own, or one that differs in its rate only."""
        as_large = self.arrays.shape[1] == n_params and self.arrays.dtype == dtype
        return as_large and (self.optimizer is optimizer or _same_but_rate(self.optimizer, optimizer))

    def own(self):
        """Return itself, its arrays in memory that may be written to."""
        self.arrays = owned(self.arrays)
        return self

    def as_data(self):
        """Return it as plain data: arrays and numbers."""
        return {
            "arrays": self.arrays.copy(),
            "step": self.step,
            "learning_rate": self.learning_rate,
            "plateau": None if self.plateau is None else list(self.plateau[1:]),
        }

    @classmethod
    def of_data(cls, optimizer, n_params, dtype, data):
        """Return that of an optimizer from what `as_data` has returned."""
        made = cls(optimizer, n_params, dtype)
        _checks.check_state_arrays(data["arrays"], made.arrays)
        made.arrays[...] = data["arrays"]
        made.step = _checks.check_int("step", data["step"], 0, 1 << 62)
        made.learning_rate = float(data["learning_rate"])
        if data["plateau"] is not None:
            rate, best_loss, no_improvement = data["plateau"]
            made.plateau = optimizer.learning_rate, float(rate), float(best_loss), int(no_improvement)
        return made

    def forget(self):
        """Begin anew: as before the first step, but for the learning rate."""
        self.arrays[...] = 0
        self.step = 0


def _same_but_rate(a, b):
    """Return whether two optimizers differ in their learning rate only."""
    rate = {"learning_rate": None}
    return type(a) is type(b) and vars(a) | rate == vars(b) | rate
