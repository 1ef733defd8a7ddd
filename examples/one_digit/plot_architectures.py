"""
Architectures, and weights that all start alike
===============================================

Units of a layer that start with the same weights get the same gradient, and stay alike for ever: ten of
them are one. Random biases part them, but in deep sigmoid nets too little to learn by. Experiments C10 and
C10b: ``fastmlp experiment C10``.
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
# The same widths from drawn weights and from weights of 0.01; biases are drawn for both.
from fastmlp import Dense, Network

nets = {}
for widths in ("4", "4-4", "10-10-10"):
    for start in ("torch", 0.01):
        how = dict(activation="logistic", initializer=start, bias_initializer="torch")
        layers = [Dense(units, **how) for units in [*map(int, widths.split("-")), 1]]
        nets[f"{widths}, {start}"] = Network(layers, random_state=0, input_scale=1 / X.max())

# %%
# Training
# --------
from fastmlp import Momentum

how = dict(metrics=["accuracy"], validation_data={"test": (X_test, y_test)})
for net in nets.values():
    net.fit(X, y, epochs=100, batch_size=10, optimizer=Momentum(0.3, 0.1), **how)

# %%
# Result
# ------
# A curve that stays level is a net that answers "no 3" to every image. The pictures are weights into the
# first hidden layer: each unit's own where they were drawn, all the same where they were not.
from fastmlp.plots import CompareRunsDisplay, WeightsDisplay

CompareRunsDisplay.from_estimators(nets, key="test_accuracy", title="hidden layers, weights")
for start in ("torch", "0.01"):
    WeightsDisplay.from_estimator(nets[f"4-4, {start}"]).figure_.suptitle(start)
