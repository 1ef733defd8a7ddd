"""``python -m tests.bits``: the bits of a fixed set of short fits, on every backend that this machine runs.

``python -m tests.bits --write`` writes ``bits.json`` anew: run it, and say why, where results are meant to
change. ``test_bits.py`` compares with that file, so that no other change alters a bit unnoticed.

What the bits depend on beside the code is recorded with them; where it differs they are not compared:

- the compiled backends on the compiler, which chooses what it fuses;
- on them float32 Adam and its kin on the make of the CPU, which has estimates of square roots of its own;
- L-BFGS on SciPy's version and the make of the CPU (its sums are BLAS's);
- Numba on its version, LLVM's included, and on the CPU that LLVM sees.
"""

import argparse
import hashlib
import json
import os
import platform
import re
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

from fastmlp import (
    L2,
    LBFGS,
    SGD,
    Adagrad,
    Adam,
    AdamW,
    AMSGrad,
    Concatenate,
    Dense,
    Dropout,
    LinearPerceptron,
    MLPClassifier,
    MLPRegressor,
    Momentum,
    Nesterov,
    Network,
    Perceptron,
    RMSprop,
    Rprop,
    TanhPerceptron,
    activations,
    batched_matmul,
    fit_many,
    losses,
    noise,
)  # fmt: skip
from fastmlp.kernels import dispatch

FILE = Path(__file__).with_name("bits.json")
DTYPES = (np.float32, np.float64)
CASES = {}  # name: (function of a dtype that returns arrays, what else its bits depend on)
ESTIMATES = "estimates"  # float32: the CPU's estimates of reciprocals and square roots
BLAS = "blas"


def case(name, depends=None):
    def keep(function):
        assert name not in CASES, name
        CASES[name] = function, depends

    return keep


def numbers(dtype, *shape, seed=0):
    """Values in [-1, 1), whole 1024ths: exact in both dtypes, and made by no function that a CPU changes."""
    return (np.random.RandomState(seed).randint(-1024, 1024, size=shape) / 1024).astype(dtype)


def labels(n, k, seed=1):
    return np.random.RandomState(seed).randint(k, size=n)


def sparse(dtype, *shape, seed=0):
    x = numbers(dtype, *shape, seed=seed)
    x[np.random.RandomState(seed + 1).uniform(size=shape) < 0.8] = 0
    return x


def fitted(layers, x, y, dtype, **options):
    """A trained network's parameters, losses and predictions."""
    made = dict(input_scale=options.pop("scale", 1.0), reg=options.pop("reg", None))
    model = Network(layers, random_state=3, dtype=np.dtype(dtype).name, **made)
    model.fit(x, y, **(dict(epochs=3, n_threads=1) | options))
    return [model.params, np.array(model.loss_curve_), model.predict(x[:9])]


def add_regimes():
    for name, batch, widths in (
        ("batch", 16, (70, 33)),
        ("online", 1, (70, 33)),
        ("tiny", 4, (5, 3)),
        ("online small", 1, (5, 3)),
    ):

        @case(f"regime {name}")
        def _(dtype, batch=batch, widths=widths):
            layers = [*(Dense(width, "tanh") for width in widths), Dense(2)]
            x, y = numbers(dtype, 50, 64), numbers(dtype, 50, 2, seed=1)
            return fitted(layers, x, y, dtype, optimizer=SGD(0.1), loss="mse", batch_size=batch)

    @case("regime batch, three threads")
    def _(dtype):
        x, y = numbers(dtype, 100, 90), labels(100, 7)
        return fitted([Dense(80, "relu"), Dense(7, "softmax")], x, y, dtype, optimizer=SGD(0.1), n_threads=3)

    @case("ensemble in lanes")
    def _(dtype):
        x, y = numbers(dtype, 30, 6), labels(30, 3)
        nets = [
            Network([Dense(5, "tanh"), Dense(3, "softmax")], random_state=k, dtype=np.dtype(dtype).name)
            for k in range(6)
        ]
        done = fit_many(nets, x, y, epochs=3, batch_size=1, optimizer=SGD(0.1), n_threads=2)
        return [a for net in done for a in (net.params, np.array(net.loss_curve_))]


