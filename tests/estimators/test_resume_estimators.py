"""An estimator's fit that goes on from where another stood ends as one that was never ended."""

import warnings
from functools import partial

import numpy as np
import pytest
from oracle.resuming import Checkpoint, Counts, as_loaded, assert_same, same
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.exceptions import ConvergenceWarning

from fastmlp import (
    SGD,
    Adam,
    LinearPerceptron,
    MLPClassifier,
    MLPRegressor,
    Perceptron,
    TanhPerceptron,
    callbacks,
    schedules,
)

X, Y = make_classification(70, 6, n_informative=5, n_redundant=0, n_classes=3, random_state=0)
WEIGHTS = np.random.RandomState(1).rand(70)
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def warned(function):
    """Return what a function returns, and the kinds of its warnings."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        return function(), [one.category for one in told]


def check(kind=MLPClassifier, at=4, x=X, y=Y, before=None, seed=0, fit=None, **parameters):
    """Compare a fit with one that goes on from epoch `at`; return both models."""
    options = {"max_iter": 12, "batch_size": 16, **parameters}
    if isinstance(options.get("solver", ""), str):
        options.setdefault("learning_rate_init", 0.05)

    def make():
        made = partial(kind, hidden_layer_sizes=(4,), random_state=seed() if callable(seed) else seed)
        return made(**options)

    given = dict(fit or {})
    told_of = given.pop("callbacks", list)
    checkpoint, model = Checkpoint(at), make()
    if before is not None:
        before(model)
    whole, told = warned(lambda: model.fit(x, y, callbacks=[*told_of(), checkpoint], **given))
    assert checkpoint.model is not None, model.n_iter_
    resumed, told_again = warned(
        lambda: make().fit(x, y, callbacks=told_of(), resume_from=checkpoint.model, **given)
    )
    assert_same(whole, resumed)
    assert told == told_again
    assert same(whole.predict(x), resumed.predict(x))
    for name in ("n_iter_", "t_", "best_iter_", "loss_", "loss_curve_", "best_loss_", "validation_scores_"):
        assert same(getattr(whole, name), getattr(resumed, name)), name
    return whole, resumed


@pytest.mark.parametrize("options", [
    dict(solver="sgd"), dict(solver="sgd", nesterovs_momentum=False), dict(solver="sgd", momentum=0.0),
    dict(solver="sgd", learning_rate="invscaling"), dict(solver="adam"), dict(solver="rmsprop"),
    dict(solver="adam", batch_size=1), dict(solver="adam", batch_size="auto", dtype="float32"),
    dict(solver="adam", shuffle=False), dict(solver="adam", dropout=[0.1, 0.3]),
    dict(solver="adam", learning_rate=schedules.OneCycle(0.1)), dict(solver=SGD(schedules.Cosine(0.1))),
    dict(solver=Adam(schedules.Plateau(0.1, patience=0, tol=0.1))), dict(class_weight="balanced"),
    dict(class_weight={0: 1.0, 1: 5.0, 2: 1.0}), dict(metrics=["accuracy", "f1_macro"]), dict(verbose=True),
    dict(monitor="loss"), dict(seed=None), dict(seed=partial(np.random.RandomState, 3)),
])  # fmt: skip
def test_parameters(options):
    check(**options)


@pytest.mark.parametrize("options", [
    dict(fit=dict(sample_weight=WEIGHTS)), dict(x=csr_matrix(X * (X > 0))), dict(x=X.astype(np.float32)),
    dict(kind=MLPRegressor, y=X[:, 0] * X[:, 1]),
    dict(kind=MLPRegressor, y=X[:, :2] * X[:, 1:3], loss="huber"),
    dict(y=np.array(["no", "yes", "maybe"])[Y]), dict(y=Y > 0), dict(y=(X[:, :3] > 0).astype(int)),
])  # fmt: skip
def test_data(options):
    check(**options)


@pytest.mark.parametrize("at", [1, 4, 6])
@pytest.mark.parametrize("options", [
    dict(), dict(fit=dict(X_val=X[:9], y_val=Y[:9])), dict(monitor="val_loss"), dict(seed=None),
    dict(seed=partial(np.random.RandomState, 3)), dict(class_weight={0: 1.0, 1: 5.0, 2: 1.0}),
    dict(fit=dict(validation_data={"a": (X[:9], Y[:9]), "b": (X[9:20], Y[9:20])}), monitor="b_loss"),
    dict(kind=MLPRegressor, y=X[:, 0]),
    dict(solver="sgd", learning_rate="adaptive", tol=0.5, n_iter_no_change=1),
    dict(fit=dict(sample_weight=WEIGHTS)),
])  # fmt: skip
def test_early_stopping(at, options):
    """The same samples are held out; best weights, scores and the count of epochs without a better go on."""
    check(at=at, early_stopping=True, **{"n_iter_no_change": 5, "max_iter": 40, **options})


@pytest.mark.parametrize("at", range(1, 8))
@pytest.mark.parametrize("rate", ["adaptive", "constant"])
def test_the_loss_stops_falling_at_the_checkpoint(at, rate):
    """The rate falls, or training stops, after the epoch's end, and so after the checkpoint."""
    options = dict(solver="sgd", learning_rate=rate, tol=10.0, n_iter_no_change=2, verbose=True, max_iter=8)
    n = 8 if rate == "adaptive" else 4
    whole, _ = check(at=min(at, n), **options)
    assert whole.n_iter_ == n


