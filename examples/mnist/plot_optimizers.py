"""
Three optimizers, an image a step
=================================

The same sigmoid net from the same weights, with the images in the same order: plain gradient descent,
momentum, and Adam, whose steps are as long for pixels that are rarely set as for frequent ones. Experiment
C1: ``fastmlp experiment C1``.
"""

# %%
# Data
# ----
# Handwritten digits: MNIST's where ``FASTMLP_DATA`` has them, else scikit-learn's.
import os

from fastmlp import datasets

load = datasets.load_mnist if "FASTMLP_DATA" in os.environ else datasets.load_digits
(X, y), (X_test, y_test) = load()
print(f"{len(X)} images to train on, {len(X_test)} to test, {X.shape[1]} pixels each")

# %%
# Network
# -------
# One of 32 hidden units for each optimizer. ``input_scale`` brings pixels into 0 to 1, without a copy.
from fastmlp import SGD, Adam, Dense, Momentum, Network

optimizers = {"SGD 0.01": SGD(0.01), "momentum 0.9": Momentum(0.01, 0.9), "Adam 0.001": Adam(0.001)}
nets = {}
for name in optimizers:
    layers = [Dense(32, "logistic"), Dense(10, "logistic")]
    nets[name] = Network(layers, random_state=0, input_scale=1 / X.max())

# %%
# Training
# --------
# Ten epochs, an image a step: whole epochs run in native code, so that even this takes little time.
for name, optimizer in optimizers.items():
    nets[name].fit(
        X, y, epochs=10, batch_size=1, loss="delta_rule", optimizer=optimizer,
        metrics=["accuracy"], validation_data={"test": (X_test, y_test)},
    )  # fmt: skip
    print(f"{name}: {1000 * sum(nets[name].history_['seconds']):.0f} ms")

# %%
# Result
# ------
# Momentum is gradient descent ten times as fast, once it has gathered; Adam needs no rate to be found for
# it.
from fastmlp.plots import CompareRunsDisplay

CompareRunsDisplay.from_estimators(nets, key="test_accuracy", title="optimizer")
