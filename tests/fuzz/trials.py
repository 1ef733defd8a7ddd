"""``python -m tests.fuzz``: random trainings against the oracle, on every backend that this machine can run.

Each trial draws a graph, formulas, data and options from its seed (`cases.py`), trains, and compares with
`oracle/reference.py` in float64. What rounding alone can do is measured: the oracle is asked again with
weights that differ by some roundings. Then the same training must have the same bits on any number of
threads and when it is stopped and goes on. A second kind of trial makes networks of layers by the public
names, and looks whether their promises hold (`networks.py`); a third compares estimators with scikit-
learn's (`estimators.py`), a fourth predicts from numbers at the ends of the dtype (`extremes.py`), and a
fifth reads damaged and hostile model files (`files.py`).

    python -m tests.fuzz --minutes 10 --seed 1000
    python -m tests.fuzz --kind files --trials 1000000
    python -m tests.fuzz --seed 1234 --trials 1 --backend avx2     # a failure again
"""

import argparse
import time
import traceback
import warnings
from functools import lru_cache

import numpy as np
from fuzz import cases, estimators, extremes, files, networks
from oracle import reference
from oracle.jobs import clone

from fastmlp.kernels import dispatch, training
from fastmlp.kernels.plan import Status

ROUNDINGS = 3000  # that a result may be off, beside what the oracle's own sensitivity explains
AMPLIFIED = 200  # times that sensitivity, which one step of some roundings in one direction shows
NEAR = 10  # times as far from the truth as the oracle is, with its own roundings in every step


class Difference(AssertionError):
    """Two results that should be equal are not."""


@lru_cache(maxsize=100)
def asked(seed, dtype):
    """A training, and what the oracle says of it and of one whose weights differ by some roundings."""
    made, n_threads, told = cases.job(seed, dtype)
    moved = clone(made)
    change = 8 * float(np.finfo(dtype).eps) * np.random.RandomState(seed).standard_normal(len(moved.params))
    moved.params = moved.params * (1 + change)
    return made, n_threads, told, reference.train(made), reference.train(moved)


def trial(seed, backend, dtype):
    """One training against the oracle, on any number of threads, and in pieces. Returns what was skipped."""
    made, n_threads, told, expected, other = asked(seed, dtype)
    eps = float(np.finfo(dtype).eps)
    if not np.isfinite(expected.params).all() or other.status != expected.status:
        return "chaotic"
    if not np.abs(expected.losses).max(initial=0) * eps < 1:
        return "exploding"  # numbers lie further apart than the dtype has digits: sums are of roundings
    scale = max(1.0, np.abs(expected.params).max())
    sensitivity = np.abs(other.params - expected.params).max()
    if sensitivity > 1e3 * ROUNDINGS * eps * scale:
        return "chaotic"
    allowed = ROUNDINGS * eps * scale + AMPLIFIED * sensitivity
    regimes = cases.forced_regimes(made)
    for regime in regimes if backend != "numpy" else regimes[:1]:  # its steps are the same in all
        done, status = run(made, backend, n_threads=1, regime=regime)
        where = f"{told} {regime.name}"
        same(f"{where}: status", Status(status), Status(expected.status))
        n = len(expected.losses)
        of_losses = AMPLIFIED * np.abs(np.subtract(other.losses, expected.losses)).max(initial=0)
        largest = max(1.0, np.abs(expected.losses).max(initial=0))
        try:
            close(f"{where}: losses", done.losses[:n], expected.losses, of_losses + ROUNDINGS * eps * largest)
            close(f"{where}: parameters", done.params, expected.params, allowed)
        except Difference:
            if not is_rounding(made, done, expected):
                raise
        if regime == training.Regime.BATCH and n_threads > 1:
            again, _ = run(made, backend, n_threads=n_threads, regime=regime)
            equal(f"{where}: {n_threads} threads", done, again)
        again, _ = run(made, backend, n_threads=n_threads, regime=regime, in_pieces=True)
        equal(f"{where}: in pieces", done, again)
    return None


