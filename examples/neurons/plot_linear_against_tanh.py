"""
A linear against a non-linear neuron
====================================

Both learn by the delta rule, a step a sample: ``w += rate * (t - y) * f'(y) * x``, with f the identity or
tanh. The rows lie on a curve that bends, so tanh fits it better. With 28 rows it matters which of them
train: one split says little, and cross-validation says how little. Experiments A3 and A4:
``fastmlp experiment A3``.
"""

# %%
# Data
# ----
# 28 rows of three inputs: a curve that levels off at both ends, and a little noise.
import numpy as np

rng = np.random.default_rng(0)
X = rng.uniform(-2, 4, (28, 3))
y = 45 + 42 * np.tanh(0.45 * (X @ [1.0, -0.7, 0.4] - 0.5)) + rng.normal(0, 1.5, 28)

# %%
# Network
# -------
# The tanh neuron scales its targets to [-1, 1] itself; the linear one is wrapped in what does so.
from sklearn.compose import TransformedTargetRegressor
from sklearn.preprocessing import MinMaxScaler

from fastmlp import LinearPerceptron, TanhPerceptron

how = dict(eta0=0.01, max_iter=500, tol=None, random_state=0)
neurons = {
    "linear": TransformedTargetRegressor(LinearPerceptron(**how), transformer=MinMaxScaler((-1, 1))),
    "tanh": TanhPerceptron(**how),
}

# %%
# Training
# --------
# Five repetitions of five folds: every row is tested five times, by neurons that never saw it.
from fastmlp.model_selection import cross_validate

found = {}
for name, neuron in neurons.items():
    found[name] = cross_validate(neuron, X, y, cv=5, repeats=5, metrics="sse", every=None, random_state=0)

# %%
# Result
# ------
# Each bar is the mean of 25 fits, its whisker their standard deviation. The whiskers are the lesson: by a
# single split one could be told anything between their ends.
from fastmlp.plots import BarsDisplay

sse = {
    of: {name: result.scores[of]["sse"].ravel() for name, result in found.items()} for of in ("train", "test")
}
BarsDisplay(sse, name="SSE", series_name="rows").plot()
