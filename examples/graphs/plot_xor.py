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
# A layer that joins others names them.
from fastmlp import Concatenate, Dense, Network


def build(kind, random_state):
    hidden = Dense(2 if kind == "2-2-1" else 1, "tanh", input_dim=2)
    beside = [] if kind == "2-2-1" else [Concatenate([hidden, "input"])]
    return Network([hidden, *beside, Dense(1, "tanh")], random_state=random_state)


# %%
# Training
# --------
# By whole batches, from twenty starts each.
from fastmlp import SGD, fit_many

found = fit_many(
    build, X, y, epochs=3000, loss="mse", optimizer=SGD(0.1), batch_size=None, group_by="random_state",
    parameters={"kind": ["2-2-1", "2-1-1 with the inputs"], "random_state": range(20)},
)  # fmt: skip

# %%
# Result
# ------
# Runs that stay above 0 do not learn. After the curves, the best of each kind.
from fastmlp.plots import CompareRunsDisplay, DecisionBoundaryDisplay

nets = {setting.parameters["kind"]: setting.models for setting in found}
CompareRunsDisplay.from_estimators(nets, log=True)
for kind, starts in nets.items():
    best = min(starts, key=lambda net: net.loss_curve_[-1])
    DecisionBoundaryDisplay.from_estimator(best, X, y).ax_.set_title(kind)
