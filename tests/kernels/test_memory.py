"""No kernel is given memory that was not looked at: where it lies, how much, of what kind."""

import pickle

import joblib
import numpy as np
import pytest
import sklearn
from oracle import jobs as kernel_jobs
from sklearn.base import clone

import fastmlp
from fastmlp import Dense, MLPClassifier, MLPRegressor, Network, Perceptron
from fastmlp.kernels import memory, training
from fastmlp.kernels import neuron as neurons
from fastmlp.kernels.job import AT, Job, Rows
from fastmlp.kernels.plan import INPUT, Activation, Loss, Optimizer, build_plan

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
RNG = np.random.RandomState(0)
X = RNG.randn(60, 4)
Y = (X[:, 0] + X[:, 1] > 0).astype(int)
WRITTEN = ("params", "state", "gradient", "backup", "order", "losses", "run")
READ = ("y", "sample_weight", "rates")


def misaligned(array):
    """The same numbers, a byte beside where they would be aligned."""
    memory = np.zeros(array.nbytes + 1, np.uint8)[1:].view(array.dtype).reshape(array.shape)
    memory[...] = array
    return memory


def read_only(array):
    array = array.copy()
    array.setflags(write=False)
    return array


FAULTS = {
    "too short": lambda a: a[..., :-1].copy(),
    "too long": lambda a: np.concatenate([a, a], axis=-1),
    "misaligned": misaligned,
    "strided": lambda a: np.stack([a, a], axis=-1)[..., 0],
    "foreign": lambda a: a.astype(a.dtype.newbyteorder()),
    "other dtype": lambda a: a.astype(np.float16) if a.dtype.names is None else a.view(np.int64)[:-1],
    "none": lambda a: None,
    "list": lambda a: a.tolist(),
}


def a_job(dtype, labels=False):
    plan = kernel_jobs.chain(4, [5, 3], [Activation.TANH, Activation.IDENTITY])
    loss = Loss.CATEGORICAL_CROSS_ENTROPY if labels else Loss.HALF_SQUARED_ERROR
    return kernel_jobs.make_job(
        dtype, plan, loss=loss, labels=labels, weighted=True, optimizer=Optimizer.ADAM, clip_norm=1.0
    )


def test_counts_are_the_integers_of_the_record():
    job = a_job(np.float32)
    for name, at in AT.items():
        if job.run.dtype[name].kind == "i":
            assert job.counts[at] == job.option(name), name
            job.counts[at] = 1000 + at
            assert job.option(name) == 1000 + at
            job.run[name] = at
            assert job.counts[at] == at


@pytest.mark.parametrize("name", WRITTEN + READ)
@pytest.mark.parametrize("fault", [*FAULTS, "read-only"])
def test_a_job_is_refused_where_an_array_is_not_as_the_kernels_take_it(kernels, name, fault):
    if (name, fault) in {
        ("sample_weight", "none"),
        ("rates", "too short"),
        ("rates", "too long"),
        ("losses", "too long"),
        ("run", "strided"),
        ("gradient", "too short"),
    } or (fault == "read-only" and name in READ):
        pytest.skip("is as they take it")
    job = a_job(kernels.dtype)
    if name == "run" and fault in ("foreign", "list"):
        pytest.skip("no such record")
    given = read_only(getattr(job, name)) if fault == "read-only" else FAULTS[fault](getattr(job, name))
    before = job.params.copy()
    setattr(job, name, given)
    with pytest.raises((ValueError, TypeError, AttributeError, IndexError, KeyError)):
        training.run(job)
    if name != "params":
        np.testing.assert_array_equal(job.params, before)


@pytest.mark.parametrize("name", ["params", "state"])
def test_what_is_written_to_is_refused_where_it_may_only_be_read(kernels, name):
    job = a_job(kernels.dtype)
    setattr(job, name, read_only(getattr(job, name)))
    with pytest.raises(ValueError, match="read-only memory"):
        training.run(job)


