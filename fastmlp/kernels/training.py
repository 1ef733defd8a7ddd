"""Drives the kernels: chooses regime and threads, runs a job in slices, predicts in threads."""

import time
from functools import partial

import numpy as np

from . import interrupts
from .contract import OwnBudget, OwnThreads, Threads, offers
from .dispatch import in_use, kernels
from .job import AT, F32, Job
from .memory import owned
from .pace import TRIAL, Pace
from .plan import INPUT, N_STATES, Activation, Listing, Loss, Optimizer, Regime, Status
from .records import CHUNK, TINY_WIDTH
from .threads import join, share_out, start, threads_for, usable_cores

# what every fit meets: an enumeration takes 50 ns to find a member
TINY, RUNNING = Regime.TINY, Status.RUNNING
REGIME, N_THREADS, BUDGET, EACH_EPOCH = (AT[n] for n in ("regime", "n_threads", "budget", "stop_each_epoch"))
STATUSES = {int(status): status for status in Status}  # Status(number) takes ten times as long
SLICE = 0.05  # seconds of native work between two checks for signals (Ctrl-C)
PIECE = 1 << 28  # multiply-adds of a prediction between two such checks
PREDICTED = 256  # rows predicted by one call at most; results do not depend on where the rows are cut
MIN_WORK = 1 << 20  # multiply-adds per thread and step below which a second thread costs more than it gains
TWO_WORK = 1 << 18  # per thread, from which a run of mini-batches finds out whether two threads pay (pace.py)
STATE_SAMPLES = 4  # whose products take as long as an optimizer's step with each number of its state
MIN_RUN = 1 << 20  # and of a whole run for each lane of a vector: it ends before another thread has begun
TINY_PARAMS = 4096
ONLINE_OPTIMIZERS = (Optimizer.SGD, Optimizer.MOMENTUM, Optimizer.NESTEROV, Optimizer.ADAM)
TINY_LOSSES = (
    Loss.HALF_SQUARED_ERROR, Loss.BINARY_CROSS_ENTROPY, Loss.CATEGORICAL_CROSS_ENTROPY,
    Loss.SOFTMAX_CROSS_ENTROPY,
)  # fmt: skip
SPARSE_DENSITY = 0.35  # of non-zeros in the input, below which listing them beats dense products
HALVES_LEAST = 1 << 15  # weights that a sample meets, from which on an online step is made in two parts
SHARERS = 4  # rows whose lists are compared with a shared one
SHARED_LENGTH = 0.65  # of a shared list to those it replaces, below which it is faster


def choose_regime(job):
    """The regime that is fastest for a job's sizes, among those that can do what it asks."""
    plan, asked, n_rows = job.plan, job.asked, job.rows.n_rows
    small_batch = asked["batch_size"] if asked["batch_size"] < n_rows else n_rows
    tiny = plan.n_params <= TINY_PARAMS and small_batch <= 512
    if not tiny and small_batch > 1:
        return Regime.BATCH
    if asked["input_dropout"] or asked["clip_norm"] or asked["clip_value"] or plan.needs_batches:
        return Regime.BATCH
    if small_batch == 1 and asked["optimizer"] in ONLINE_OPTIMIZERS:
        return Regime.ONLINE
    if (
        tiny
        and not job.rows.is_sparse
        and plan.widest <= TINY_WIDTH
        and asked["optimizer"] != Optimizer.GRADIENT
        and asked["loss"] in TINY_LOSSES
    ):
        return TINY
    return Regime.BATCH


def choose_threads(job, regime, n_threads, backend):
    """Threads for a job: what was asked for, or as many as the work of a step keeps busy."""
    most = 64 if regime == Regime.BATCH else 2 if regime == Regime.ONLINE and job.run["halves"] else 1
    if most == 1 or n_threads is not None:
        return max(1, min(int(n_threads or 1), most))
    n_samples, batch_size, work = len(job.order), job.asked["batch_size"], 3 * job.plan.n_params
    if work * n_samples * job.asked["n_epochs"] < MIN_RUN * backend.lanes():
        return 1
    if most == 2:
        return min(2, usable_cores())
    batch_size = min(batch_size, n_samples)
    n_threads = threads_for(work * batch_size, MIN_WORK)
    if n_threads == 1 and backend.pauses_threads:
        step = batch_size + STATE_SAMPLES * N_STATES[job.asked["optimizer"]]
        n_threads = min(2, threads_for(work * step, TWO_WORK))
    return n_threads


