"""
Three losses, and a penalty on the weights
==========================================

Squared error, multiclass hinge and softmax's cross-entropy, behind the same hidden layer. A penalty keeps
weights small: what is lost on training images is meant to be won on others. Experiments D1 and D2:
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
# A hundred sigmoid units, and ten outputs. ``reg=L2(rate)`` adds rate ΣW² of all weights
# once to the mean loss.
from fastmlp import L2, Dense, Network


def build(penalty):
    layers = [Dense(100, "logistic"), Dense(10)]
    return Network(layers, random_state=0, reg=L2(penalty))


# %%
# Training
# --------
# Each loss, at a rate that suits it, without a penalty and with one.
from fastmlp import SGD

losses = {"mse": 0.05, "hinge": 0.01, "softmax_crossentropy": 0.05}
how = dict(epochs=40, batch_size=100, metrics=["accuracy"], validation_data={"test": (X_test, y_test)})
nets = {}
for loss, rate in losses.items():
    for penalty in (0.0, 0.01):
        nets[f"{loss}, penalty {penalty:g}"] = build(penalty).fit(X, y, loss=loss, optimizer=SGD(rate), **how)

# %%
# Result
# ------
# The penalty costs accuracy on training images. On digits it wins none on others: nets as small as these have
# not learned any by heart after forty epochs.
from fastmlp.plots import CompareRunsDisplay

CompareRunsDisplay.from_estimators(nets, key="accuracy", title="training images")
CompareRunsDisplay.from_estimators(nets, key="test_accuracy", title="test images")