def test_the_last_epoch_is_one_that_stops():
    """Then nobody is told that more epochs are needed: not by the fit that goes on after it either."""
    check(at=4, solver="sgd", tol=10.0, n_iter_no_change=2, max_iter=4)
    check(at=4, fit=dict(callbacks=lambda: [Counts(4)]), max_iter=4)


def test_numpys_own_generator_is_left_alone():
    """Without a `random_state` a fit draws from it; one that goes on has its stream from the checkpoint."""
    kept, options = Checkpoint(3), dict(max_iter=6, early_stopping=True)
    MLPClassifier((4,), **options).fit(X, Y, callbacks=[kept])
    np.random.random_sample(7)  # where the fit has left it is where the other one ends
    before = np.random.get_state(legacy=False)
    MLPClassifier((4,), **options).fit(X, Y, resume_from=kept.model)
    assert same(np.random.get_state(legacy=False), before)


def test_warm_start():
    """A second fit: schedules, counts and the best loss go on from the first one."""
    options = dict(solver="sgd", learning_rate="invscaling", warm_start=True, max_iter=6, n_iter_no_change=3)
    whole, _ = check(at=3, before=lambda model: model.fit(X, Y), **options)
    assert len(whole.loss_curve_) == 12
    options = dict(early_stopping=True, monitor="val_loss", warm_start=True, max_iter=6)
    check(at=3, before=lambda model: model.fit(X, Y), **options)


def test_a_fit_that_was_over_stays_so():
    for at in (5, 6):
        options = dict(early_stopping=True, n_iter_no_change=1, tol=1.0, max_iter=at)
        n = MLPClassifier((4,), random_state=0, **options).fit(X, Y).n_iter_
        check(at=n, **options)
    whole, _ = check(at=5, fit=dict(callbacks=lambda: [Counts(5)]))
    assert whole.n_iter_ == 5


def test_callbacks_with_a_state():
    made = []

    def told():
        stop = callbacks.EarlyStopping("val_loss", patience=3)
        made.append([stop, callbacks.WeightRecorder(), Counts(9)])
        return made[-1]

    check(fit=dict(callbacks=told, X_val=X[:20], y_val=Y[:20]), max_iter=60, at=3)
    assert made[0][0].best_epoch_ == made[1][0].best_epoch_ and made[0][2].seen == made[1][2].seen
    np.testing.assert_array_equal(made[0][1].params_, made[1][1].params_)


