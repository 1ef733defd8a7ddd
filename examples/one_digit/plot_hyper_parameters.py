"""
Rate, momentum, batch size, epochs
==================================

Nine settings of one small net on one digit against the rest: a rate of 1e-6 learns nothing in ten epochs,
and batches of a hundred learn more in as many epochs than batches of a thousand. Experiment C9:
``fastmlp experiment C9``.
"""

# %%
# Data
# ----
# Handwritten digits: MNIST's where ``FASTMLP_DATA`` has them, else scikit-learn's; labelled 1 where they
# show a 3 (one of ten does), else 0.
import os

from fastmlp import datasets

load = datasets.load_mnist if "FASTMLP_DATA" in os.environ else datasets.load_digits
(X, labels), (X_test, labels_test) = load()
y, y_test = (datasets.one_against_rest(each, 3) for each in (labels, labels_test))

# %%
# Network
# -------
# The same net for every setting; weights and biases start as PyTorch's do.
from fastmlp import Dense, Momentum, Network


def build(random_state=0):
    start = dict(initializer="torch", bias_initializer="torch")
    layers = [Dense(units, "logistic", **start) for units in (4, 4, 1)]
    return Network(layers, random_state=random_state, input_scale=1 / X.max())


# %%
# Training
# --------
# What differs from fit to fit stands in a list of dicts. `Momentum` is told the rate first.
from fastmlp import fit_many

settings = [(0.5, 0.5, 10, 100), (0.1, 0.5, 10, 100), (0.1, 0.1, 10, 100), (0.1, 0.5, 100, 100),
            (0.1, 0.5, 100, 10), (0.1, 1e-6, 100, 10), (0.0, 0.5, 100, 100)]  # fmt: skip
how = [dict(optimizer=Momentum(r, m), batch_size=b, epochs=n) for m, r, b, n in settings]
found = fit_many(build, X, y, parameters=how, validation_data={"test": (X_test, y_test)})

# %%
# Result
# ------
# Fits of ten epochs end after ten.
from fastmlp.plots import CompareRunsDisplay

nets = {f"{m}, {r}, {b}, {n}": net for (m, r, b, n), (_, net) in zip(settings, found, strict=True)}
CompareRunsDisplay.from_estimators(nets, key="test_loss", title="momentum, rate, batch, epochs")
for name, net in nets.items():
    print(f"{name:22} loss {net.loss_curve_[-1]:.3f}, test accuracy {net.score(X_test, y_test):.3f}")
