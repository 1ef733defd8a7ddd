"""A pytest plugin that puts fastmlp's estimators in the place of scikit-learn's.

`make outside` runs scikit-learn's own tests of its perceptrons, of one neuron and of many, against ours.
"""

import pytest
import sklearn.linear_model
import sklearn.neural_network as theirs

import fastmlp

theirs.MLPClassifier = fastmlp.MLPClassifier
theirs.MLPRegressor = fastmlp.MLPRegressor
sklearn.linear_model.Perceptron = fastmlp.Perceptron

LEFT_OUT = {
    "test_perceptron_l1_ratio": "our single neurons have no penalty",
    "test_gradient": "calls scikit-learn's private _loss_grad_lbfgs; test_network.py checks our gradients",
}


def pytest_collection_modifyitems(items):
    for item in items:
        if item.originalname in LEFT_OUT or item.name in LEFT_OUT:
            item.add_marker(pytest.mark.skip(reason=LEFT_OUT[getattr(item, "originalname", item.name)]))


def pytest_report_header():
    return f"scikit-learn's tests, with the estimators of fastmlp {fastmlp.__version__}"
