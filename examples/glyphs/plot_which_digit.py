"""
Which digit: learned clean, tested with noise
=============================================

A net 35-20-10 of sigmoid units learns ten clean glyphs by plain gradient descent, one glyph a step. Then it
is asked about noisy copies: the more noise, the more mistakes, and glyphs that differ in few pixels go
first. Experiment B3: ``fastmlp experiment B3``.
"""

# %%
# Data
# ----
# A hundred copies of each glyph for each strength of the noise, which is added to pixels of 0 and 1.
import numpy as np

from fastmlp import datasets
from fastmlp.noise import noisy_copies
from fastmlp.plots import ImagesDisplay

images, y = datasets.load_glyphs()
X, labels = images.reshape(10, 35).astype(float), np.repeat(y, 100)
tests = {f"noise {s}": (noisy_copies(X, 100, sigma=s, random_state=0), labels) for s in (0.3, 0.5, 0.7)}
ImagesDisplay(tests["noise 0.7"][0][::100], y, image_shape=(7, 5), n_columns=10).plot()

# %%
# Network
# -------
# Five, which differ in their first weights.
from fastmlp import SGD, Dense, Network

nets = [Network([Dense(20, "logistic"), Dense(10, "logistic")], random_state=seed) for seed in range(5)]

# %%
# Training
# --------
# On the ten clean glyphs; the test sets, as many as one likes, are measured by name every 60 epochs.
from fastmlp import fit_many
from fastmlp.metrics import per_class

fit_many(
    nets, X, y, loss="delta_rule", optimizer=SGD(0.1), epochs=3000, batch_size=1, measure_every=60,
    validation_data=tests, metrics=per_class("f1", 10) | {"accuracy": "accuracy"},
)  # fmt: skip

# %%
# Result
# ------
# The clean glyphs are all told right; what noise costs shows by its strength, and by digit.
from fastmlp.plots import ClassF1Display, ConfusionMatrixDisplay, LossCurveDisplay

LossCurveDisplay.from_estimator(nets, key="accuracy")
ClassF1Display.from_estimators(nets, on="noise 0.7").bars([60, 300, 3000])
ConfusionMatrixDisplay.from_estimator(nets[0], *tests["noise 0.7"], colorbar=False)
