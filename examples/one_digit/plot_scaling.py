"""
Raw pixels against scaled ones
==============================

Large inputs make large sums, at which a sigmoid is flat, and large steps of the first weights: raw pixels
act as a learning rate many times as large for the weights into the net. Which of the two learns depends on
the rate. Experiment C11: ``fastmlp experiment C11``.
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
# The same first weights; ``input_scale`` is what pixels are multiplied by as they are read.
from fastmlp import Dense, Network

scales = {f"0 to {X.max()}": 1.0, "0 to 1": 1 / X.max()}


def build(scale):
    layers = [Dense(4, "logistic"), Dense(4, "logistic"), Dense(1, "logistic")]
    return Network(layers, random_state=0, input_scale=scales[scale])


# %%
# Training
# --------
# Each at three rates.
from fastmlp import SGD, fit_many

rates = [0.01, 0.1, 1.0]
found = fit_many(
    build, X, y, epochs=50, batch_size=10, metrics=["accuracy"], validation_data={"test": (X_test, y_test)},
    parameters={"scale": list(scales), "optimizer": [SGD(rate) for rate in rates]},
)  # fmt: skip

# %%
# Result
# ------
# Scaled pixels want a larger rate: then they learn as well.
from fastmlp.plots import CompareRunsDisplay, ImagesDisplay

nets = {f"{at['scale']}, rate {at['optimizer'].learning_rate}": net for at, net in found}
CompareRunsDisplay.from_estimators(nets, key="test_accuracy", title="pixels")
ImagesDisplay(X_test[:8], [f"label {label}" for label in y_test[:8]], n_columns=8).plot()