def add_optimizers():
    for optimizer, depends in (
        (SGD(0.05, weight_decay=0.01), None),
        (Momentum(0.05), None),
        (Nesterov(0.05), None),
        (Rprop(0.01), None),
        (Adam(0.01), ESTIMATES),
        (AdamW(0.01), ESTIMATES),
        (AMSGrad(0.01), ESTIMATES),
        (Adagrad(0.05), ESTIMATES),
        (RMSprop(0.01), ESTIMATES),
    ):
        for regime, batch, width in (("batch", 20, 70), ("tiny", 5, 6), ("online", 1, 70)):
            if regime == "online" and type(optimizer) not in (Momentum, Nesterov, Adam):
                continue

            @case(f"optimizer {type(optimizer).__name__}, {regime}", depends)
            def _(dtype, optimizer=optimizer, batch=batch, width=width):
                x, y = sparse(dtype, 40, 64), numbers(dtype, 40, 2, seed=1)
                layers = [Dense(width, "tanh"), Dense(2)]
                return fitted(layers, x, y, dtype, optimizer=optimizer, loss="mse", batch_size=batch)


def add_formulas():
    for name in activations.ACTIVATIONS:
        if name in ("step", "softmax"):
            continue

        @case(f"activation {name}")
        def _(dtype, name=name):
            x, y = numbers(dtype, 40, 21), numbers(dtype, 40, 2, seed=1)
            layers = [Dense(70, name), Dense(9, name), Dense(2)]
            return fitted(layers, x, y, dtype, optimizer=SGD(0.02), loss="mse", batch_size=8)

    for loss, output, kind in (
        ("mse", "tanh", "values"),
        ("sse", "identity", "values"),
        ("mae", "identity", "values"),
        (losses.Huber(0.3), "identity", "values"),
        (losses.Quantile(0.8), "identity", "values"),
        ("binary_crossentropy", "logistic", "bits"),
        ("categorical_crossentropy", "softmax", "labels"),
        (losses.CategoricalCrossentropy(0.1), "identity", "labels"),
        ("softmax_crossentropy", "logistic", "labels"),
        ("hinge", "identity", "labels"),
        ("squared_hinge", "identity", "labels"),
        ("poisson", "exp", "counts"),
    ):
        for regime, batch, width in (("batch", 8, 70), ("tiny", 4, 5)):

            @case(f"loss {getattr(loss, 'name', loss)} of {output}, {regime}")
            def _(dtype, loss=loss, output=output, kind=kind, batch=batch, width=width):
                y = {
                    "values": numbers(dtype, 40, 3, seed=1),
                    "bits": (numbers(dtype, 40, 3, seed=1) > 0).astype(dtype),
                    "labels": labels(40, 3),
                    "counts": np.random.RandomState(1).randint(4, size=(40, 3)).astype(dtype),
                }[kind]
                x, layers = numbers(dtype, 40, 9), [Dense(width, "tanh"), Dense(3, output)]
                return fitted(layers, x, y, dtype, optimizer=SGD(0.01), loss=loss, batch_size=batch)