def some_nonzeros(job):
    """Where the input is not 0, of 64 to 127 rows spread over those to train on."""
    rows, subset = job.rows, job.subset
    step = max(1, (rows.n_rows if subset is None else len(subset)) // 64)
    return rows.data[slice(None, None, step) if subset is None else subset[::step]] != 0


def listed_share(job):
    """The share of the input that a sample's list has."""
    if job.rows.is_sparse:
        lengths = np.diff(job.rows.indptr)
        return float((lengths if job.subset is None else lengths[job.subset]).mean()) / job.rows.n_features
    lists = job.run["sparse"] or job.asked["optimizer"] == Optimizer.SGD
    return float(some_nonzeros(job).mean()) if lists else 1.0


def choose_listing(job, regime):
    """How the input's non-zeros are listed."""
    rows = job.rows
    if rows.is_sparse:
        return Listing.LISTS
    if job.plan.n_params <= TINY_PARAMS:
        return Listing.DENSE
    nonzero = some_nonzeros(job)
    n_listed = np.count_nonzero(nonzero)
    if n_listed >= SPARSE_DENSITY * nonzero.size:
        return Listing.DENSE
    groups = nonzero[: len(nonzero) // SHARERS * SHARERS].reshape(-1, SHARERS, rows.n_features)
    n_shared = np.count_nonzero(groups.any(axis=1))
    return Listing.SHARED if n_shared < SHARED_LENGTH * np.count_nonzero(groups) else Listing.LISTS


def choose_halves(job, regime):
    """Whether an online step is made in two parts (halves.pxi): of a chain of layers with much to do.

    Not by the number of threads, as the order of sums depends on it.
    """
    plan, layers = job.plan, job.plan.layers
    if regime != Regime.ONLINE or len(layers) < 2 or plan.n_params < HALVES_LEAST:
        return False
    chain = plan.edges["source"].tolist() == list(range(INPUT, len(layers) - 1))
    if not chain or layers["frozen"].any() or (layers["activation"][:-1] == Activation.SOFTMAX).any():
        return False
    if job.run["weight_decay"] or any(layers[name].any() for name in ("l1", "l2", "mean_l1", "mean_l2")):
        return False
    first = plan.n_features * int(layers["n_out"][0])
    return first * listed_share(job) + plan.n_params - first >= HALVES_LEAST


def shares_out(backend):
    """Whether several threads of a backend take part in one job."""
    return offers(backend, OwnThreads) or offers(backend, Threads)


def prepare(job, n_threads=None, regime=None, backend=None):
    """Choose regime and threads, and lay out the workspace; return the backend, the one in use by default."""
    run, counts = job.run, job.counts
    regime = choose_regime(job) if regime is None else regime
    counts[REGIME] = regime
    backend = backend or in_use[job.params.dtype]
    if regime == TINY:  # reads rows as they are, on one thread
        counts[N_THREADS] = 1
    else:
        run["sparse"] = choose_listing(job, regime)
        run["halves"] = choose_halves(job, regime)
        n_threads = choose_threads(job, regime, n_threads, backend)
        run["n_threads"] = n_threads if n_threads == 1 or shares_out(backend) else 1
    backend.prepare(job)
    return backend


def all_finite(rows, dtype=None):
    """Whether no value of the rows is NaN or infinite, or is so where read as `dtype`; None: its own."""
    if dtype is None:
        dtype = rows.data.dtype if rows.data.dtype.kind == "f" else F32
    return kernels(dtype).all_finite(rows)


def first_budget(job):
    """Batches, or chunks of larger ones, that take about a millisecond or less."""
    batch, n = job.asked["batch_size"], job.rows.n_rows
    if batch > n or batch > CHUNK:
        batch = min(n or 1, CHUNK)
    return int(4e6 / (batch * (job.plan.n_params + 200))) or 1


def next_budget(budget, began, pace=None):
    """What the next slice may do, if the one that began then did all of `budget`: so that it takes SLICE.

    Less where threads are tried (`pace`).
    """
    elapsed = max(time.perf_counter() - began, 1e-6)
    if pace and pace.tries:
        return max(1, int(budget * min(4.0, TRIAL / elapsed)))
    return max(1, int(budget * min(4.0, max(0.25, SLICE / elapsed))))


def run(job, on_epoch=None, n_threads=None, regime=None, backend=None):
    """Train until the job's epochs are done or there is a reason to stop.

    Parameters
    ----------
    job : Job
    on_epoch : callable, optional
        Called with the job after every epoch but one that ends the run by itself; a true result stops it.
    n_threads : int, optional
        None: the cores this process may use, and 1 where the work is too small to gain, or where it is seen
        to be (`pace.Pace`).
    regime : Regime, optional
        None: chosen from the sizes.
    backend : optional
        None: the kernels in use. Users' formulas come with kernels of their own.

    Returns
    -------
    Status
        FINISHED, STALLED, DIVERGED, or EPOCH_END where `on_epoch` stopped it; BAD_ROWS where
        ``job.run["check_rows"]`` is set and the input holds NaN or infinity (the parameters are as before).

    Notes
    -----
    The kernels return every SLICE seconds, so that Ctrl-C raises KeyboardInterrupt here between two steps;
    the job's parameters are then those after the last step. Whatever is raised, no thread is left behind.
    """
    chosen = n_threads is None
    backend = prepare(job, n_threads, regime, backend)
    record = job.run
    if job.asked["check_rows"] and not (backend.checks_rows and record["regime"] != TINY):
        record["check_rows"] = 0  # these kernels do not check rows while they train: it is done here
        if not all_finite(job.rows, job.params.dtype):
            return Status.BAD_ROWS
    job.counts[EACH_EPOCH] = on_epoch is not None
    job.counts[BUDGET] = (backend.first_budget if offers(backend, OwnBudget) else first_budget)(job)
    if interrupts.here.held is not None:  # whoever called holds signals back
        return _work(job, backend, on_epoch, chosen)
    with interrupts.held():
        return _work(job, backend, on_epoch, chosen)


def _work(job, backend, on_epoch, chosen):
    """Start the other threads, train, and let them go; `chosen`: their number was not asked for."""
    started, pace = [], None
    try:
        if (n_threads := job.counts[N_THREADS]) > 1:
            if offers(backend, OwnThreads):
                others = partial(backend.start, job)
            else:
                others = partial(start, started, backend.work, [(job, t) for t in range(1, n_threads)])
            if chosen and backend.pauses_threads:
                pace = Pace(job, others)
            else:
                others()
        return _slices(job, backend, on_epoch, pace)
    finally:
        backend.dismiss(job)
        if started:
            join(started)


def _slices(job, backend, on_epoch, pace):
    record = job.run
    while True:
        interrupts.check_stop()
        begin = time.perf_counter()
        if pace:
            pace.begin()
        status = STATUSES[backend.train(job)]
        if pace:
            pace.end()
        if status == RUNNING:
            record["budget"] = next_budget(record["budget"][0], begin, pace)
        elif (
            status == Status.DIVERGED and record["check_rows"] and not all_finite(job.rows, job.params.dtype)
        ):
            return Status.BAD_ROWS
        elif status != Status.EPOCH_END or on_epoch(job):
            return status
        if status != RUNNING and record["epoch"][0] >= record["n_epochs"][0]:
            return Status.FINISHED


def loss_and_gradient(plan, params, rows, y, *, sample_weight=None, n_threads=None, backend=None, **options):
    """Loss of the whole data set, penalties included, and its gradient; nothing is dropped or cut.

    Returns
    -------
    loss : float
    gradient : ndarray of shape (n_params,)
    """
    options = options | dict(
        optimizer=Optimizer.GRADIENT, batch_size=max(1, rows.n_rows), n_epochs=1, shuffle=0
    )
    job = Job(plan.without_training(), owned(params), rows, y, sample_weight=sample_weight, **options)
    run(job, n_threads=n_threads, regime=Regime.BATCH, backend=backend)
    return float(job.losses[0]), job.gradient


def predict(
    plan, params, rows, *, layer=-1, logits=False, n_threads=None, out=None, backend=None, check_rows=False
):
    """Output of a layer for every row, shape (n_rows, n_out of the layer), in the dtype of `params`.

    None where `check_rows` asks for a look and a row is not finite, as `all_finite` has it.
    """
    backend = backend or kernels(params.dtype)
    n = rows.n_rows
    if check_rows and not backend.checks_predicted and not backend.all_finite(rows):
        return None
    if out is None:
        out = np.empty((n, plan.layers["n_out"][layer]), params.dtype)
    work = n * plan.n_params
    if n_threads is None:
        n_threads = 1 if work < 64 * MIN_WORK or n < 2 * PREDICTED else usable_cores()
    if n < PREDICTED or (n_threads <= 1 and work <= PIECE):
        finite = backend.predict(plan, params, rows, out, 0, n, layer, logits, check_rows)
        return out if finite else None
    found = []

    def piece(a, b):
        found.append(backend.predict(plan, params, rows, out[a:b], a, b - a, layer, logits, check_rows))

    share_out(piece, pieces(n, n_threads, PIECE // plan.n_params), n_threads)
    return out if all(found) else None


def pieces(n, n_threads, most):
    """Cut n rows into pieces of at most `most`, smaller ones at the end, so that threads end at once."""
    a = 0
    while a < n:
        size = max(1, min(most, (n - a) // (2 * n_threads)) // PREDICTED) * PREDICTED
        yield a, min(a + size, n)
        a += size
