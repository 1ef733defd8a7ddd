"""
XOR by two hidden units, or by one
==================================

One neuron cannot learn XOR. Two hidden neurons draw two lines, between which one of the classes lies. A
single hidden neuron is enough where the output sees the inputs too. From random starts about half of the
nets get there; others rest where the gradient is 0 and nothing is learned. Experiment E3:
``fastmlp experiment E3``.
"""

# %%
# Data
# ----
from fastmlp import datasets

X, y = datasets.load_logic_gate("xor")

# %%
# Network
# -------
# Layers are added one by one; a layer that joins others names them.
from fastmlp import Concatenate, Dense, Network


def build(kind, random_state):
    model = Network(random_state=random_state)
    hidden = model.add(Dense(units=2 if kind == "2-2-1" else 1, activation="tanh", input_dim=2))
    if kind != "2-2-1":
        model.add(Concatenate([hidden, "input"]))
    model.add(Dense(units=1, activation="tanh"))
    return model


# %%
# Training
# --------
# By whole batches, from twenty starts each.
from fastmlp import SGD, fit_many

kinds = ["2-2-1", "2-1-1 with the inputs"]
found = fit_many(
    build, X, y, epochs=3000, loss="mse", optimizer=SGD(0.1), batch_size=None,
    parameters={"kind": kinds, "random_state": range(20)}, group_by="random_state",
)  # fmt: skip

# %%
# Result
# ------
# Runs that stay above 0 do not learn. Beside the curves, the best of each kind.
import matplotlib.pyplot as plt

from fastmlp.plots import CompareRunsDisplay, DecisionBoundaryDisplay

print([sum(net.score(X, y) == 1 for net in setting.models) for setting in found], "of 20 learn")
_, axes = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
for ax, (parameters, nets) in zip(axes, found, strict=True):
    nets.sort(key=lambda net: net.loss_curve_[-1])
    DecisionBoundaryDisplay.from_estimator(nets[0], X, y, ax=ax)
    ax.set_title(parameters["kind"])
CompareRunsDisplay.from_estimators({s.parameters["kind"]: s.models for s in found}, log=True)
