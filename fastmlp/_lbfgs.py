"""L-BFGS over the whole data set: SciPy searches, the kernels give the loss and its gradient."""

import warnings

import numpy as np

from . import _python_engine
from ._fit import is_native
from .kernels import training


def objective(network, rows, y, sample_weight, loss):
    """Return the function from flat parameters to (loss, gradient)."""
    plan = network.plan
    if is_native([*network.functions, loss]):
        options = loss.options(plan.n_outputs)
        return lambda params: training.loss_and_gradient(
            plan, params, rows, y, sample_weight=sample_weight, **options
        )
    x = _python_engine.gather(rows, np.arange(rows.n_rows), np.dtype(np.float64))
    weights = np.ones(rows.n_rows) if sample_weight is None else sample_weight
    return lambda params: _python_engine.loss_and_gradient(
        plan, network.functions, loss, params, x, y, weights
    )


def minimize(network, rows, y, sample_weight, loss, *, max_iter, max_fun, tol, ftol=None, on_step=None):
    """Minimise the loss from the network's weights on, which end at the best point.

    Steps are searched in double precision whatever the weights' dtype: a line search needs the digits.

    Parameters
    ----------
    network, rows, y, sample_weight, loss
        As in `fastmlp._fit.Fit`.
    max_iter, max_fun : int
        Bounds on iterations and evaluations.
    tol : float
        Stop where no element of the gradient exceeds it.
    ftol : float, default=None
        Stop where an iteration lowers the loss by no more than this share of it. None: SciPy's default.
    on_step : callable, default=None
        Called with the loss after each iteration; a true value stops.

    Returns
    -------
    scipy.optimize.OptimizeResult
    """
    from scipy.optimize import OptimizeResult
    from scipy.optimize import minimize as search
    from threadpoolctl import threadpool_limits

    if y.dtype.kind == "f":
        y = y.astype(np.float64, copy=False)

    last = None

    def callback(intermediate_result):
        nonlocal last
        n_done = 1 if last is None else last.nit + 1
        last = OptimizeResult(
            x=intermediate_result.x.copy(), fun=intermediate_result.fun, nit=n_done, status=0, message=""
        )
        if on_step is not None:
            network.params[:] = intermediate_result.x  # what on_step looks at
            if on_step(float(intermediate_result.fun)):
                raise StopIteration

    options = dict(maxfun=max_fun, maxiter=max_iter, gtol=tol) | ({} if ftol is None else dict(ftol=ftol))
    # SciPy's own products are of vectors: BLAS threads only get in each other's way
    with threadpool_limits(1, "blas"):
        start = network.params.astype(np.float64)
        function = objective(network, rows, y, sample_weight, loss)
        try:
            result = search(function, start, method="L-BFGS-B", jac=True, options=options, callback=callback)
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=2)
            begun = OptimizeResult(x=start, fun=function(start)[0], nit=0, status=0, message="")
            result = last or begun
    if np.isfinite(result.x).all():
        network.params[:] = result.x
    return result
