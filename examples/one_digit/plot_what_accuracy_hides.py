"""
What an accuracy of 0.9 is worth
================================

Nine of ten images show no 3. Who answers "no 3" to every image is right in nine of ten, and knows nothing.
Precision (how many of those told to be a 3 are one), recall (how many of the 3s are found) and their F1
tell it from a net that has learned. Experiment C8: ``fastmlp experiment C8``.
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
# 784-4-4-1 (or 64-4-4-1) of sigmoid units.
from fastmlp import SGD, Dense, Network

layers = [Dense(4, "logistic"), Dense(4, "logistic"), Dense(1, "logistic")]
net = Network(layers, random_state=0, input_scale=1 / X.max())

# %%
# Training
# --------
# All four metrics are measured after every epoch, on training and on test images.
names = ["accuracy", "precision", "recall", "f1"]
how = dict(metrics=names, validation_data={"test": (X_test, y_test)})
net.fit(X, y, epochs=60, batch_size=10, optimizer=SGD(0.5), **how)

# %%
# Result
# ------
# Beside two answers that need no net: always 0, and heads or tails. Then the curves: for some epochs the
# net, too, says 0 to everything, and its accuracy does not let it be seen.
import numpy as np

from fastmlp.metrics import METRICS
from fastmlp.plots import BarsDisplay, LossCurveDisplay

coin = np.random.default_rng(0).integers(0, 2, len(y_test))
answers = {"always 0": 0 * coin, "heads or tails": coin, "the net": net.predict_classes(X_test)}
told = {who: {m: METRICS[m](y_test, said, labels=[0, 1]) for m in names} for who, said in answers.items()}
BarsDisplay(told, name="on test images").plot()
LossCurveDisplay.from_estimator(net, key="accuracy")
LossCurveDisplay.from_estimator(net, key="f1")
