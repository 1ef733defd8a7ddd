"""
A neuron learns AND, and never XOR
==================================

The step perceptron changes its weights only where it is wrong, by ``rate * (y - prediction) * x``. Its
answer changes at a straight line. Such a line parts one corner of the square from the three others, but not
the two diagonals from each other. Experiments A1 and A2: ``fastmlp experiment A1``.
"""

# %%
# Data
# ----
# The truth tables, -1 for false and 1 for true.
from fastmlp import datasets

gates = {name: datasets.load_logic_gate(name) for name in ("and", "xor")}

# %%
# Network
# -------
# One neuron for each gate. ``record="update"`` keeps its weights after every change.
from fastmlp import Perceptron

neurons = {name: Perceptron(eta0=0.01, max_iter=50, tol=None, record="update") for name in gates}

# %%
# Training
# --------
# Both start from the same weights, which separate neither of the two.
for name, (X, y) in gates.items():
    neurons[name].fit(X, y, coef_init=[[-0.05, 0.03]], intercept_init=0.04)
    print(f"{name}: {neurons[name].score(X, y):.0%} right, mistakes by epoch {neurons[name].errors_[:12]}")

# %%
# Result
# ------
# AND is learned within a few epochs: the lines, from faint to strong, come to rest between the corner and
# the others. XOR's go on turning for as long as one lets them.
import matplotlib.pyplot as plt

from fastmlp.plots import PerceptronEvolutionDisplay

figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for ax, (name, (X, y)) in zip(axes, gates.items(), strict=True):
    PerceptronEvolutionDisplay.from_estimator(neurons[name], X, y, ax=ax, max_lines=12)
    ax.set_title(name.upper())
