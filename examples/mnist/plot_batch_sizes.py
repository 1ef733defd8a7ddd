"""
Batch sizes
===========

The fewer images a step, the more steps an epoch has, and the more is learned in it; the more images a step,
the sooner an epoch is over. Experiment C3: ``fastmlp experiment C3``.
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
# The same first weights for each batch size.
from fastmlp import SGD, Dense, Network

sizes = (1, 8, 32, 128)
nets = {}
for size in sizes:
    layers = [Dense(32, "logistic"), Dense(10, "logistic")]
    nets[size] = Network(layers, random_state=0, input_scale=1 / X.max())

# %%
# Training
# --------
# Plain gradient descent at one rate for all: a step follows the mean gradient of its batch.
for size, net in nets.items():
    net.fit(
        X, y, epochs=20, batch_size=size, loss="delta_rule", optimizer=SGD(0.1),
        metrics=["accuracy"], validation_data={"test": (X_test, y_test)},
    )  # fmt: skip
    print(f"batch {size}: {1000 * sum(net.history_['seconds']) / 20:.1f} ms an epoch")

# %%
# Result
# ------
from fastmlp.plots import CompareRunsDisplay

CompareRunsDisplay.from_estimators(nets, key="test_accuracy", title="batch size")
