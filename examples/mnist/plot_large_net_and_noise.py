"""
A large net, its mistakes, and noise
====================================

Handwritten 4 and 9, 5 and 3, 7 and 9 share strokes, and are taken for one another. Noise on the test images
hits a small net first: it has few features to fall back on. Experiments C5 and C7:
``fastmlp experiment C5``.
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
# A large one and a small one.
from fastmlp import Dense, Network

nets = {}
for name, widths in {"256-128-64": (256, 128, 64), "10": (10,)}.items():
    layers = [*(Dense(width, "relu") for width in widths), Dense(10, "softmax")]
    nets[name] = Network(layers, random_state=0, input_scale=1 / X.max())

# %%
# Training
# --------
# With Adam, 32 images a step.
for net in nets.values():
    net.fit(X, y, epochs=8, optimizer="adam")
    print(f"{net.score(X_test, y_test):.1%} of test images right")

# %%
# Result
# ------
# What the large net takes for what; some of its mistakes; and the accuracy of both as noise is added.
# ``unit`` says how many grey levels a standard deviation of 1 stands for.
from fastmlp.plots import ConfusionMatrixDisplay, ImagesDisplay, NoiseRobustnessDisplay

ConfusionMatrixDisplay.from_estimator(nets["256-128-64"], X_test, y_test, colorbar=False)
ImagesDisplay.from_mistakes(nets["256-128-64"], X_test, y_test, n_most=12)
NoiseRobustnessDisplay.from_estimator(nets, X_test, y_test, unit=int(X.max()))
