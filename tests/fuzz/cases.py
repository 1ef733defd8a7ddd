"""Random trainings for the fuzzer: everything follows from one seed."""

import numpy as np
from oracle.jobs import ONE_HOT
from scipy.sparse import csr_matrix

from fastmlp.kernels import training
from fastmlp.kernels.job import Job, Rows
from fastmlp.kernels.plan import INPUT, Activation, Loss, Optimizer, build_plan

WIDTHS = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65, 80)
LARGE = (17, 33, 64, 129, 130, 200, 257)  # of chains that are halved online, or have lists of columns
HIDDEN = [a for a in Activation if a not in (Activation.STEP, Activation.EXP, Activation.SOFTMAX)]
SLOPED = (Activation.LOGISTIC, Activation.TANH, Activation.LEAKY_RELU, Activation.ELU)
OUTPUTS = {  # activations that a loss is trained with
    Loss.HALF_SQUARED_ERROR: (*HIDDEN, Activation.SOFTMAX),
    # not of a softmax: 1 - p has few digits where p is nearly 1, so that rounding decides
    Loss.BINARY_CROSS_ENTROPY: (Activation.LOGISTIC, Activation.IDENTITY),
    Loss.CATEGORICAL_CROSS_ENTROPY: (Activation.SOFTMAX, Activation.IDENTITY, Activation.LOGISTIC),
    Loss.SOFTMAX_CROSS_ENTROPY: tuple(HIDDEN),
    Loss.HINGE: (Activation.IDENTITY, Activation.TANH),
    Loss.SQUARED_HINGE: (Activation.IDENTITY, Activation.TANH),
    Loss.ABSOLUTE_ERROR: (Activation.IDENTITY, Activation.SOFTPLUS),
    Loss.HUBER: (Activation.IDENTITY, Activation.GELU),
    Loss.QUANTILE: (Activation.IDENTITY, Activation.SILU),
    Loss.POISSON: (Activation.EXP, Activation.SOFTPLUS),
}
SMOOTHED = (Loss.BINARY_CROSS_ENTROPY, Loss.CATEGORICAL_CROSS_ENTROPY, Loss.SOFTMAX_CROSS_ENTROPY)


class Draw:
    """A stream of choices."""

    def __init__(self, seed):
        self.random = np.random.RandomState(seed)

    def one(self, *values):
        return values[self.random.randint(len(values))]

    def maybe(self, share, value, otherwise=0.0):
        return value if self.random.uniform() < share else otherwise

    def between(self, low, high):
        return float(self.random.uniform(low, high))


def graph(draw, n_outputs, output):
    """Layers for `build_plan`, each of which feeds another one; some have several sources, or one twice."""
    n_layers, specs, used = draw.random.randint(1, 5), [], set()
    for k in range(n_layers):
        last = k == n_layers - 1
        sources = [k - 1]
        if draw.maybe(0.4, True):
            sources = list(draw.random.choice(np.arange(INPUT, k), size=draw.random.randint(1, 4)))
        if last:
            sources += [j for j in range(k) if j not in used | set(sources)]
        used |= set(sources)
        specs.append(
            dict(
                n_out=n_outputs if last else draw.one(*WIDTHS),
                sources=[int(j) for j in sources],
                activation=output if last else draw.one(*HIDDEN),
                slope=draw.maybe(0.3, draw.between(0.2, 1.5), 1.0),
                bias=draw.maybe(0.85, True, False),
                dropout=0.0 if last else draw.maybe(0.15, draw.between(0.1, 0.7)),
                l1=draw.maybe(0.1, 0.01),
                l2=draw.maybe(0.2, 0.1),
                mean_l1=draw.maybe(0.05, 0.01),
                mean_l2=draw.maybe(0.15, 0.1),
                max_norm=draw.maybe(0.1, draw.between(0.3, 2.0)),
                trainable=draw.maybe(0.9, True, False),
            )
        )
    return specs


def chain(draw, n_outputs, output):
    """Layers for `build_plan`, one after another and wide."""
    widths = [draw.one(*LARGE) for _ in range(draw.random.randint(1, 5))] + [n_outputs]
    return [
        dict(
            n_out=width,
            sources=[k - 1],
            activation=output if k == len(widths) - 1 else draw.one(*HIDDEN),
            bias=draw.maybe(0.85, True, False),
            l2=draw.maybe(0.05, 0.1),
        )
        for k, width in enumerate(widths)
    ]


