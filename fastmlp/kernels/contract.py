"""What a backend is: the functions that every one has for each dtype, and those that only some have.

`Kernels` is a compiled module, or an object. Reals are of its dtype; arrays lie as `memory.py` has it, and
each backend sees to that (``api.pxi``, ``inspection.py``).
"""

from __future__ import annotations

from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from .job import Job, Rows
    from .neuron import Neuron
    from .plan import Plan

Array = np.ndarray[Any, np.dtype[Any]]


class Kernels(Protocol):
    """What every backend has."""

    checks_rows: bool  # whether run["check_rows"] is honoured
    checks_predicted: bool  # ... and that of `predict`
    pauses_threads: bool  # whether run["n_active"] is

    def declared(self) -> dict[str, int]:
        """Numbers of all codes, and where each field of each record lies: those of ``records.py``."""

    def lanes(self) -> int:
        """Numbers in a vector."""

    # training

    def prepare(self, job: Job) -> None:
        """Check the job and lay out ``job.workspace``; its arrays must stay where they are from here on."""

    def train(self, job: Job) -> int:
        """Run up to run["budget"] batches, from where the last call stopped; return the `Status`."""

    def dismiss(self, job: Job) -> None:
        """End a run: its other threads go, and parameters and state are those after the last step."""

    def learn(self, neuron: Neuron) -> int:
        """Run a neuron for up to run["budget"] samples; return the `Status`."""

    def update(self, run: Array, w: Array, g: Array, state: Array) -> None:
        """One optimizer step on flat arrays of one length; w and state (n_states, n) are updated."""

    # prediction and data

    def predict(
        self,
        plan: Plan,
        params: Array,
        rows: Rows,
        out: Array,
        first: int = 0,
        n: int | None = None,
        layer: int = -1,
        logits: bool = False,
        check_rows: bool = False,
    ) -> bool:
        """Write the output of `layer` for rows first..first + n into out (n, n_out of the layer).

        False where `check_rows` asks for a look and a row is not finite.
        """

    def predict_few(
        self, plan: Plan, params: Array, x: Array, scale: float, layer: int = -1, logits: bool = False
    ) -> Array | None:
        """Return the output of `layer` for a few finite rows of a plain array; None where x is not that."""

    def all_finite(self, rows: Rows) -> bool:
        """Whether no value is NaN or infinite, or becomes so where it is read: scaled, in this dtype."""

    def shuffle(self, order: Array, random_state: np.random.RandomState) -> None:
        """Shuffle int64 `order` in place, exactly as random_state.shuffle(order) would."""

    def add_noise(
        self,
        source: Array,
        target: Array,
        width: int,
        n_copies: int,
        first: int,
        key: int,
        sigma: float,
        low: float,
        high: float,
    ) -> None:
        """target = min(max(rows + sigma z, low), high): rows of `width` values, each n_copies times."""

    def matmul_stack(self, A: Array, B: Array, out: Array, first: int = 0, n: int = -1) -> bool:
        """Write out = A B, or matrices first..first + n of it; False, and nothing, where it cannot."""

    # single kernels, for tests

    def activate(self, code: int, slope: float, z: Array, out: Array) -> None:
        """out = f(z), elementwise; softmax over the last axis."""

    def activation_gradient(self, code: int, slope: float, z: Array, a: Array, d: Array) -> None:
        """d *= f'(z), elementwise."""

    def multiply(
        self, A: Array, B: Array, C: Array, accumulate: bool = False, transposed: bool = False
    ) -> None:
        """C (+)= A B, or A^T B. A may have any strides."""

    def multiply_tn(self, A: Array, D: Array, C: Array) -> None:
        """C = A^T D."""

    def normals(self, words: Array, out: Array) -> None:
        """The values made of uint32 words (n, 4, 16)."""


class Threads(Protocol):
    """Several threads in one job: for speed only, and optional."""

    def work(self, job: Job, thread: int) -> None:
        """Serve as thread 1, 2, ... of a prepared job until `dismiss`."""


class OwnThreads(Protocol):
    """Threads that a backend starts itself, and whose end its `dismiss` waits for: optional."""

    def start(self, job: Job) -> None:
        """Start all threads but the first of a prepared job."""


class Ensembles(Protocol):
    """Several small nets side by side, one in each lane of vectors: for speed only, and optional."""

    def ensemble_bytes(self, job: Job) -> int:
        """Bytes of scratch memory that training nets like this job's side by side takes."""

    def prepare_ensemble(self, jobs: list[Job], workspace: Array) -> None:
        """Lay out a workspace for at most `lanes()` jobs; their arrays must stay where they are."""

    def train_ensemble(self, jobs: list[Job], workspace: Array, alive: Array, budget: int) -> None:
        """Run up to `budget` steps of each job that is `alive`, until the status of one is not RUNNING."""


class OwnBudget(Protocol):
    """A backend too slow for the usual first slice: optional."""

    def first_budget(self, job: Job) -> int:
        """Batches of the first call."""


OPTIONAL = (Threads, OwnThreads, Ensembles, OwnBudget)


@cache
def functions(part: type) -> frozenset[str]:
    """The names of a part's functions."""
    return frozenset(
        name for name, value in vars(part).items() if callable(value) and not name.startswith("_")
    )


def offers(kernels: object, part: type) -> bool:
    """Whether a backend has the functions of an optional part."""
    if isinstance(kernels, ModuleType):
        return _offered(kernels, part)
    return all(hasattr(kernels, name) for name in functions(part))


@cache
def _offered(module: ModuleType, part: type) -> bool:
    """Whether a compiled backend has them; it stays as it is."""
    return vars(module).keys() >= functions(part)
