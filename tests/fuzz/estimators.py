"""Random estimators for the fuzzer: with the same options and data each must be what scikit-learn's is."""

import copy
import pickle

import numpy as np
import sklearn.neural_network as theirs
from fuzz import cases
from fuzz.networks import Broken, check
from oracle.resuming import Checkpoint, assert_same
from scipy.sparse import csr_matrix
from sklearn.base import clone

import fastmlp

NAMES = ("coefs_", "intercepts_", "loss_curve_", "validation_scores_", "best_validation_score_", "best_loss_")


EXPLODED = 1e12  # a loss, or NaN: scikit-learn may go on from there, where we say that training diverges


def trial(seed, backend, dtype):
    """The same fit by both, then `partial_fit`; in float64 only, where roundings hardly show."""
    if dtype != np.float64:
        return None
    draw = cases.Draw(seed)
    classifies = draw.maybe(0.6, True, False)
    x, y = data(draw, classifies)
    made = options(draw, len(x), classifies)
    kind = "MLPClassifier" if classifies else "MLPRegressor"
    own, other = getattr(fastmlp, kind)(**made), getattr(theirs, kind)(**made)
    weights = None if made["solver"] == "lbfgs" else draw.maybe(0.3, draw.random.randint(1, 4, len(x)), None)
    given = csr_matrix(x) if draw.maybe(0.2, True) else x
    refused = []
    for model in (own, other):
        try:
            model.fit(given, y, sample_weight=weights)
        except ValueError:  # too few samples to hold out, or weights that diverged
            refused.append(model)
    if refused:
        explodes = refused == [own] and not other.loss_ < EXPLODED
        check("scikit-learn fits what we refuse", refused != [own] or explodes)
        return "refused"
    check("weights are not finite", all(np.isfinite(w).all() for w in own.coefs_ + own.intercepts_))
    for copied in (copy.deepcopy(own), pickle.loads(pickle.dumps(own))):
        check("a copy predicts otherwise", np.array_equal(copied.predict(x), own.predict(x)))
    if made["solver"] != "lbfgs":
        a_checkpoint_goes_on(draw, own, given, y, weights)
    loose = 1e-3 if made["solver"] == "lbfgs" else 1e-5
    goes_on = made["solver"] != "lbfgs" and not made["early_stopping"]
    for n_more in (0, 2)[: 1 + goes_on]:
        for _ in range(n_more):
            own.partial_fit(given, y)
            other.partial_fit(given, y)
        try:
            agree(own, other, x, made, loose)
        except Broken:
            if is_chaotic(other, given, y, weights, seed, loose, n_more):
                return "chaotic"
            raise
    return None


def a_checkpoint_goes_on(draw, model, x, y, weights):
    """A fit that goes on from a checkpoint ends as one that was never ended, in all that a file holds."""
    more = dict(dropout=draw.one(0.0, 0.3), early_stopping=draw.maybe(0.5, True, False))
    more |= dict(monitor=draw.one(None, "loss"), warm_start=draw.maybe(0.3, True, False))
    model = clone(model).set_params(**more)
    other, kept = copy.deepcopy(model), Checkpoint(draw.random.randint(1, model.max_iter + 1))
    try:
        model.fit(x, y, sample_weight=weights, callbacks=[kept])
    except ValueError:  # too few samples to hold out, or weights that diverged
        return
    if kept.model is not None:  # it did not end before
        assert_same(other.fit(x, y, sample_weight=weights, resume_from=kept.model), model)


def is_chaotic(model, x, y, weights, seed, loose, n_more):
    """Whether scikit-learn's own fit moves by a hundredth of what is allowed if a few roundings of x do."""
    noise = np.random.RandomState(seed).standard_normal(x.shape)
    moved = x + x.multiply(4e-15 * noise).tocsr() if hasattr(x, "multiply") else x * (1 + 4e-15 * noise)
    twin = clone(model).fit(moved, y, sample_weight=weights)
    for _ in range(n_more):
        twin.partial_fit(moved, y)
    return not all(np.abs(a - b).max() < loose / 100 for a, b in zip(twin.coefs_, model.coefs_, strict=True))


def data(draw, classifies):
    n, n_features = draw.one(10, 23, 60), draw.one(1, 2, 5, 17)
    x = draw.random.standard_normal((n, n_features))
    x[draw.random.uniform(size=x.shape) < draw.one(0, 0.6)] = 0
    if not classifies:
        k = draw.one(1, 1, 3)
        return x, draw.random.standard_normal((n, k) if k > 1 else n)
    kind = draw.one("binary", "classes", "text", "labels")
    if kind == "labels":
        return x, draw.random.randint(2, size=(n, 3))
    y = np.arange(n) % (2 if kind == "binary" else 4)
    draw.random.shuffle(y)
    return x, np.array(["a", "b", "c", "d"])[y] if kind == "text" else y


def options(draw, n, classifies):
    solver = draw.one("sgd", "adam", "lbfgs", "sgd")
    return dict(
        solver=solver,
        hidden_layer_sizes=draw.one((), (3,), (7, 4), (16,), (5, 5, 5)),
        activation=draw.one("relu", "tanh", "logistic", "identity"),
        alpha=draw.one(0.0, 1e-4, 0.1),
        batch_size=draw.one("auto", 1, 7, n),
        learning_rate=draw.one("constant", "invscaling", "adaptive"),
        learning_rate_init=draw.one(0.001, 0.01, 0.05),
        power_t=draw.one(0.5, 0.3),
        max_iter=draw.one(1, 3, 5 if solver == "lbfgs" else 15),
        shuffle=draw.maybe(0.8, True, False),
        momentum=draw.one(0.0, 0.9, 0.5),
        nesterovs_momentum=draw.maybe(0.5, True, False),
        tol=draw.one(1e-4, 0.05),
        random_state=draw.one(0, 1),
        early_stopping=solver != "lbfgs" and not classifies and draw.maybe(0.3, True, False),
        validation_fraction=draw.one(0.1, 0.3),
        n_iter_no_change=draw.one(1, 3, 10),
        beta_1=draw.one(0.9, 0.5),
        beta_2=draw.one(0.999, 0.9),
        epsilon=draw.one(1e-8, 1e-4),
    )


def agree(own, other, x, made, loose):
    """Raise where what was learned differs."""
    if own.n_iter_ != other.n_iter_ or own.t_ != other.t_:
        raise Broken(f"n_iter_, t_: {own.n_iter_, own.t_}, scikit-learn's {other.n_iter_, other.t_}; {made}")
    for name in NAMES:
        if getattr(other, name, None) is None:
            continue
        for a, b in zip(flat(getattr(own, name)), flat(getattr(other, name)), strict=True):
            off = np.abs(a - b).max(initial=0) / max(1.0, np.abs(b).max(initial=0))
            if not off <= loose:
                raise Broken(f"{name}: off by {off:.3g}; {made}")
    if not np.array_equal(own.predict(x), other.predict(x)) and not np.allclose(
        own.predict(x), other.predict(x)
    ):
        raise Broken(f"predictions differ; {made}")


def flat(value):
    return [np.ravel(part) for part in value] if isinstance(value, list) else [np.ravel(value)]