@pytest.mark.parametrize("options", [
    dict(), dict(solver="sgd", learning_rate="invscaling"), dict(warm_start=True), dict(dropout=0.2),
    dict(solver=SGD(schedules.StepDecay(0.1, 2))),
    dict(learning_rate=schedules.Plateau(0.1, patience=0, tol=0.1)),
    dict(solver="adagrad", batch_size=1), dict(warm_start=True, early_stopping=True, monitor="val_loss"),
])  # fmt: skip
def test_a_loaded_model_goes_on_as_one_that_stayed(options):
    make = partial(MLPClassifier, (4,), random_state=0, max_iter=3, **options)
    model = make().fit(X, Y)
    loaded = as_loaded(model)
    assert_same(model, loaded)
    for one in (model, loaded):
        one.fit(X, Y)
    assert_same(model, loaded)
    if options.get("early_stopping"):
        return
    model = make()
    for _ in range(3):
        model.partial_fit(X[:30], Y[:30], classes=[0, 1, 2])
    if "solver" not in options:
        model.set_params(learning_rate_init=0.5)  # counts only once another kind of optimizer is made
    loaded = as_loaded(model)
    for one in (model, loaded):
        one.partial_fit(X[30:], Y[30:]).partial_fit(X, Y)
    assert_same(model, loaded)


@pytest.mark.parametrize("kind", [Perceptron, LinearPerceptron, TanhPerceptron])
@pytest.mark.parametrize("seed", [0, np.random.RandomState(5)])
def test_loaded_neurons_go_on_as_ones_that_stayed(kind, seed):
    """Each `partial_fit` begins anew with its seed; a generator goes on where it was."""
    more = dict(classes=[0, 1]) if kind is Perceptron else {}
    model = kind(random_state=clone(kind(random_state=seed)).random_state, record="epoch")
    model.partial_fit(X[:40], Y[:40] > 0, **more)
    loaded = as_loaded(model)
    for one in (model, loaded):
        one.partial_fit(X[20:], Y[20:] > 0).partial_fit(X, Y > 0)
    assert_same(model, loaded)
    assert same(model.coef_, loaded.coef_) and same(model.coef_history_, loaded.coef_history_)


def test_a_generator_goes_on_too():
    model = MLPClassifier((4,), max_iter=2, random_state=np.random.RandomState(3))
    model.partial_fit(X, Y, classes=[0, 1, 2])
    loaded = as_loaded(model)
    for one in (model, loaded):
        one.partial_fit(X, Y).fit(X, Y)
    assert_same(model, loaded)


def test_what_an_optimizer_keeps_is_not_gone_on_with_where_it_does_not_fit():
    model = MLPClassifier((4,), max_iter=2).fit(X, Y)
    model.set_params(beta_1=0.5)
    loaded = as_loaded(model)
    for one in (model, loaded):
        one.set_params(random_state=0).partial_fit(X, Y)
    assert_same(model, loaded)


NEEDED = {
    "order": lambda state: state["run"]["order"].sort(),
    "seed": lambda state: state["run"].update(seed=1),
    "the samples held out": lambda state: state["run"]["estimator"]["before_split"]["state"].update(pos=7),
    "best value": lambda state: state["run"]["estimator"]["best"].update(value=-np.inf),
    "best weights": lambda state: state["run"]["estimator"]["best"].update(params=None),
    "the count of epochs without a better": lambda state: state["fitted"].update(_no_improvement_count=0),
    "best_iter_": lambda state: state["fitted"].update(best_iter_=9),
    "best score": lambda state: state["fitted"].update(best_validation_score_=2.0),
    "scores": lambda state: state["fitted"].update(validation_scores_=[1.0] * 4),
    "t_": lambda state: state["fitted"].update(t_=1),
    "the optimizer's arrays": lambda state: state["optimizer_state"]["arrays"].fill(0),
    "step": lambda state: state["run"].update(step=0),
}  # fmt: skip