def add_options():
    def two(dtype, width=70):
        return numbers(dtype, 45, 30), labels(45, 4), [Dense(width, "relu"), Dense(4, "softmax")]

    @case("dropout")
    def _(dtype):
        x, y, (a, b) = two(dtype)
        layers = [Dropout(0.1), a, Dropout(0.5), b]
        return fitted(layers, x, y, dtype, optimizer=SGD(0.1), batch_size=10)

    @case("penalties and max_norm")
    def _(dtype):
        x, y, _ = two(dtype)
        layers = [Dense(40, "relu", l1=0.01, l2=0.02, max_norm=1.0), Dense(4, "softmax", use_bias=False)]
        return fitted(layers, x, y, dtype, optimizer=Momentum(0.1), batch_size=10)

    @case("penalty of the network")
    def _(dtype):
        x, y, _ = two(dtype)
        how, found = dict(optimizer=SGD(0.05), reg=L2(0.01)), []
        for units, batch_size in ((70, 10), (9, 10), (9, 1)):  # the batch, tiny and online regimes
            layers = [Dense(units, "tanh"), Dense(4, "softmax")]
            found += fitted(layers, x, y, dtype, batch_size=batch_size, **how)
        return found

    @case("clipped gradients")
    def _(dtype):
        x, y, layers = two(dtype)
        return fitted(layers, x, y, dtype, optimizer=SGD(0.5, clip_norm=0.1, clip_value=0.01), batch_size=10)

    @case("weighted samples")
    def _(dtype):
        x, y, layers = two(dtype)
        weight = np.abs(numbers(np.float64, 45, seed=5)) + 0.5
        return fitted(layers, x, y, dtype, optimizer=SGD(0.1), batch_size=10, sample_weight=weight)

    @case("concatenation")
    def _(dtype):
        x, y, (a, b) = two(dtype)
        middle = Dense(17, "tanh")
        layers = [a, middle, Concatenate([a, middle, "input"]), Dense(9, "elu"), b]
        return fitted(layers, x, y, dtype, optimizer=SGD(0.1), batch_size=10)

    for name, batch in (("batch", 10), ("online", 1)):

        @case(f"CSR, {name}")
        def _(dtype, batch=batch):
            x, y = csr_matrix(sparse(dtype, 45, 120)), labels(45, 4)
            layers = [Dense(70, "relu"), Dense(4, "softmax")]
            return fitted(layers, x, y, dtype, optimizer=SGD(0.1), batch_size=batch)

        @case(f"uint8 with a scale, {name}")
        def _(dtype, batch=batch):
            random = np.random.RandomState(2)
            x = random.randint(256, size=(50, 100)).astype(np.uint8)
            x[random.uniform(size=x.shape) < 0.8] = 0
            layers = [Dense(32, "relu"), Dense(4, "softmax")]
            y = labels(50, 4)
            return fitted(layers, x, y, dtype, optimizer=SGD(0.1), batch_size=batch, scale=1 / 255)

    @case("L-BFGS", BLAS)
    def _(dtype):
        x, y, layers = two(dtype)
        return fitted(layers, x, y, dtype, optimizer=LBFGS())


def of_estimator(model, *data):
    model.fit(*data)
    losses_ = np.array(getattr(model, "loss_curve_", [model.loss_]))
    return [*model.coefs_, *model.intercepts_, losses_, model.predict(data[0])]


def add_estimators():
    for solver, depends in (("sgd", None), ("adam", ESTIMATES), ("rmsprop", ESTIMATES), ("lbfgs", BLAS)):

        @case(f"MLPClassifier, {solver}", depends)
        def _(dtype, solver=solver):
            x, y = numbers(dtype, 60, 12), labels(60, 3)
            return of_estimator(MLPClassifier((9, 5), solver=solver, random_state=0, max_iter=5), x, y)

        @case(f"MLPRegressor, {solver}", depends)
        def _(dtype, solver=solver):
            x, y = numbers(dtype, 60, 12), numbers(dtype, 60, 2, seed=1)
            return of_estimator(
                MLPRegressor(hidden_layer_sizes=(9, 5), solver=solver, random_state=0, max_iter=5), x, y
            )

    @case("MLPClassifier, early stopping")
    def _(dtype):
        x, y = numbers(dtype, 80, 12), labels(80, 3)
        model = MLPClassifier((9,), solver="sgd", random_state=0, max_iter=8, early_stopping=True)
        return of_estimator(model, x, y)

    for model in (Perceptron(max_iter=4), LinearPerceptron(max_iter=4), TanhPerceptron(max_iter=4)):

        @case(type(model).__name__)
        def _(dtype, model=model):
            x = numbers(dtype, 60, 20)
            y = labels(60, 3) if type(model) is Perceptron else numbers(dtype, 60, seed=1)
            model.set_params(random_state=0).fit(x, y)
            return [model.coef_, model.intercept_]


