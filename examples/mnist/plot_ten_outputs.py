"""
Ten outputs, the strongest tells the class
==========================================

Ten outputs can be learned as ten answers of yes or no, by a squared error; as shares of one whole, by
softmax and cross-entropy; or by how far the right one leads, by the hinge loss. Experiment C13:
``fastmlp experiment C13``.
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
# The same hidden layer behind three kinds of outputs, by the loss that each learns by.
from fastmlp import Adam, Dense, Network

outputs = {"delta_rule": "logistic", "categorical_crossentropy": "softmax", "hinge": "identity"}
nets = {}
for loss, activation in outputs.items():
    layers = [Dense(32, "logistic"), Dense(10, activation)]
    nets[loss] = Network(layers, random_state=0, input_scale=1 / X.max())

# %%
# Training
# --------
# Labels are numbers from 0 to 9 for all three: rows of 0 and 1 are made of them inside where a loss wants
# these.
how = dict(epochs=20, metrics=["accuracy"], validation_data={"test": (X_test, y_test)})
for loss, net in nets.items():
    net.fit(X, y, loss=loss, optimizer=Adam(0.003), **how)

# %%
# Result
# ------
# Then what the ten outputs of one say of an image: only the softmax's add up to 1.
from fastmlp.plots import BarsDisplay, CompareRunsDisplay

CompareRunsDisplay.from_estimators(nets, key="test_accuracy", title="outputs")
said = {name: dict(enumerate(net.predict(X_test[:1])[0])) for name, net in nets.items()}
BarsDisplay(said, name="output", group_name=f"an image of the digit {y_test[0]}").plot()
