"""The table of cases: what is trained or predicted, and on how many rows."""

from dataclasses import dataclass, field, replace

SLOW_BATCH_1 = {"numpy": 3000, "scikit-learn": 2000, "torch": 3000, "jax": 30000, "fastmlp-numba": 20000}
SLOW_DEEP = {"numpy": 20000, "scikit-learn": 10000, "torch": 20000, "jax": 30000, "fastmlp-numba": 30000}
DEEP = (784, 256, 128, 64, 10)


@dataclass(frozen=True)
class Case:
    """One benchmark.

    Attributes
    ----------
    name, title : str
        What ``--cases`` selects, and what the table prints.
    kind : {"train", "predict"}
    sizes : tuple of int
        Units of every layer, the input first.
    hidden, output : str
        Activations. A softmax output is trained with cross-entropy, tanh with the mean squared error.
    optimizer : {"sgd", "adam"}
    batch_size : int
        Rows of one update, or of one prediction.
    epochs : int
        Epochs of one timed run, from the initial weights.
    n_rows : int
        Training rows of an epoch; for a prediction the rows that one timed run goes through.
    subset : dict
        Peers too slow for all rows, and the number of first rows they train on instead; rates are
        compared by the sample.
    check_rows : int
        Rows that every peer trains on when it is checked that all learn the same.
    labels : bool
        Predict class labels, as an estimator does, instead of the output layer's values.
    unit : {"run", "sample"}
        What the table prints the time of.
    goal : float or None
        How many times faster than the fastest of NumPy, scikit-learn and PyTorch fastmlp means to be.
    """

    name: str
    title: str
    kind: str = "train"
    sizes: tuple = (784, 32, 10)
    hidden: str = "logistic"
    output: str = "softmax"
    optimizer: str = "sgd"
    learning_rate: float = 0.01
    batch_size: int = 32
    epochs: int = 1
    n_rows: int = 60000
    subset: dict = field(default_factory=dict)
    check_rows: int = 3200
    labels: bool = False
    unit: str = "sample"
    goal: float | None = None

    def with_rows(self, n_rows):
        """This case on `n_rows` rows, rounded down to whole batches."""
        return replace(self, n_rows=max(n_rows // self.batch_size, 1) * self.batch_size, subset={})

    def rows_of(self, peer):
        """Return the rows that `peer` runs over in one timed run."""
        return self.subset.get(peer, self.n_rows)

    @property
    def n_samples(self):
        """Samples that one run on `n_rows` rows goes through."""
        return self.n_rows * self.epochs


def _shallow(optimizer, learning_rate, batch_size, goal=None):
    return Case(
        f"784-32-10-{optimizer}-b{batch_size}",
        f"784-32-10 {optimizer.upper() if optimizer == 'sgd' else 'Adam'}, batch {batch_size}",
        optimizer=optimizer,
        learning_rate=learning_rate,
        batch_size=batch_size,
        subset={1: SLOW_BATCH_1}.get(batch_size, {}),
        check_rows=500 if batch_size == 1 else 3200,
        goal=goal,
    )


def _deep(batch_size, goal):
    return Case(
        f"784-256-128-64-10-adam-b{batch_size}",
        f"784-256-128-64-10 Adam, batch {batch_size}",
        sizes=DEEP,
        optimizer="adam",
        learning_rate=0.001,
        batch_size=batch_size,
        subset=SLOW_DEEP,
        goal=goal,
    )


def _predict(name, title, **kwargs):
    return Case(f"predict-{name}", f"784-256-128-64-10 {title}", kind="predict", sizes=DEEP, **kwargs)


CASES = (
    Case(
        "xor", "XOR 2-2-1 tanh, full batch, 3000 epochs", sizes=(2, 2, 1), hidden="tanh", output="tanh",
        batch_size=4, epochs=3000, n_rows=4, check_rows=4, unit="run", goal=100,
    ),
    _shallow("sgd", 0.01, 1, goal=20),
    _shallow("sgd", 0.1, 32, goal=3),
    _shallow("sgd", 0.1, 128, goal=3),
    _shallow("adam", 0.001, 1, goal=8),
    _shallow("adam", 0.001, 32),
    _shallow("adam", 0.001, 128),
    _deep(32, goal=2.5),
    _deep(128, goal=2),
    _predict("one", "predict one row", batch_size=1, n_rows=1000, check_rows=100, goal=3),
    _predict("one-label", "predict one class", batch_size=1, n_rows=1000, check_rows=100,
             labels=True),
    _predict("10000", "predict 10000 rows", batch_size=10000, n_rows=10000, check_rows=10000),
)  # fmt: skip


def select(names=None, quick=False):
    """Return the cases whose name contains one of `names` (an exact name wins); all without names.

    Parameters
    ----------
    names : sequence of str or None
    quick : bool, default=False
        A tenth of the rows.

    Raises
    ------
    ValueError
        Where a name matches nothing.
    """
    chosen = []
    for name in names or [""]:
        matches = [case for case in CASES if case.name == name] or [c for c in CASES if name in c.name]
        if not matches:
            raise ValueError(f"--cases: no case is called {name!r}; --list shows the names")
        chosen += [case for case in matches if case not in chosen]
    return [shorten(case) for case in chosen] if quick else chosen


def shorten(case):
    """Return `case` on a tenth of the rows; cases without many rows as they are."""
    if case.n_rows < 20000:
        return case
    subset = {peer: max(rows // 4, case.batch_size * 4) for peer, rows in case.subset.items()}
    return replace(case, n_rows=case.n_rows // 10, subset={p: n for p, n in subset.items() if n < 6000})
