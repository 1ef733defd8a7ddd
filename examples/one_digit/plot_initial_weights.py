"""
Seven ways to draw the first weights
====================================

Xavier's and Kaiming's ranges, orthogonal rows, PyTorch's default, standard normal numbers, and one constant
for all, in the same net with the same images. Experiment C12: ``fastmlp experiment C12``.
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
# An initializer is a name, a number, or a function of a shape and a random state.
from fastmlp import Dense, Network

starts = ["xavier_uniform", "kaiming_uniform", "kaiming_normal", "orthogonal", "torch", "random", 0.01]


def build(start, random_state):
    layers = [Dense(n, "logistic", initializer=start, bias_initializer="torch") for n in (4, 4, 1)]
    return Network(layers, random_state=random_state, input_scale=1 / X.max())


# %%
# Training
# --------
# Five seeds each.
from fastmlp import Momentum, fit_many

found = fit_many(
    build, X, y, epochs=100, batch_size=10, optimizer=Momentum(0.3, 0.1), metrics=["accuracy"],
    parameters={"start": starts, "random_state": range(5)}, group_by="random_state",
    validation_data={"test": (X_test, y_test)},
)  # fmt: skip

# %%
# Result
# ------
# Curves are means of five starts. In a net as small as this the way matters less than the draw; only large
# weights and equal ones are late.
from fastmlp.plots import CompareRunsDisplay

CompareRunsDisplay.from_estimators({s.parameters["start"]: s.models for s in found}, title="first weights")
for setting in found:
    print(f"{setting.parameters['start']!s:16} test accuracy {setting.mean('test_accuracy'):.3f}")
