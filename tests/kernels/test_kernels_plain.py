"""The commonest online run, of whose steps nothing is asked anew: its bits are those of steps that ask."""

import numpy as np
import pytest
from oracle.jobs import chain, check_refused, compare_slices, expected_of, make_job, train

from fastmlp.kernels.job import Rows
from fastmlp.kernels.plan import Activation, Loss, Optimizer, Regime, Status

HIDDEN = (Activation.LOGISTIC, Activation.TANH, Activation.RELU)


def mostly_zeros(n, n_features, dtype, draw=0):
    random = np.random.RandomState(draw)
    x = random.normal(size=(n, n_features)) * (random.uniform(size=(n, n_features)) < 0.2)
    x[n // 2] = 0
    return x.astype(dtype)


def softmax_job(kernels, n_features, widths, activation, n=40, **options):
    """A job that takes steps of the kind in question: they need labels, listed rows, plain descent."""
    kinds = (activation,) * (len(widths) - 1) + (Activation.SOFTMAX,)
    plan = (
        chain(n_features, widths, kinds, slope=0.75) if len(widths) > 1 else chain(n_features, widths, kinds)
    )
    options = (
        dict(batch_size=1, optimizer=Optimizer.SGD, n_epochs=2, x=mostly_zeros(n, n_features, kernels.dtype))
        | options
    )
    return make_job(kernels.dtype, plan, n, loss=Loss.CATEGORICAL_CROSS_ENTROPY, labels=True, **options)


def asked_in_each_step(job):
    """The same run with weights of 1, which changes no number, but makes each step ask."""
    job.sample_weight = np.ones(len(job.order))
    return train(job, regime=Regime.ONLINE)


@pytest.mark.parametrize("activation", HIDDEN, ids=lambda a: a.name)
@pytest.mark.parametrize(
    "n_features, widths",
    [
        (70, (5, 3)),
        (300, (32, 10)),
        (784, (17, 12, 9)),
        (70, (64, 2)),
        (200, (30, 30)),
        (100, (7,)),
        (90, (12, 40)),
    ],
    ids=str,
)
def test_bits_are_those_of_steps_that_ask(kernels, n_features, widths, activation):
    for average in (1, 0):
        options = dict(average=average, loss_scale=0.5, gradient_scale=0.25)
        job = softmax_job(kernels, n_features, widths, activation, **options)
        result, status = train(job, regime=Regime.ONLINE)
        asked, _ = asked_in_each_step(job)
        assert status == Status.FINISHED
        np.testing.assert_array_equal(result.params, asked.params)
        np.testing.assert_array_equal(result.losses, asked.losses)
        expected = expected_of(softmax_job(kernels, n_features, widths, activation, **options))
        kernels.assert_close(result.params, expected.params, 500)
        np.testing.assert_allclose(result.losses, expected.losses, rtol=500 * kernels.eps)


def test_rates_of_each_step(kernels):
    options = dict(rates=(0.1, 0.02, 0.05, 0.01), rates_per_epoch=2)
    job = softmax_job(kernels, 80, (12, 5), Activation.TANH, **options)
    result, _ = train(job, regime=Regime.ONLINE)
    kernels.assert_close(result.params, expected_of(job).params, 500)
    np.testing.assert_array_equal(result.params, asked_in_each_step(job)[0].params)


@pytest.mark.parametrize("budget", [1, 3, 40])
def test_slices(kernels, monkeypatch, budget):
    job = softmax_job(kernels, 80, (12, 5), Activation.LOGISTIC)
    compare_slices(monkeypatch, job, budget, regime=Regime.ONLINE)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_rows_that_are_not_finite(kernels, value):
    x = mostly_zeros(40, 80, kernels.dtype)
    x[7, 33] = value
    job = softmax_job(kernels, 80, (12, 5), Activation.TANH, x=x, check_rows=1, n_epochs=1, shuffle=0)
    check_refused(job, 7, regime=Regime.ONLINE)


def test_what_diverges_is_put_back(kernels):
    job = softmax_job(kernels, 80, (12, 5), Activation.RELU, rates=(1e30,), n_epochs=3)
    result, status = train(job, regime=Regime.ONLINE)
    assert status == Status.DIVERGED
    np.testing.assert_array_equal(result.params, job.params)


def test_rows_that_are_scaled_or_of_another_kind_are_not_read_in_place(kernels):
    x = mostly_zeros(40, 80, kernels.dtype)
    other = np.float64 if kernels.dtype == np.float32 else np.float32
    for rows in (Rows(x, 0.5), Rows(x.astype(other)), Rows(np.asfortranarray(x))):
        job = softmax_job(kernels, 80, (12, 5), Activation.TANH, x=rows)
        result, _ = train(job, regime=Regime.ONLINE)
        kernels.assert_close(result.params, expected_of(job).params, 500)
