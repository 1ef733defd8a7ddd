"""
No hidden layer, one, and two
=============================

The same images, loss and rate with more and more layers between. Weights that start too small make deep
sigmoid nets late: signals shrink from layer to layer, forwards and backwards. Experiment D3:
``fastmlp experiment D1``.
"""

# %%
# Data
# ----
# CIFAR-10 where ``FASTMLP_DATA`` has it, else scikit-learn's digits. Pixels are centred by the training
# images' mean and divided by their standard deviation.
import os

import numpy as np

from fastmlp import datasets

load = datasets.load_cifar10 if "FASTMLP_DATA" in os.environ else datasets.load_digits
(X, y), (X_test, y_test) = load()
X, y, mean, std = X[:2000], y[:2000], X.mean(axis=0), X.std()
X, X_test = ((images - mean).astype(np.float32) / std for images in (X, X_test))

# %%
# Network
# -------
# ``Scaled`` multiplies what another initializer draws.
from fastmlp import Dense, Network
from fastmlp.initializers import Scaled


def build(depth, factor):
    how = dict(initializer=Scaled("glorot_uniform", factor))
    layers = [*(Dense(100, "tanh", **how) for _ in range(depth)), Dense(10, "softmax", **how)]
    return Network(layers, random_state=0)


# %%
# Training
# --------
# From weights as Glorot draws them, and from a hundredth of these.
from fastmlp import SGD, fit_many

found = fit_many(
    build, X, y, epochs=40, batch_size=64, optimizer=SGD(0.01), metrics=["accuracy"],
    validation_data={"test": (X_test, y_test)}, parameters={"depth": [0, 1, 2], "factor": [1.0, 0.01]},
)  # fmt: skip

# %%
# Result
# ------
# What two layers gain by their weights' start is what they lose by a small one.
from fastmlp.plots import CompareRunsDisplay, WeightsDisplay

nets = {f"{at['depth']} hidden, weights x {at['factor']:g}": net for at, net in found}
CompareRunsDisplay.from_estimators(nets, key="test_accuracy")
# the first net has no hidden layer: its weights are images, CIFAR's of three colours
WeightsDisplay.from_estimator(found[0][1], image_shape=(3, 32, 32) if X.shape[1] == 3072 else None)
