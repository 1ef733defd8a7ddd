"""CSR matrices are checked before anything follows their numbers; in whatever order, sums are right."""

import numpy as np
import pytest
import scipy.sparse as sp

import fastmlp
from fastmlp import Dense, LinearPerceptron, MLPClassifier, Network, Perceptron
from fastmlp.kernels import dispatch, training
from fastmlp.kernels import neuron as neurons
from fastmlp.kernels.job import Rows
from fastmlp.kernels.plan import Activation
from fastmlp.model_selection import cross_validate

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X = np.random.RandomState(0).randn(60, 6)
X[X < 0] = 0
Y = (X[:, 0] > X[:, 1]).astype(int)


def outside(m):
    m.indices[3] = 6


def negative(m):
    m.indices[3] = -1


def far(m):
    m.indices[-1] = np.iinfo(m.indices.dtype).max


def late(m):
    m.indptr[0] = 2


def falling(m):
    m.indptr[5] = 0


def beyond(m):
    m.indptr[-1] += 1000


def data_short(m):
    m.data = m.data[:20].copy()


def indices_short(m):
    m.indices = m.indices[:20].copy()


def indptr_short(m):
    m.indptr = m.indptr[:-2].copy()


BROKEN = [outside, negative, far, late, falling, beyond, data_short, indices_short, indptr_short]


def broken(change, dtype, kind=sp.csr_matrix):
    m = kind(X)
    m.indices, m.indptr = m.indices.astype(dtype), m.indptr.astype(dtype)
    change(m)
    return m


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
@pytest.mark.parametrize("change", BROKEN, ids=lambda change: change.__name__)
def test_what_leads_outside_of_a_matrix_is_refused_everywhere(change, dtype):
    network = Network([Dense(5, "tanh"), Dense(1)], random_state=0).fit(X, Y)
    model, neuron = MLPClassifier((5,), max_iter=2).fit(X, Y), Perceptron().fit(X, Y)
    ways = dict(
        rows=lambda m: Rows(m),
        fit=lambda m: network.fit(m, Y),
        batch=lambda m: network.train_on_batch(m, Y),
        predict=network.predict,
        evaluate=lambda m: network.evaluate(m, Y),
        validate=lambda m: network.fit(X, Y, validation_data=(m, Y)),
        fit_many=lambda m: fastmlp.fit_many([network], m, Y, subsets=[[1, 2, 3]]),
        estimators=lambda m: fastmlp.fit_many([MLPClassifier((5,))], m, Y, subsets=[range(30)]),
        classify=lambda m: MLPClassifier((5,)).fit(m, Y),
        stop_early=lambda m: MLPClassifier((5,), early_stopping=True).fit(m, Y),
        partial=lambda m: model.partial_fit(m, Y),
        predicted=model.predict,
        transformed=model.transform,
        folds=lambda m: cross_validate(MLPClassifier((5,)), m, Y, cv=3),
        learn=lambda m: Perceptron().fit(m, Y),
        regress=lambda m: LinearPerceptron().fit(m, Y),
        decide=neuron.decision_function,
    )
    for name, way in ways.items():
        with pytest.raises(ValueError, match="no valid"):
            way(broken(change, dtype))
        if dtype == np.int32 and name in ("fit", "predict", "predicted"):
            with pytest.raises(ValueError, match="no valid"):
                m = broken(change, dtype)
                m.data = m.data.astype(np.int64)  # SciPy follows the indices of what it converts
                way(m)


def test_other_formats_are_looked_at_before_scipy_converts_them():
    network = Network([Dense(1)], random_state=0).fit(X, Y)
    column, pairs = sp.csc_matrix(X), sp.coo_matrix(X)
    expected = network.predict(X)
    np.testing.assert_allclose(network.predict(column), expected, rtol=1e-12)
    np.testing.assert_allclose(network.predict(pairs), expected, rtol=1e-12)
    column.indices[4], pairs.row[7] = 10**6, 10**6
    for m in (column, pairs):
        with pytest.raises(ValueError, match=r"no valid C|no valid coo"):
            network.predict(m)
    empty = sp.csc_matrix((3, 6))
    empty.indptr[2] = 2**31 - 1  # there SciPy's own check does not look
    for way in (network.predict, MLPClassifier((5,), max_iter=2).fit(X, Y).predict):
        with pytest.raises(ValueError, match="no valid CSC matrix: its indptr"):
            way(empty)


def jumbled(kind=np.int32, container=sp.csr_matrix):
    """A matrix with unsorted and double entries, whose flag says that it has none; and what it stands for."""
    rng, parts, dense = np.random.RandomState(1), [], np.zeros((40, 200))
    for i in range(40):
        columns = rng.randint(200, size=rng.randint(60))
        values = rng.randint(1, 9, size=len(columns)).astype(float)
        parts.append((columns, values))
        np.add.at(dense[i], columns, values)
    indptr = np.r_[0, np.cumsum([len(columns) for columns, _ in parts])]
    columns, values = (np.concatenate(each) for each in zip(*parts, strict=True))
    m = container((values, columns.astype(kind), indptr.astype(kind)), shape=dense.shape)
    m.has_sorted_indices = m.has_canonical_format = True
    return m, dense


