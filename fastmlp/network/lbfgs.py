"""L-BFGS over the whole data set: SciPy searches, the kernels give the loss and its gradient."""

import time

import numpy as np

from .. import _checks
from ..kernels import training
from ..kernels.plan import Status
from .fit import Curves, kernels_of


class LBFGSFit:
    """A run of L-BFGS over one data set, with what `fastmlp.network.fit.Fit` has for whoever drives a run.

    Parameters
    ----------
    network, rows, y, loss, sample_weight
        As in `fastmlp.network.fit.Fit`.
    optimizer : LBFGS
    n_epochs : int
        The most iterations; each counts as an epoch.

    Attributes
    ----------
    status : Status
        FINISHED once `run` has ended, or DIVERGED.
    losses, seconds : list of float
        Of each iteration.
    """

    def __init__(self, network, rows, y, *, loss, optimizer, n_epochs, sample_weight=None):
        self.arguments = network, rows, y, sample_weight, loss
        self.optimizer, self.n_epochs = optimizer, n_epochs
        self.status, self.losses, self.seconds = Status.RUNNING, [], []

    @property
    def begun(self):
        """Whether an iteration was made, or the run has ended otherwise than by an error."""
        return self.status != Status.RUNNING or bool(self.losses)

    @property
    def n_done(self):
        """Iterations completed."""
        return len(self.losses)

    @property
    def latest(self):
        """Loss, learning rate and seconds of the iteration that has just ended."""
        return {"loss": self.losses[-1], "learning_rate": 1.0, "seconds": self.seconds[-1]}

    @property
    def curves(self):
        """What happened in the completed iterations."""
        return Curves(
            np.array(self.losses), np.ones(1), float(np.mean(self.seconds)) if self.seconds else 0.0
        )

    def state(self, epoch_end, stopped):
        """Return None: SciPy keeps to itself what it knows of the curvature."""

    def resume(self, state, epoch_end):
        """Refuse: see `state`."""
        _checks.check_unfinished(None, None, lbfgs=True)

    def run(self, on_epoch=None):
        """Search until the minimum, the most iterations or a callback's stop are reached."""
        last = time.perf_counter()

        def on_step(loss):
            nonlocal last
            self.losses.append(loss)
            self.arguments[0].n_epochs_ += 1
            self.seconds.append(time.perf_counter() - last)
            stop = on_epoch is not None and on_epoch(self)
            last = time.perf_counter()
            return stop

        found = minimize(*self.arguments, self.optimizer, self.n_epochs, on_step)
        self.status = Status.FINISHED
        if diverged(self.arguments[0], found):
            self.status = Status.DIVERGED
            _checks.warn_diverged(self.n_done + 1, None, *self.arguments[1:3])
        return self


def objective(network, rows, y, sample_weight, loss):
    """Return the function from flat parameters to (loss, gradient)."""
    plan, options = network.plan, loss.options(network.plan.n_outputs)

    def function(params):
        own = kernels_of(params.dtype, network.functions, loss)
        return training.loss_and_gradient(
            plan, params, rows, y, sample_weight=sample_weight, backend=own, **options
        )

    return function


def free(plan, function):
    """Return a function whose gradient is 0 for the layers that are frozen."""
    held = [span for span, frozen in zip(plan.spans, plan.layers["frozen"], strict=True) if frozen]
    if not held:
        return function

    def of_free(params):
        loss, gradient = function(params)
        for span in held:
            gradient[span] = 0
        return loss, gradient

    return of_free


def diverged(network, found):
    """Whether a search, which `minimize` returns, has met no finite loss: SciPy takes NaN for a minimum."""
    return not network.interrupted_ and not (np.isfinite(found.fun) and np.isfinite(found.x).all())


def minimize(network, rows, y, sample_weight, loss, optimizer, max_iter, on_step=None):
    """Minimise the loss from the network's weights on, which end at the best point.

    Steps are searched in double precision whatever the weights' dtype: a line search needs the digits.

    Parameters
    ----------
    network, rows, y, sample_weight, loss
        As in `fastmlp.network.fit.Fit`.
    optimizer : LBFGS
    max_iter : int
    on_step : callable, default=None
        Called with the loss after each iteration; a true value stops.

    Returns
    -------
    scipy.optimize.OptimizeResult
        Of the last whole iteration where Ctrl-C ended the search, its loss NaN where none was known.
    """
    from scipy.optimize import OptimizeResult
    from scipy.optimize import minimize as search
    from threadpoolctl import threadpool_limits

    if y.dtype.kind == "f":
        y = y.astype(np.float64, copy=False)
    evaluate = free(network.plan, objective(network, rows, y, sample_weight, loss))
    start, network.interrupted_ = network.params.astype(np.float64), False
    reached = OptimizeResult(x=start, fun=np.nan, nit=0, status=0, message="")  # the last whole iteration

    def function(params):
        value, gradient = evaluate(params)
        if reached.nit == 0 and np.isnan(reached.fun):
            reached.fun = value
        return value, gradient

    def callback(intermediate_result):
        found = intermediate_result
        reached.update(x=found.x.copy(), fun=found.fun, nit=reached.nit + 1)
        if on_step is not None:
            network.own_params()[:] = found.x  # on_step may read the network's weights
            if on_step(float(found.fun)):
                raise StopIteration

    options = dict(maxfun=optimizer.max_fun, maxiter=max_iter, gtol=optimizer.tol, ftol=optimizer.ftol)
    # SciPy multiplies short vectors only, where BLAS threads cost more than they gain
    with threadpool_limits(1, "blas"):
        try:
            result = search(function, start, method="L-BFGS-B", jac=True, options=options, callback=callback)
        except KeyboardInterrupt:
            network.interrupted_ = True
            _checks.warn_interrupted()
            result = reached
    if np.isfinite(result.x).all():
        network.own_params()[:] = result.x
    return result