@pytest.mark.parametrize("what", [None, *NEEDED])
def test_all_that_a_checkpoint_holds_is_needed(what):
    """Where one thing is lost, the fit that goes on ends otherwise."""
    seed = np.random.RandomState(3) if what == "the samples held out" else 0
    options = dict(max_iter=30, n_iter_no_change=4, early_stopping=True, dropout=0.2, tol=10.0, batch_size=16)
    checkpoint = Checkpoint(4, NEEDED.get(what))
    whole = MLPClassifier((4,), random_state=seed, **options).fit(X, Y, callbacks=[checkpoint])
    assert whole.n_iter_ == 6
    seed = np.random.RandomState(4) if what == "the samples held out" else 0
    try:
        resumed = MLPClassifier((4,), random_state=seed, **options).fit(X, Y, resume_from=checkpoint.model)
    except ValueError as error:
        assert what == "the samples held out" and "x holds other values" in str(error)
        return
    if what is None:
        assert_same(whole, resumed)
        return
    with pytest.raises(AssertionError):
        assert_same(whole, resumed)


@pytest.fixture(scope="module")
def checkpoint():
    kept = Checkpoint(3)
    MLPClassifier((4,), max_iter=6, random_state=0).fit(X, Y, callbacks=[kept])
    return kept.model


@pytest.mark.parametrize(
    ("parameters", "fit", "words"),
    [
        (dict(hidden_layer_sizes=(5,)), {}, r"hidden_layer_sizes is \[5\] in the estimator, and \[4\] in"),
        (dict(activation="tanh"), {}, "activation is 'tanh' in the estimator, and 'relu' in the checkpoint"),
        (dict(random_state=1), {}, "random_state is 1 in the estimator, and 0 in"),
        (dict(max_iter=7), {}, "max_iter is 7 in the estimator, and 6 in"),
        (dict(alpha=0.1), {}, "alpha is 0.1"), (dict(solver="sgd"), {}, "solver is 'sgd'"),
        (dict(solver="lbfgs"), {}, "solver is 'lbfgs'"),
        (dict(early_stopping=True), {}, "early_stopping is True"),
        (dict(class_weight={0: 2.0}), {}, "class_weight is {0: 2.0} in the estimator, and None in"),
        ({}, dict(X=X[:, :5]), "X has 5 features, but MLPClassifier is expecting 6 features"),
        ({}, dict(X=X[:50], y=Y[:50]), "n_samples is 50 in this fit, and 70 in the checkpoint"),
        ({}, dict(X=X * 2), "x holds other values"), ({}, dict(y=Y[::-1]), "y holds other values"),
        ({}, dict(y=Y + 1), "classes"), ({}, dict(sample_weight=WEIGHTS), "sample_weight holds other values"),
        ({}, dict(X_val=X, y_val=Y), "validation_data is"),
        ({}, dict(callbacks=[Counts(3)]), "no other callback of .* and Counts beside it; pass the same"),
    ],
)  # fmt: skip
def test_what_differs_is_refused_by_name(checkpoint, parameters, fit, words):
    model = MLPClassifier(**{"hidden_layer_sizes": (4,), "max_iter": 6, "random_state": 0, **parameters})
    before = dict(vars(model))
    with pytest.raises(ValueError, match=words):
        model.fit(**{"X": X, "y": Y, "resume_from": checkpoint, **fit})
    assert vars(model) == before


def test_other_models_are_refused(checkpoint):
    with pytest.raises(
        TypeError,
        match=r"resume_from must be the path of a MLPRegressor's checkpoint.*; got .*of type MLPClassifier",
    ):
        MLPRegressor().fit(X, Y, resume_from=checkpoint)
    with pytest.raises(ValueError, match="this MLPClassifier holds no fit that has not ended"):
        MLPClassifier().fit(X, Y, resume_from=MLPClassifier())
    searched = partial(MLPClassifier, (4,), solver="lbfgs", max_iter=3)
    with pytest.raises(ValueError, match="a fit by LBFGS cannot go on where it stopped"):
        searched().fit(X, Y, resume_from=searched().fit(X, Y))
    with pytest.raises(ConvergenceWarning), warnings.catch_warnings():
        warnings.simplefilter("error")
        model = MLPClassifier((4,), max_iter=6, random_state=0)
        model.fit(X, Y, resume_from=checkpoint)