@pytest.mark.parametrize("kind", [np.int32, np.int64])
@pytest.mark.parametrize("container", [sp.csr_matrix, sp.csr_array])
def test_unsorted_and_double_entries_give_the_right_sums(kernels, kind, container):
    m, dense = jumbled(kind, container)
    before = m.data.copy(), m.indices.copy(), m.indptr.copy()
    m, dense = m.astype(kernels.dtype, copy=False), dense.astype(kernels.dtype)
    model = Network([Dense(70, "tanh"), Dense(1)], random_state=0, dtype=kernels.dtype.name).build(200)
    for layer in (0, 1):
        found, expected = (
            training.predict(model.plan, model.params, Rows(x), layer=layer) for x in (m, dense)
        )
        kernels.assert_close(found, expected, 200)
    y = np.arange(40.0) / 40
    for batch_size in (1, 7, 40):
        fitted = [
            Network([Dense(70, "tanh"), Dense(1)], random_state=0, dtype=kernels.dtype.name)
            .fit(x, y, epochs=2, batch_size=batch_size, optimizer="sgd")
            .params
            for x in (m, dense)
        ]
        kernels.assert_close(*fitted, 2000)
    after = m.data, m.indices, m.indptr
    if kernels.dtype == np.float64:
        for a, b in zip(before, after, strict=True):
            np.testing.assert_array_equal(a, b)


def test_single_neurons_sum_unsorted_and_double_entries(kernels):
    m, dense = jumbled()
    target = np.where(dense[:, 0] > 0, 1, -1).astype(kernels.dtype)
    learned = []
    for x in (m.astype(kernels.dtype), dense.astype(kernels.dtype)):
        w = np.zeros(200, kernels.dtype)
        neuron = neurons.Neuron(Rows(x), w, target, rule=Activation.STEP, eta=1.0, n_epochs=5)
        neurons.train(neuron)
        learned.append(w)
    np.testing.assert_array_equal(*learned)


def test_arrays_of_a_matrix_may_lie_anyhow(kernels):
    m = sp.csr_matrix(X.astype(kernels.dtype))
    model = Network([Dense(3, "tanh")], random_state=0, dtype=kernels.dtype.name).build(6)
    expected = training.predict(model.plan, model.params, Rows(m))
    for name in ("data", "indices", "indptr"):
        array = getattr(m, name)
        for change in (
            lambda a: np.stack([a, a], axis=1)[:, 0],
            lambda a: a.astype(a.dtype.newbyteorder()),
            lambda a: a if len(a) == 61 else np.r_[a, a[:3]],
        ):
            other = m.copy()
            setattr(other, name, change(array))
            np.testing.assert_array_equal(training.predict(model.plan, model.params, Rows(other)), expected)
    m.data[3] = np.nan
    assert not training.all_finite(Rows(m))
    m.data, m.indices = np.r_[sp.csr_matrix(X).data, np.nan].astype(kernels.dtype), np.r_[m.indices, 0]
    assert training.all_finite(Rows(m))  # what lies behind the last row is none of its values


def test_empty_matrices(kernels):
    model = Network([Dense(3, "tanh")], random_state=0, dtype=kernels.dtype.name).build(6)
    for shape in ((0, 6), (4, 6)):
        out = training.predict(model.plan, model.params, Rows(sp.csr_matrix(shape, dtype=kernels.dtype)))
        zeros = training.predict(model.plan, model.params, Rows(np.zeros(shape, kernels.dtype)))
        np.testing.assert_array_equal(out, zeros)


class Tampering:
    """A callback that makes the indices or the row starts of a matrix lead far outside of it."""

    def __init__(self, matrix, what):
        self.array = getattr(matrix, what)

    def on_epoch_end(self, state):
        self.array[1:] = -(10**8)


@pytest.mark.parametrize("backend", dispatch.available())
@pytest.mark.parametrize("what", ["indices", "indptr"])
def test_what_a_callback_does_to_a_matrix_reaches_no_kernel(what, backend):
    ways = dict(
        online=dict(batch_size=1),
        batches=dict(batch_size=7, metrics=["mae"]),
        lbfgs=dict(optimizer="lbfgs"),
        validated=dict(batch_size=7, validation_data=True),
    )
    for name, options in ways.items():
        params = []
        for tampers in (False, True):
            m, network = sp.csr_matrix(X), Network([Dense(5, "tanh"), Dense(1)], random_state=0)
            if name == "validated":
                options["validation_data"] = (m, Y)
            callbacks = [Tampering(m, what)] if tampers else []
            with dispatch.using(backend):
                network.fit(m if name != "validated" else X, Y, epochs=4, callbacks=callbacks, **options)
            params.append(np.r_[network.params, network.history_.get("val_loss", [])])
        assert np.array_equal(*params), name