@pytest.mark.parametrize("fault", ["misaligned", "strided", "foreign"])
def test_what_is_only_read_is_copied_where_it_lies_otherwise(kernels, fault):
    plan = kernel_jobs.chain(4, [5, 3], [Activation.TANH, Activation.IDENTITY])
    results = []
    for change in (np.copy, FAULTS[fault]):
        job = a_job(kernels.dtype)
        job = Job(
            plan,
            job.params,
            job.rows,
            change(job.y),
            sample_weight=change(job.sample_weight),
            n_epochs=3,
            rates=change(job.rates),
            random_state=np.random.RandomState(1),
            batch_size=5,
            shuffle=1,
        )
        training.run(job)
        results.append(job.params)
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("value", [-1, 23, 2**40])
def test_numbers_of_rows_lie_within_the_data(kernels, value):
    job = a_job(kernels.dtype)
    job.order[3] = value
    with pytest.raises(ValueError, match="order must hold numbers from 0 to 22"):
        training.run(job)
    with pytest.raises(ValueError, match="subset must hold numbers from 0 to 22"):
        Job(job.plan, job.params, job.rows, job.y, subset=np.array([0, value]))


@pytest.mark.parametrize("value", [-1, 3, -(2**40)])
def test_labels_lie_within_the_classes(kernels, value):
    job = a_job(kernels.dtype, labels=True)
    labels = job.y.copy()
    job.y[5] = value
    with pytest.raises(ValueError, match="labels must hold numbers from 0 to 2"):
        training.run(job)
    labels[5] = value
    with pytest.raises(ValueError, match="labels must hold numbers from 0 to 2"):
        Job(job.plan, job.params, job.rows, labels, loss=Loss.CATEGORICAL_CROSS_ENTROPY)


@pytest.mark.parametrize("name, value", [("batch_size", 0), ("batch_size", -2), ("n_epochs", -1)])
def test_counts_that_no_run_can_begin_with(kernels, name, value):
    job = a_job(kernels.dtype)
    with pytest.raises(ValueError, match=name):
        Job(job.plan, job.params, job.rows, job.y, **{name: value})
    if name == "batch_size":
        job.run[name] = value
        with pytest.raises(ValueError, match="at least 1"):
            training.run(job)


def test_rows_have_the_columns_of_the_plan(kernels):
    job = a_job(kernels.dtype)
    for width in (3, 5):
        job.rows = Rows(np.zeros((23, width), kernels.dtype))
        with pytest.raises(ValueError, match="columns of X must be 4"):
            training.run(job)
        with pytest.raises(ValueError, match="columns of X must be 4"):
            training.predict(job.plan, job.params, job.rows)


def test_predictions_are_written_to_memory_that_fits(kernels):
    job, predict = a_job(kernels.dtype), kernels.module.predict
    out = np.empty((23, 3), kernels.dtype)
    expected = training.predict(job.plan, job.params, job.rows)
    for fault, change in FAULTS.items():
        with pytest.raises((ValueError, TypeError, AttributeError)):
            predict(job.plan, job.params, job.rows, change(out), 0, 23)
        if fault != "strided":
            with pytest.raises((ValueError, TypeError)):
                predict(job.plan, change(job.params), job.rows, out, 0, 23)
    with pytest.raises(ValueError, match="read-only"):
        predict(job.plan, job.params, job.rows, read_only(out), 0, 23)
    for first, n, layer in ((-1, 23, -1), (1, 23, -1), (0, 23, 2)):
        with pytest.raises(ValueError):
            predict(job.plan, job.params, job.rows, out, first, n, layer)
    predict(job.plan, read_only(job.params), job.rows, out, 0, 23)
    np.testing.assert_array_equal(out, expected)


def a_neuron(dtype, x=X, **given):
    x = x.astype(dtype)
    arrays = dict(w=np.zeros(x.shape[1], dtype), target=np.where(Y, 1, -1).astype(dtype)) | given
    return neurons.Neuron(
        Rows(x), arrays.pop("w"), arrays.pop("target"), rule=Activation.STEP, eta=1.0, **arrays
    )


