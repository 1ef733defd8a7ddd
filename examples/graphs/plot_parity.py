"""
Parity: hidden units and inputs
===============================

The parity of N inputs is the product of N numbers ±1. It changes whenever one of them does, so that no few
inputs tell anything: the hardest of functions for a net that starts from small weights. More hidden units
make it likelier that some start near a line that helps. Experiment E4: ``fastmlp experiment E4``.
"""

# %%
# Data
# ----
# All inputs of -1 and 1, for N of 2, 4 and 6.
from fastmlp import datasets

tables = {n: datasets.load_parity(n) for n in (2, 4, 6)}

# %%
# Network
# -------
# Fifteen hidden units for every N; and for six inputs as few as two.
from fastmlp import Dense, Network

settings = [(2, 15), (4, 15), (6, 15), (6, 2)]
nets = {}
for n, units in settings:
    layers = [(Dense(units, "tanh"), Dense(1, "tanh")) for _ in range(5)]
    nets[n, units] = [Network(pair, random_state=seed) for seed, pair in enumerate(layers)]

# %%
# Training
# --------
# Five starts each, all samples in every step.
from fastmlp import Adam, fit_many

for (n, _), starts in nets.items():
    fit_many(starts, *tables[n], epochs=1000, loss="mse", optimizer=Adam(0.01), batch_size=None)

# %%
# Result
# ------
from fastmlp.plots import CompareRunsDisplay

named = {f"{n} inputs, {units} hidden": starts for (n, units), starts in nets.items()}
CompareRunsDisplay.from_estimators(named)
for (n, units), starts in nets.items():
    print(f"{n} inputs, {units} hidden: {[float(net.score(*tables[n])) for net in starts]}")
