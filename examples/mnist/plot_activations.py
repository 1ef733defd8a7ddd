"""
Activations of the hidden layer
===============================

Sigmoid, tanh, ReLU and their kin in the same net with Adam, three starts each: after a few epochs they
differ by little more than the starts do. Experiment C2: ``fastmlp experiment C2``.
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
# Built by a function, which is called with each activation and each seed.
from fastmlp import Dense, Network, fit_many


def build(activation, random_state):
    layers = [Dense(32, activation), Dense(10, "softmax")]
    return Network(layers, random_state=random_state, input_scale=1 / X.max())


# %%
# Training
# --------
# ``fit_many`` trains all combinations on the same data; ``group_by`` brings the repetitions of a setting
# back together.
activations = ["logistic", "tanh", "relu", "leaky_relu", "elu", "silu"]
found = fit_many(
    build, X, y, epochs=20, optimizer="adam", group_by="random_state",
    metrics=["accuracy"], validation_data={"test": (X_test, y_test)},
    parameters={"activation": activations, "random_state": range(3)},
)  # fmt: skip

# %%
# Result
# ------
# Bands are the standard deviation over three starts.
from fastmlp.plots import CompareRunsDisplay

runs = {setting.parameters["activation"]: setting.models for setting in found}
CompareRunsDisplay.from_estimators(runs, key="test_accuracy", title="activation")