@pytest.mark.parametrize("name", ["w", "kept", "target", "sample_weight", "order", "last_errors", "run"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_neuron_is_refused_where_an_array_is_not_as_the_kernels_take_it(kernels, name, fault):
    if (name == "run" and fault in ("foreign", "list", "strided")) or (name, fault) in {
        ("sample_weight", "none"),
        ("last_errors", "strided"),
    }:
        pytest.skip("is as they take it")
    neuron = a_neuron(kernels.dtype, sample_weight=np.ones(len(X), kernels.dtype))
    setattr(neuron, name, FAULTS[fault](getattr(neuron, name)))
    with pytest.raises((ValueError, TypeError, AttributeError, IndexError)):
        kernels.module.learn(neuron)


def test_a_neuron_takes_rows_of_its_own_dtype_only(kernels):
    for x in (X.astype(np.uint8), X.astype(np.float16), np.asfortranarray(X)):
        neuron = a_neuron(kernels.dtype)
        if x.dtype == np.float16:
            x = x.astype(np.float64 if kernels.dtype == np.float32 else np.float32)
        elif x.dtype == np.float64:
            x = np.asfortranarray(X.astype(kernels.dtype))
        neuron.rows = Rows(x)
        with pytest.raises(ValueError, match="X must hold"):
            kernels.module.learn(neuron)
    with pytest.raises(ValueError, match="n_epochs"):
        a_neuron(kernels.dtype, n_epochs=0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_off_alignment_or_of_another_byte_order_are_copied(dtype):
    x = X.astype(dtype)
    model = Network([Dense(3, "tanh"), Dense(1)], random_state=0).fit(x, Y)
    for change in (misaligned, lambda a: a.astype(a.dtype.newbyteorder()), np.asfortranarray, read_only):
        np.testing.assert_array_equal(
            training.predict(model.plan, model.params, Rows(change(x))), model.predict(x)
        )
        np.testing.assert_array_equal(model.predict(change(x)), model.predict(x))
    with pytest.raises(ValueError, match="X must hold float32, float64 or uint8"):
        Rows(x.astype(np.int32))


def fits(optimizer, batch_size):
    model = Network([Dense(5, "tanh"), Dense(1, "logistic")], random_state=0)
    return model.fit(X, Y, epochs=2, optimizer=optimizer, batch_size=batch_size)


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam", "rprop", "lbfgs"])
@pytest.mark.parametrize("batch_size", [1, 7, 60])
def test_a_network_in_memory_that_may_only_be_read_goes_on_in_a_copy(tmp_path, optimizer, batch_size):
    model = fits(optimizer, batch_size)
    joblib.dump(model, tmp_path / "model")
    mapped, before = joblib.load(tmp_path / "model", mmap_mode="r"), (tmp_path / "model").read_bytes()
    assert not mapped.params.flags.writeable
    for one in (model, mapped):
        one.fit(X, Y, epochs=2, batch_size=batch_size)
    np.testing.assert_array_equal(mapped.params, model.params)
    assert (tmp_path / "model").read_bytes() == before


def test_every_way_of_training_takes_memory_that_may_only_be_read(tmp_path):
    ways = dict(
        fit_many=lambda m: fastmlp.fit_many([m], X, Y, epochs=2),
        train_on_batch=lambda m: m.train_on_batch(X, Y),
        gradients=lambda m: m.gradients(X, Y),
        set_weights=lambda m: m.set_weights([w + 1 for w in m.get_weights()]),
    )
    for name, way in ways.items():
        model = fits("adam", 5)
        joblib.dump(model, tmp_path / name)
        mapped = joblib.load(tmp_path / name, mmap_mode="r")
        way(model)
        way(mapped)
        np.testing.assert_array_equal(mapped.params, model.params)


def test_estimators_in_memory_that_may_only_be_read_go_on(tmp_path):
    for begin in (lambda m: m.fit(X, Y), lambda m: m.partial_fit(X, Y, classes=[0, 1])):
        model = begin(MLPClassifier((5,), max_iter=3, random_state=0))
        file = tmp_path / f"{len(list(tmp_path.iterdir()))}"
        joblib.dump(model, file)
        mapped = joblib.load(file, mmap_mode="r")
        for one in (model, mapped):
            one.random_state = 1
            one.partial_fit(X, Y)
        np.testing.assert_array_equal(mapped.coefs_[0], model.coefs_[0])
        np.testing.assert_array_equal(mapped.predict_proba(X), model.predict_proba(X))
    mapped = joblib.load(file, mmap_mode="r")
    mapped.coefs_ = [np.zeros_like(w) for w in mapped.coefs_]
    assert (mapped.predict_proba(X) == mapped.predict_proba(X[:1])).all()


def test_buffers_that_pickle_gives_are_not_written_to():
    buffers = []
    state = pickle.dumps(fits("adam", 5), protocol=5, buffer_callback=buffers.append)
    given = [bytes(buffer) for buffer in buffers]
    before = [bytearray(one) for one in given]
    model = pickle.loads(state, buffers=given).fit(X, Y, epochs=3, batch_size=5)
    assert given == before
    np.testing.assert_array_equal(model.params, fits("adam", 5).fit(X, Y, epochs=3, batch_size=5).params)


@pytest.mark.parametrize("change", [
    *(FAULTS[name] for name in ("misaligned", "strided", "foreign", "list")), read_only, lambda a: a,
])  # fmt: skip
def test_params_may_be_assigned(change):
    model, other = fits("adam", 5), fits("sgd", 1)
    model.params = change(other.params)
    np.testing.assert_array_equal(model.predict(X), other.predict(X))
    model.fit(X, Y, epochs=2)
    assert model.history_["loss"][-1] < np.log(2)
    model.params = other.params.astype(np.float32)
    assert model.params.dtype == np.float64
    np.testing.assert_allclose(model.predict(X), other.predict(X), rtol=1e-6)
    model.fit(X, Y, epochs=2)


def test_params_that_no_weights_can_be_are_refused():
    model = fits("adam", 5)
    before = model.params.copy()
    for given in (
        before[:-1],
        before[None],
        np.r_[before, 0],
        before * np.nan,
        None,
        ["a"] * len(before),
        3.0,
    ):
        with pytest.raises(ValueError, match="params"):
            model.params = given
    np.testing.assert_array_equal(model.params, before)
    with pytest.raises(ValueError, match="weights"):
        Network([Dense(1)]).params = before


def test_params_that_a_callback_assigns_are_trained_on():
    class Restart:
        def on_epoch_end(self, state):
            state.model.params = start

    model = Network([Dense(1)], random_state=0)
    start = model.build(4).params.copy()
    losses = model.fit(
        X, Y, epochs=3, batch_size=7, shuffle=False, optimizer="sgd", callbacks=[Restart()]
    ).loss_curve_
    assert losses[0] == losses[1] == losses[2]
    np.testing.assert_array_equal(model.params, start)


@pytest.mark.parametrize("batch_size", [0, -1])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_estimators_refuse_sizes_that_scikit_learn_was_told_not_to_check(batch_size, early_stopping):
    with sklearn.config_context(skip_parameter_validation=True):
        for model in (MLPClassifier((5,)), MLPRegressor(hidden_layer_sizes=(5,))):
            model.set_params(batch_size=batch_size, early_stopping=early_stopping)
            with pytest.raises(ValueError, match="batch_size"):
                model.fit(X, Y)
        for model, epochs in ((MLPClassifier((5,)), 0), (MLPClassifier((5,)), 10**30), (Perceptron(), -1)):
            with pytest.raises(ValueError, match="max_iter"):
                model.set_params(max_iter=epochs).fit(X, Y)


@pytest.mark.parametrize("many", [10**12, 10**30])
def test_counts_beyond_any_run_mean_never(many):
    for name, model in (
        ("n_iter_no_change", MLPClassifier((5,), max_iter=3)),
        ("n_iter_no_change", Perceptron()),
    ):
        expected = clone(model).set_params(random_state=0, **{name: 1000}).fit(X, Y).predict(X)
        found = clone(model).set_params(random_state=0, **{name: many}).fit(X, Y).predict(X)
        np.testing.assert_array_equal(found, expected)
    assert len(Network([Dense(1)]).fit(X, Y, batch_size=many).loss_curve_) == 1


def test_networks_that_no_memory_holds_leave_nothing_behind():
    for units, error in ((10**12, MemoryError), (10**13, ValueError), (10**30, ValueError)):
        network = Network([Dense(units)])
        with pytest.raises(error):
            network.fit(X, Y)
        assert network.plan is None and network.params is None
        with pytest.raises(error):
            MLPClassifier((units,)).fit(X, Y)
    with pytest.raises(ValueError, match="n_features must be at most 2147483647"):
        Network([Dense(1)]).build(2**31)
    with pytest.raises(ValueError, match="epochs"):
        Network([Dense(1)]).fit(X, Y, epochs=10**30)


def test_records_of_a_plan_are_not_written_to():
    plan = build_plan(3, [dict(n_out=2, sources=[INPUT])])
    for records in plan.layers, plan.edges:
        with pytest.raises(ValueError, match="read-only"):
            records[0] = records[0]


def test_owned_copies_only_what_must_be():
    array = memory.aligned_zeros(5, np.float64)
    assert memory.owned(array) is array
    for other in (read_only(array + 1), misaligned(array + 1), (array + 1).astype(">f8")):
        mine = memory.owned(other)
        assert mine.flags.carray and mine.dtype.isnative and (mine == 1).all()
