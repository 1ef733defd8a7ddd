"""
Graphs of whole layers
======================

What a graph of single numbers says of a neuron, blocks say of nets of any size: which block is computed
from which, and so where gradients flow on their way back. Experiment E1b: ``fastmlp experiment E1b``.
"""

# %%
# Data
# ----
# None is needed: a network's graph is known before it has weights. 3072 is what a photograph of 32 by 32
# pixels has.
n_inputs, n_classes = 3 * 32 * 32, 10

# %%
# Network
# -------
# One with a penalty on both layers, and one whose output sees the inputs beside the hidden neuron.
from fastmlp import Concatenate, Dense, Network

penalised = Network([Dense(100, "logistic", n_inputs, l2=1e-3), Dense(n_classes, l2=1e-3)])
hidden = Dense(1, "tanh", name="hidden")
beside = Network([hidden, Concatenate([hidden, "input"]), Dense(1, "tanh")])

# %%
# Training
# --------
# The loss is part of the graph, for gradients start there.
penalised.plot_graph("mse")
beside.plot_graph("mse")

# %%
# Result
# ------
# ``plot`` draws the neurons themselves, ``summary`` says it in words.
beside.plot()
penalised.summary()
