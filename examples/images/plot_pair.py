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
# The digits 4 and 9; the experiment has aeroplanes and motorbikes where ``FASTMLP_DATA`` has them.
import numpy as np

from fastmlp import datasets
from fastmlp.plots import ImagesDisplay

(X, y), (X_test, y_test) = datasets.load_digits()
train, test = np.isin(y, (4, 9)), np.isin(y_test, (4, 9))
X, y, X_test, y_test = X[train], y[train] // 9, X_test[test], y_test[test] // 9
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

how = dict(loss="mse", optimizer=SGD(0.001), validation_data={"test": (X_test, y_test)})
for net in nets.values():
    settled = EarlyStopping("loss", patience=50, min_delta=1e-3, restore_best=False)
    net.fit(X, y, epochs=2000, batch_size=32, callbacks=[settled], **how)

# %%
# Result
# ------
import matplotlib.pyplot as plt

from fastmlp.plots import LossCurveDisplay

figure, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
for ax, (name, net) in zip(axes, nets.items(), strict=True):
    LossCurveDisplay.from_estimator(net, log=True, name="mean squared error", ax=ax)
    ax.set_title(f"{name}: {net.score(X_test, y_test):.1%} of test images right")