def inputs(draw, n, n_features, dtype):
    """Rows of one kind: float32, float64, bytes with a scale, strided, read-only or CSR."""
    random = draw.random
    x = random.standard_normal((n, n_features)) * (random.uniform(size=n_features) < draw.one(0.2, 0.8, 1))
    x[random.uniform(size=x.shape) < draw.one(0.0, 0.5, 0.9)] = 0
    kind = draw.one("own", "own", "other", "bytes", "strided", "fortran", "csr", "read-only")
    other = np.float64 if dtype == np.float32 else np.float32
    if kind == "bytes":
        return kind, Rows(np.clip(x * 80 + 128 * (x != 0), 0, 255).astype(np.uint8), 1 / 255)
    if kind == "csr":
        return kind, Rows(csr_matrix(x.astype(dtype)))
    x = x.astype(other if kind == "other" else dtype)
    if kind == "strided":
        wide = np.full((2 * n, n_features + 3), np.nan, dtype)
        wide[::2, 1 : n_features + 1] = x
        x = wide[::2, 1 : n_features + 1]
    if kind == "fortran":
        x = np.asfortranarray(x)
    if kind == "read-only":
        x.setflags(write=False)
    return kind, Rows(x)


def targets(draw, loss, n, k, dtype):
    random = draw.random
    if loss in ONE_HOT:
        y = random.randint(k, size=n)
        return y if draw.maybe(0.5, True) else np.eye(k)[y].astype(dtype)
    if loss == Loss.BINARY_CROSS_ENTROPY:
        return random.randint(2, size=(n, k)).astype(dtype)
    if loss == Loss.POISSON:
        return random.poisson(2.0, size=(n, k)).astype(dtype)
    return random.standard_normal((n, k)).astype(dtype)


def job(seed, dtype):
    """A random training job, with the number of threads and a description of it."""
    draw = Draw(seed)
    dtype = np.dtype(dtype)
    loss = draw.one(*Loss)
    output = draw.one(*OUTPUTS[loss])
    k = draw.one(2, 3, 5, 10, 17) if loss in ONE_HOT else draw.one(1, 1, 2, 3, 5, 17)
    large = draw.maybe(0.2, True, False)
    n_features = draw.one(130, 300, 784) if large else draw.one(*WIDTHS)
    n = draw.one(1, 5, 17, 40, 70) if large else draw.one(1, 2, 5, 16, 17, 23, 40, 70, 70, 1100)
    specs = chain(draw, k, output) if large else graph(draw, k, output)
    plan = build_plan(n_features, specs, draw.maybe(0.1, 0.3))
    kind, rows = inputs(draw, n, n_features, dtype)
    y = targets(draw, loss, n, k, dtype)
    weight = draw.maybe(0.3, draw.random.uniform(0.1, 2, n), None)
    subset = draw.maybe(0.2, draw.random.randint(n, size=draw.random.randint(1, n + 1)), None)
    used = n if subset is None else len(subset)
    optimizer = draw.one(*(o for o in Optimizer if o != Optimizer.GRADIENT))
    batch_size = draw.one(1, 1, 16, 33, used) if large else draw.one(used, used, 1, 2, 3, 5, 16, 33, 200)
    if optimizer == Optimizer.RPROP:  # made for whole batches: from one to the next its signs are noise
        batch_size = used
    options = dict(
        loss=loss, optimizer=optimizer, shuffle=draw.one(0, 1), batch_size=min(batch_size, used),
        n_epochs=1 if n > 1000 else draw.one(1, 2, 3), average=draw.one(1, 1, 1, 0),
        momentum=draw.one(0.0, 0.9, 0.5), epsilon=draw.one(1e-2, 1e-3), seed=int(draw.random.randint(2**31)),
        epsilon_corrected=draw.one(0, 1), weight_decay=draw.maybe(0.2, 0.02),
        clip_value=draw.maybe(0.15, 0.05),
        clip_norm=draw.maybe(0.15, draw.between(0.05, 1)),
        label_smoothing=draw.maybe(0.3, 0.2) if loss in SMOOTHED else 0.0,
        loss_parameter=0.7 if loss == Loss.QUANTILE else draw.between(0.3, 1.2),
        gradient_scale=draw.one(1.0, 1.0, 2.0, 0.5), loss_scale=draw.one(1.0, 0.5),
        mean_weight=0.0 if weight is None else draw.one(0.0, float(weight.mean())),
    )  # fmt: skip
    rate = {Optimizer.ADAM: 0.01, Optimizer.AMSGRAD: 0.01, Optimizer.RPROP: 0.005}.get(optimizer, 0.02)
    if not options["average"]:
        rate /= options["batch_size"]
    params = draw.random.standard_normal(plan.n_params)
    for layer in range(len(plan.layers)):
        plan.weights(params, layer)[...] /= np.sqrt(plan.layers["n_in"][layer])
    made = Job(
        plan,
        params.astype(dtype),
        rows,
        y,
        sample_weight=weight,
        subset=subset,
        rates=(rate, rate / 2),
        random_state=np.random.RandomState(seed),
        **options,
    )
    shape = "-".join(str(w) for w in (n_features, *plan.layers["n_out"]))
    told = f"{shape} {kind} n={used} batch={options['batch_size']} {loss.name} {output.name} {optimizer.name}"
    return made, draw.random.randint(1, 5), told


def forced_regimes(made):
    """The regimes that can do a job beside the one that is chosen: mini-batches can do all."""
    chosen = training.choose_regime(made)
    return [chosen] if chosen == training.Regime.BATCH else [chosen, training.Regime.BATCH]
