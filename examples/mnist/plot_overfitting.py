"""
Overfitting, underfitting, and neither
======================================

With few images a net learns them by heart: its error on them goes to 0, and on others it stays. With many
images and few epochs it has not learned yet. With enough of both, training and test curves stay side by
side. Experiments C6 and C6b: ``fastmlp experiment C6``.
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
# Three small nets from the same weights: ten hidden units each.
from fastmlp import SGD, Dense, Network

settings = {"100 images": (100, 100), "few epochs": (None, 2), "all": (None, 100)}
layers = ((Dense(10, "logistic"), Dense(10, "logistic")) for _ in settings)
nets = [Network(pair, random_state=0, input_scale=1 / X.max()) for pair in layers]

# %%
# Training
# --------
# An image a step at a rate of 0.1, on so many images and for so many epochs.
for net, (n, epochs) in zip(nets, settings.values(), strict=True):
    net.fit(
        X[:n], y[:n], epochs=epochs, batch_size=1, loss="delta_rule", optimizer=SGD(0.1),
        metrics=["accuracy"], validation_data={"test": (X_test, y_test)},
    )  # fmt: skip

# %%
# Result
# ------
# The gap between the two curves is what the net knows by heart only.
import matplotlib.pyplot as plt

from fastmlp.plots import LossCurveDisplay

figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), sharey=True, layout="constrained")
for ax, name, net in zip(axes, settings, nets, strict=True):
    LossCurveDisplay.from_estimator(net, key="accuracy", ax=ax)
    ax.set_title(name)
