"""
How wide, and how many layers
=============================

Wider first layers tell more digits right and take longer, though not in proportion; further layers of the
same width gain nothing here, and learn later. Experiment C4: ``fastmlp experiment C4``.
"""

# %%
# Data
# ----
# Handwritten digits: MNIST's where ``FASTMLP_DATA`` has them, else scikit-learn's.
import os

from fastmlp import datasets

load = datasets.load_mnist if "FASTMLP_DATA" in os.environ else datasets.load_digits
(X, y), (X_test, y_test) = load()

# %%
# Network
# -------
# Widths of the hidden layers, from 8 units to three layers.
from fastmlp import Dense, Network, fit_many

structures = {"8": [8], "32": [32], "128": [128], "32-32": [32, 32], "32-32-32": [32, 32, 32]}


def build(widths, random_state):
    layers = [*(Dense(width, "logistic") for width in structures[widths]), Dense(10, "softmax")]
    return Network(layers, random_state=random_state, input_scale=1 / X.max())


# %%
# Training
# --------
# Three starts each, with Adam; one after another, so that their seconds are their own.
from fastmlp import Adam

found = fit_many(
    build, X, y, epochs=15, optimizer=Adam(0.005), n_threads=1, group_by="random_state",
    parameters={"widths": list(structures), "random_state": range(3)},
)  # fmt: skip

# %%
# Result
# ------
import matplotlib.pyplot as plt

from fastmlp.plots import BarsDisplay

accuracy = {s.parameters["widths"]: [net.score(X_test, y_test) for net in s.models] for s in found}
seconds = {s.parameters["widths"]: [sum(net.history_["seconds"]) for net in s.models] for s in found}
figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
BarsDisplay(accuracy, name="test accuracy", group_name="hidden layers").plot(axes[0])
BarsDisplay(seconds, name="seconds", group_name="hidden layers").plot(axes[1])