def is_rounding(made, done, expected):
    """Whether a training is about as near to one with more digits as the oracle's, given those of its dtype.

    Where a step divides by what is nearly 0, as those of RMSprop and Adam do, the roundings within each step
    count for more than those of the first weights, from which the sensitivity is measured.
    """
    with reference.extended():
        try:
            truth = reference.train(made)
        except TypeError:  # SciPy's erf has no more digits
            return False
    fewer = np.finfo(done.params.dtype).eps / np.finfo(np.float64).eps
    pairs = (
        (done.params, expected.params, truth.params),
        (done.losses[: len(truth.losses)], expected.losses, truth.losses),
    )
    return all(
        np.abs(ours - true).max(initial=0) <= NEAR * fewer * np.abs(theirs - true).max(initial=0)
        for ours, theirs, true in ([np.asarray(each, np.longdouble) for each in pair] for pair in pairs)
    )


def run(made, backend, n_threads, regime, in_pieces=False):
    """Train a clone of a job; in pieces: a call of the kernels ends after every batch."""
    job, budget = clone(made), training.first_budget
    try:
        if in_pieces:
            training.first_budget = lambda _: 1
        status = training.run(job, n_threads=n_threads, regime=regime)
    finally:
        training.first_budget = budget
    return job, status


def close(what, actual, expected, allowed):
    actual = np.asarray(actual, np.float64)
    worst = np.where(actual == expected, 0.0, np.abs(actual - expected)).max(initial=0)  # two infinities
    if not worst <= allowed:
        raise Difference(f"{what} differ by {worst:.3g}, allowed {allowed:.3g}")


def same(what, actual, expected):
    if actual != expected:
        raise Difference(f"{what}: {actual!r}, expected {expected!r}")


def equal(what, one, other):
    names = ["params", "losses", "order"]
    if one.run["status"][0] != Status.DIVERGED:  # what an optimizer knows is dropped then
        names.append("state")
    for name in names:
        if getattr(one, name).tobytes() != getattr(other, name).tobytes():
            raise Difference(f"{what}: {name} has other bits")


TRAININGS = {
    "kernels": trial,
    "networks": networks.trial,
    "estimators": estimators.trial,
    "extremes": extremes.trial,
}
TRIALS = TRAININGS | {"files": files.trial}


def attempt(kind, seed, backend, dtype):
    """One trial of a kind; returns why it was skipped, or None, or the error."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        with dispatch.using(backend):
            try:
                return TRIALS[kind](seed, backend, np.dtype(dtype))
            except Exception as error:
                return error


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--trials", type=int, help="instead of minutes: so many seeds")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the first trial")
    parser.add_argument("--backend", choices=dispatch.available(), action="append")
    parser.add_argument("--kind", choices=TRIALS, action="append")
    asked = parser.parse_args()
    backends, kinds = asked.backend or dispatch.available(), asked.kind or TRIALS
    until = np.inf if asked.trials else time.monotonic() + 60 * asked.minutes
    print(f"seeds from {asked.seed} on; {', '.join(backends)}", flush=True)
    done, skipped, failed, seed = 0, 0, 0, asked.seed
    while time.monotonic() < until and seed - asked.seed < (asked.trials or np.inf):
        for backend in backends:
            for dtype in ("float32", "float64"):
                for kind in kinds:
                    if kind not in TRAININGS and (backend, dtype) != (backends[0], "float64"):
                        continue  # files are read alike with all of them
                    found = attempt(kind, seed, backend, dtype)
                    done += 1
                    skipped += isinstance(found, str)
                    if isinstance(found, Exception):
                        failed += 1
                        again = f"--seed {seed} --trials 1 --backend {backend} --kind {kind}"
                        print(f"FAILED {again} ({dtype}): {found!r}", flush=True)
                        if not isinstance(found, AssertionError) or asked.trials:
                            traceback.print_exception(found)
        seed += 1
    print(f"{done} trials, {skipped} not compared, {failed} failed; next seed {seed}")
    return 1 if failed else 0
