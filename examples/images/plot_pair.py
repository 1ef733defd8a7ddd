"""
Regression to 0 and 1
=====================

Two kinds of images told apart by a number: 0 for one kind, 1 for the other, by a linear net and by one with
a hundred hidden ReLU units. Training ends where the error has not moved by more than a threshold over the
last fifty epochs. Experiments F1 and F2: ``fastmlp experiment F1``.
"""

# %%
# Data
# ----
# Aeroplanes and motorbikes where ``FASTMLP_DATA`` has them, else the digits 4 and 9.
import os

import numpy as np
from sklearn.model_selection import train_test_split

from fastmlp import datasets
from fastmlp.plots import ImagesDisplay

if "FASTMLP_DATA" in os.environ:
    X, y = datasets.load_caltech_pair()
else:
    X, y = map(np.concatenate, zip(*datasets.load_digits(), strict=True))
    X, y = X[np.isin(y, (4, 9))], y[np.isin(y, (4, 9))] // 9
X, X_test, y, y_test = train_test_split(X, y, random_state=0)
ImagesDisplay(X[:10], y[:10], n_columns=10).plot()

# %%
# Network
# -------
from fastmlp import Dense, Network

nets = {}
for name, layers in {"linear": [Dense(1)], "100 ReLU": [Dense(100, "relu"), Dense(1)]}.items():
    nets[name] = Network(layers, random_state=0, input_scale=1 / X.max())

# %%
# Training
# --------
# At most two thousand epochs; a callback ends a fit whose error has not fallen for fifty.
from fastmlp import SGD
from fastmlp.callbacks import EarlyStopping

for net in nets.values():
    net.fit(
        X, y, epochs=2000, batch_size=32, loss="mse", optimizer=SGD(0.001),
        callbacks=[EarlyStopping("loss", patience=50, min_delta=1e-3, restore_best=False)],
        validation_data={"test": (X_test, y_test)},
    )  # fmt: skip

# %%
# Result
# ------
import matplotlib.pyplot as plt

from fastmlp.plots import LossCurveDisplay

figure, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
for ax, (name, net) in zip(axes, nets.items(), strict=True):
    LossCurveDisplay.from_estimator(net, log=True, name="mean squared error", ax=ax)
    ax.set_title(f"{name}: {net.score(X_test, y_test):.1%} of test images right")
