"""Online learning leaves first-layer rows alone while their input is 0, and brings them up to date later."""

import numpy as np
import pytest
from oracle.jobs import chain, expected_of, make_job, train
from scipy import sparse

from fastmlp.kernels.job import Rows
from fastmlp.kernels.plan import Activation, Optimizer

# columns of a first layer whose rows are one to four vectors, of every size, and more
WIDTHS = (2, 8, 16, 30, 37, 70)


def seldom(n, dtype):
    """Inputs of 70 features, seven of them 0 almost always: too many for nets whose rows are not listed."""
    random = np.random.RandomState(5)
    x = random.normal(size=(n, 70)) * 0.1
    x[:, :7] = random.normal(size=(n, 7)) * (random.uniform(size=(n, 7)) < [0.9, 0.5, 0.1, 0.01, 0.001, 0, 0])
    x[[10, n // 30, n - 100], 5] = 1
    x[[20, 50], 6] = 1e-4  # a second moment below what a series in epsilon / sqrt(v) bears
    return x.astype(dtype)


def dense_and_listed(dtype, x, width, **options):
    """Train on rows as they are, where Adam leaves none alone, and on listed ones."""
    plan = chain(70, (width, 2), (Activation.TANH, Activation.IDENTITY))
    options = dict(n=len(x), batch_size=1, n_epochs=1, shuffle=0, rates=(0.002,)) | options
    return [train(make_job(dtype, plan, x=rows, **options))[0] for rows in (x, Rows(sparse.csr_matrix(x)))]


@pytest.mark.parametrize(
    "betas", [(0.9, 0.999), (0.5, 0.9), (0.0, 0.999), (0.99, 0.9), (0.99, 0.9999)], ids=str
)
@pytest.mark.parametrize("epsilon, corrected", [(1e-8, 0), (1e-3, 1), (1e-12, 0), (1e-30, 0)])
def test_adam(kernels, betas, epsilon, corrected):
    """1 to 8600 steps later."""
    if kernels.name == "numpy":
        pytest.skip("it makes every step of every row")
    x = seldom(9000, kernels.dtype)
    beta_1, beta_2 = betas
    options = dict(
        optimizer=Optimizer.ADAM, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon, epsilon_corrected=corrected
    )
    for width in (37, 15):
        dense, listed = dense_and_listed(kernels.dtype, x, width, **options)
        assert dense.run["sparse"][0] == 0 and listed.run["sparse"][0] == 1
        kernels.assert_close(listed.params, dense.params, 2000)
        kernels.assert_close(listed.state, dense.state, 2000)


@pytest.mark.parametrize(
    "optimizer", [Optimizer.MOMENTUM, Optimizer.NESTEROV, Optimizer.ADAM], ids=lambda o: o.name
)
@pytest.mark.parametrize("width", WIDTHS)
def test_widths(kernels, optimizer, width):
    """Rows of any number of vectors, left alone for longer than powers are kept ready.

    The reference moves all. With momentum dense rows may wait too.
    """
    if kernels.name == "numpy":
        pytest.skip("it makes every step of every row")
    n = 1200
    x = seldom(n, kernels.dtype)
    plan = chain(70, (width, 2), (Activation.TANH, Activation.IDENTITY))
    for rows in (x, sparse.csr_matrix(x)):
        job = make_job(
            kernels.dtype, plan, n, x=Rows(rows), batch_size=1, n_epochs=1, rates=(0.002,),
            optimizer=optimizer, momentum=0.9,
        )  # fmt: skip
        result, _ = train(job)
        kernels.assert_close(result.params, expected_of(job).params, 2000)


@pytest.mark.parametrize("optimizer", [Optimizer.MOMENTUM, Optimizer.NESTEROV], ids=lambda o: o.name)
@pytest.mark.parametrize("layers, options", [
    ({}, {}), ({}, dict(weight_decay=0.1)), (dict(l2=0.1), {}), (dict(mean_l1=0.1), {}),
    ({}, dict(clip_value=1e-3)),
], ids=str)  # fmt: skip
def test_what_else_moves_weights(kernels, optimizer, layers, options):
    """Decay, penalties and clipping, of weights whose input is 0, too."""
    plan = chain(70, (30, 2), (Activation.TANH, Activation.IDENTITY), **layers)
    rows = Rows(sparse.csr_matrix(seldom(200, kernels.dtype)[:40]))
    options = dict(optimizer=optimizer, momentum=0.8, batch_size=1, n_epochs=2, rates=(0.002,)) | options
    job = make_job(kernels.dtype, plan, 40, x=rows, **options)
    expected = expected_of(job)
    result, status = train(job)
    assert status == expected.status
    kernels.assert_close(result.params, expected.params, 2000)
    kernels.assert_close(result.state, expected.state, 2000)