def add_arrays():
    @case("Gaussian noise")
    def _(dtype):
        return [noise.add_gaussian_noise(numbers(dtype, 33, 35), 0.3, random_state=4, dtype=dtype)]

    for shape in ((40, 2, 2, 2), (30, 5, 7, 9), (12, 16, 16, 16), (6, 33, 20, 1)):

        @case("batched_matmul {} of {}x{}x{}".format(*shape))
        def _(dtype, shape=shape):
            n, i, j, k = shape
            return [batched_matmul(numbers(dtype, n, i, j), numbers(dtype, n, j, k, seed=1))]


for add in (add_regimes, add_optimizers, add_formulas, add_options, add_estimators, add_arrays):
    add()


def digest(arrays):
    found = hashlib.sha256()
    for a in arrays:
        found.update(f"{a.dtype.str}{a.shape}".encode())
        found.update(np.ascontiguousarray(a).tobytes())
    return found.hexdigest()[:16]


def here(dtype):
    """The digests of every case in the backend in use."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fits are cut short
        return {name: digest(function(dtype)) for name, (function, _) in CASES.items()}


def measured(backend):
    """The digests of every case in a named backend: of float32 and float64, by a process each.

    Both run at once, as Numba compiles for each dtype apart.
    """
    command = [sys.executable, "-m", "tests.bits", "--here"]
    how = dict(cwd=FILE.parents[1], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    how |= dict(env=os.environ | {"FASTMLP_BACKEND": backend})
    running = [subprocess.Popen([*command, np.dtype(dtype).name], **how) for dtype in DTYPES]
    told = [process.communicate() for process in running]
    if any(process.returncode for process in running):
        raise RuntimeError(f"{backend}: {' '.join(errors for _, errors in told)}")
    single, double = (json.loads(found) for found, _ in told)
    return {name: f"{single[name]} {double[name]}" for name in CASES}


def cpu_make():
    """Vendor and family of the CPU."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    told = dict(line.split(":", 1) for line in lines if ":" in line)
    return " ".join(v.strip() for k, v in told.items() if k.strip() in ("vendor_id", "cpu family"))


def circumstances(backend):
    """What all bits of a backend depend on, by name; and what only some cases' do, by `depends`."""
    import scipy

    some = {ESTIMATES: cpu_make(), BLAS: f"SciPy {scipy.__version__}, {cpu_make()}"}
    if backend == "numba":
        import llvmlite.binding
        import numba

        cpu = llvmlite.binding.get_host_cpu_name()
        return {"version": numba.__version__, "LLVM": llvmlite.__version__, "CPU": cpu}, some
    if backend not in dispatch.COMPILED:
        return {"NumPy": np.__version__, "CPU": cpu_make()}, some
    module = Path(dispatch.load(backend, np.float32).__file__).read_bytes()
    compiler = re.search(rb"(GCC: \([^)]*\) [\d.]+|clang version [\d.]+)", module)
    return {"compiler": compiler[0].decode() if compiler else "unknown", "machine": platform.machine()}, some


def write():
    kept = {}
    for backend in dispatch.available():
        always, some = circumstances(backend)
        kept[backend] = {"always": always, "some": some, "bits": measured(backend)}
        print(f"{backend}: {len(kept[backend]['bits'])} results", file=sys.stderr)
    FILE.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.bits", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write bits.json anew")
    parser.add_argument("--here", metavar="DTYPE", help="print the bits of FASTMLP_BACKEND's backend")
    asked = parser.parse_args()
    if asked.here:
        print(json.dumps(here(np.dtype(asked.here))))
    elif asked.write:
        write()
    else:
        sys.exit(subprocess.call([sys.executable, "-m", "pytest", "-q", str(FILE.with_name("test_bits.py"))]))
