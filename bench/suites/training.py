"""Training and prediction: the kind of case, how its results are compared, and the table of goals."""

from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil, log2
from typing import ClassVar

import numpy as np

from ..harness import data
from ..harness.case import TOLERANCE, Case, judged

DEEP = (784, 256, 128, 64, 10)
BIG = (784, 512, 512, 10)
ACTIVATION = 3  # multiply-adds that wait for one another: a cubic about a point where the function is known
SECONDS = 0.2  # that a run should take: slow peers train on fewer rows, and rates are compared by the sample


def log_softmax(z):
    z = z - z.max(axis=1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=1, keepdims=True))


ACTIVATIONS = {
    "logistic": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "identity": lambda z: z,
    "softmax": log_softmax,  # what the loss takes
}


@dataclass(frozen=True, kw_only=True)
class Training(Case):
    """Epochs from given weights over given rows in a fixed order, in float32.

    Attributes
    ----------
    sizes : tuple of int
        Units of every layer, the input first.
    source, density
        See `data.rows`.
    hidden, output : str
        Activations. A softmax output is trained with cross-entropy; others with half the squared error,
        summed over the outputs, of columns or one-hot targets.
    optimizer : {"sgd", "momentum", "adam"}
        Momentum is 0.9.
    dropout : float
        After every hidden layer.
    l2 : float
        l2 / 2 times the sum of squared weights, over the batch's size, is added to the loss: scikit-learn's
        `alpha`.
    batch_size : int
        Rows of one update, or of one prediction.
    epochs : int
        Of one timed run.
    n_rows, check_rows : int
        Of an epoch, at most; those that are trained on to compare.
    """

    sizes: tuple = (784, 32, 10)
    source: str = "images"
    density: float = 1.0
    hidden: str = "logistic"
    output: str = "softmax"
    optimizer: str = "sgd"
    learning_rate: float = 0.01
    dropout: float = 0.0
    l2: float = 0.0
    batch_size: int = 32
    epochs: int = 1
    n_rows: int = 60000
    check_rows: int = 3200

    PEERS: ClassVar = {
        "numpy": "numpy_peer:NumPyPeer",
        "scikit-learn": "sklearn_peer:SklearnPeer",
        "torch": "torch_peer:TorchPeer",
        "jax": "jax_peer:JAXPeer",
        "fann": "fann_peer:FANNPeer",
        "fastmlp": "fastmlp_peer:FastMLPPeer",
    }
    reference = "numpy"
    trains = True

    @property
    def unit(self):
        return "run" if self.source == "xor" else "sample"

    @property
    def n_samples(self):
        return self.n_rows * self.epochs

    @property
    def flops(self):
        first, *others = (2 * a * b for a, b in pairwise(self.sizes))
        return 2 * first + 3 * sum(others) if self.trains else first + sum(others)

    @property
    def serial(self):
        """Whether the samples are too few at a time to be shared out to cores."""
        return self.batch_size == 1 or self.source == "xor"

    def floor(self, ceilings):
        """See `Case.floor`: operations on inputs that are not 0, bytes, and what has to wait for what.

        Of a training step: every row is read once; every parameter with its optimizer's state is read and
        written once a batch (online those that a row's non-zeros meet: the others can wait); the sums and
        activations from the inputs to the moved weights follow one another, however many are computed at
        once: a sum of n terms is log2(n) additions deep.
        """
        first, *others = (a * b for a, b in pairwise(self.sizes))
        x, _ = self.small().data()
        met = float((x != 0).mean())
        rows = 4 * self.sizes[0] * min(self.n_rows, 60000)
        parts = {"rows": ceilings.read(rows) / self.n_rows}
        if not self.trains:
            weights = 4 * (met * first + sum(others))
            return parts | {
                "operations": 2 * (met * first + sum(others)) / ceilings.flops,
                "weights": ceilings.read(weights) / self.batch_size,
            }
        numbers = {"sgd": 1, "momentum": 2, "adam": 3}[self.optimizer]
        moved = first * (met if self.batch_size == 1 else 1) + sum(others)
        state = 4 * numbers * (first + sum(others))
        depth = 3 + ceil(log2(self.batch_size))
        depth += sum(1 + ceil(log2(n + 1)) for n in self.sizes[:-1])
        depth += sum(2 + ceil(log2(n)) for n in self.sizes[2:])
        depth += ACTIVATION * (len(self.sizes) - 1)
        return parts | {
            "operations": (4 * met * first + 6 * sum(others)) / ceilings.flops,
            "optimizer": ceilings.update(state) * moved / (first + sum(others)) / self.batch_size,
            "chain": depth * ceilings.fma / self.batch_size,
        }

    def small(self):
        return self.with_rows(self.check_rows)

    def sized(self, seconds, quick=False):
        wanted = (SECONDS / 4 if quick else SECONDS) / seconds / self.epochs
        return self.with_rows(min(self.n_rows, int(wanted)))

    def with_rows(self, n_rows):
        """This case on `n_rows` rows, rounded down to whole batches."""
        n_rows = min(n_rows, self.n_rows)
        return replace(self, n_rows=max(n_rows // self.batch_size, 1) * self.batch_size)

    def data(self):
        """Return inputs, and labels or columns as the output takes them."""
        x, y = data.rows(self.source, self.n_rows, self.sizes[0], self.sizes[-1], self.density)
        return x, y if self.output == "softmax" else data.one_hot(y, self.sizes[-1])

    def weights(self):
        return data.initial_weights(self.sizes)

    def compare(self, peer, found, expected):
        shapes, wanted = [np.shape(w) for w in found], [np.shape(w) for w in expected]
        if shapes != wanted:
            return {"problem": f"weights of shapes {shapes}, expected {wanted}"}
        case, start = self.small(), self.weights()
        x, y = case.data()
        ours, theirs, before = (case.outputs(w, x) for w in (found, expected, start))
        loss = case.loss(theirs, y)
        off = abs(case.loss(ours, y) / loss - 1)
        if not loss < case.loss(before, y):
            return {"loss": loss, "problem": "the reference has not learned: its loss did not fall"}
        if self.dropout:  # each peer drops other units
            return judged({"loss": off}, 0.1)
        moved = np.linalg.norm(flat(expected) - flat(start))
        far = float(np.linalg.norm(flat(found) - flat(expected)) / moved)
        # FANN keeps slopes from vanishing
        return judged({"weights": far, "loss": off}, 0.1 if peer == "fann" else TOLERANCE)

    def outputs(self, weights, x):
        """Return the output layer's values in float64; of softmax their logarithms."""
        a = x.astype(np.float64)
        for k, (W, b) in enumerate(zip(weights[::2], weights[1::2], strict=True)):
            activation = self.output if k == len(self.sizes) - 2 else self.hidden
            a = ACTIVATIONS[activation](a @ W.astype(np.float64) + b)
        return a

    def loss(self, outputs, y):
        if self.output == "softmax":
            return float(-outputs[np.arange(len(y)), y].mean())
        return float(0.5 * ((outputs - y) ** 2).sum(axis=1).mean())


@dataclass(frozen=True, kw_only=True)
class Prediction(Training):
    """The outputs of every row, `batch_size` of them at a time.

    Attributes
    ----------
    labels : bool
        Class labels, as an estimator predicts them, instead of the output layer's values.
    """

    labels: bool = False

    PEERS: ClassVar = {name: place for name, place in Training.PEERS.items() if name != "fann"} | {
        "onnxruntime": "onnx_peer:ONNXPeer"
    }
    trains = False

    def sized(self, seconds, quick=False):
        return self

    def compare(self, peer, found, expected):
        if self.labels:
            return judged({"labels": float((found != expected).mean())}, 0.002)
        return judged({"predictions": float(np.abs(found - expected).max())})


def flat(weights):
    return np.concatenate([np.asarray(w, np.float64).ravel() for w in weights])


def named(sizes, **options):
    """Return a Training case with a name and a title of its sizes, optimizer and batch size."""
    optimizer, batch_size = options.get("optimizer", "sgd"), options.get("batch_size", 32)
    shape = "-".join(map(str, sizes))
    words = {"sgd": "SGD", "momentum": "momentum", "adam": "Adam"}
    options.setdefault("learning_rate", 0.001 if optimizer == "adam" else 0.01)
    options.setdefault("check_rows", {1: 500, 1000: 3000}.get(batch_size, 3200))
    options.setdefault("name", f"{shape}-{optimizer}-b{batch_size}")
    options.setdefault("title", f"{shape} {words[optimizer]}, batch {batch_size}")
    return Training(sizes=sizes, **options)


def predicted(name, title, **options):
    return Prediction(name=f"predict-{name}", title=f"784-256-128-64-10 {title}", sizes=DEEP, **options)


MINI = {"avx512": 4, "avx2": 3.5, "base": 3.5}
CASES = (
    named((2, 2, 1), name="xor", title="XOR 2-2-1 tanh, full batch, 3000 epochs", source="xor", hidden="tanh",
          output="tanh", learning_rate=0.02, batch_size=4, epochs=3000, n_rows=4, goal=2),
    named((35, 20, 10), source="glyphs", output="logistic", learning_rate=0.1, batch_size=1, n_rows=10000,
          goal=4),
    named((784, 32, 10), batch_size=1, goal=6),
    named((784, 32, 10), batch_size=32, learning_rate=0.1, goal=MINI),
    named((784, 32, 10), batch_size=128, learning_rate=0.1, goal=MINI),
    named((784, 32, 10), optimizer="momentum", batch_size=1, learning_rate=0.001, goal=5),
    named((784, 32, 10), optimizer="momentum", batch_size=32, goal=MINI),
    named((784, 32, 10), optimizer="momentum", batch_size=128, goal=MINI),
    named((784, 32, 10), optimizer="adam", batch_size=1, goal=4),
    named((784, 32, 10), optimizer="adam", batch_size=32, goal=MINI),
    named((784, 32, 10), optimizer="adam", batch_size=128, goal=MINI),
    named(DEEP, optimizer="adam", batch_size=1, goal=4),
    named(DEEP, optimizer="adam", batch_size=32, goal=3),
    named(DEEP, optimizer="adam", batch_size=128, goal=2.5),
    named(DEEP, optimizer="adam", batch_size=1000, goal=2),
    named(BIG, optimizer="adam", batch_size=128, hidden="relu", dropout=0.2, goal=2,
          title="784-512-512-10 ReLU, dropout 0.2, Adam, batch 128"),
    named((3072, 100, 10), source="normal", output="identity", l2=1e-3, batch_size=128, n_rows=5000, goal=2.5,
          learning_rate=1e-3, title="3072-100-10 dense, SGD and L2, batch 128"),
    predicted("one", "predict one row", batch_size=1, n_rows=1000, check_rows=100, goal=3),
    predicted("one-label", "predict one class", batch_size=1, n_rows=1000, check_rows=100, labels=True),
    predicted("10000", "predict 10000 rows", batch_size=10000, n_rows=10000, check_rows=10000, goal=2),
)  # fmt: skip
