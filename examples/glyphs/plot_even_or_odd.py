"""
Even or odd: what accuracy hides
================================

A net 35-10-5-1 of sigmoid units tells even digits from odd ones. While it says "even" to everything, half
of its answers are right and none about odd digits: accuracy does not show that, the F1 score of each class
does. The learning rate decides how soon it ends. Experiments B1 and B2: ``fastmlp experiment B1``.
"""

# %%
# Data
# ----
# Ten glyphs of 7 by 5 pixels, all of which train.
from fastmlp import datasets
from fastmlp.plots import ImagesDisplay

images, digits = datasets.load_glyphs()
X, y = images.reshape(10, 35), digits % 2
ImagesDisplay(images, ["odd" if odd else "even" for odd in y], n_columns=10).plot()

# %%
# Network
# -------
# A function that builds one: it is called for each learning rate and each start.
from fastmlp import SGD, Dense, Network


def build(random_state):
    layers = [Dense(10, "logistic"), Dense(5, "logistic"), Dense(1, "logistic")]
    return Network(layers, random_state=random_state)


# %%
# Training
# --------
# Three rates, ten starts each. Nets as small as these are trained side by side, one to a lane of a vector.
from fastmlp import fit_many
from fastmlp.metrics import per_class

rates = {"0.05": SGD(0.05), "0.1": SGD(0.1), "0.5": SGD(0.5)}
settings = fit_many(
    build, X, y, loss="delta_rule", epochs=3000, batch_size=1, measure_every=20, group_by="random_state",
    metrics=per_class("f1", ["even", "odd"]) | {"accuracy": "accuracy"},
    parameters={"optimizer": list(rates.values()), "random_state": range(10)},
)  # fmt: skip
nets = {rate: setting.models for rate, setting in zip(rates, settings, strict=True)}

# %%
# Result
# ------
# The loss by learning rate, as the mean of ten starts; then how many starts know each class.
from fastmlp.plots import ClassF1Display, CompareRunsDisplay

CompareRunsDisplay.from_estimators(nets, title="learning rate")
ClassF1Display.from_estimators(nets["0.1"], on="")
