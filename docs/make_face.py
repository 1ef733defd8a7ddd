"""Draw the picture of the landing page: it is written to face-light.png and face-dark.png."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from fastmlp import Adam, Dense, Network
from fastmlp.plots import DecisionBoundaryDisplay, LossCurveDisplay, style

HERE = Path(__file__).parent


def spirals(n, random_state):
    """Return the points of three spirals, and which of them each is on."""
    t = np.sqrt(random_state.uniform(0.02, 1.0, n)) * 1.6 * np.pi
    y = np.arange(n) % 3
    angle = t + 2 / 3 * np.pi * y
    x = np.stack([t * np.cos(angle), t * np.sin(angle)], axis=1) / (1.6 * np.pi)
    return x + 0.04 * random_state.standard_normal(x.shape), y


def trained():
    """Return a network that has learned the spirals, and their points."""
    random = np.random.RandomState(0)
    (x, y), test = spirals(240, random), spirals(240, random)
    model = Network([Dense(16, "tanh"), Dense(8, "tanh"), Dense(3, "softmax")], random_state=0)
    told = {"metrics": ["accuracy"], "validation_data": {"test": test}}
    model.fit(x, y, epochs=120, optimizer=Adam(0.01), batch_size=16, **told)
    return model, x, y


def draw(model, x, y):
    """Return a figure: what the network answers, and how it learned."""
    shape = {"figsize": (6.6, 3), "width_ratios": [1, 1.3], "layout": "constrained"}
    figure, (left, right) = plt.subplots(1, 2, **shape)
    DecisionBoundaryDisplay.from_estimator(model, x, y, ax=left)
    left.set(title="what the network answers", xlabel="", ylabel="", xticks=[], yticks=[])
    left.get_legend().remove()
    LossCurveDisplay.from_estimator(model, key="accuracy", ax=right)
    right.set_title("how it learned")
    right.legend(loc="lower right")
    return figure


def main():
    """Write both pictures."""
    plt.switch_backend("Agg")
    model, x, y = trained()
    for theme in ("light", "dark"):
        with style(theme):
            draw(model, x, y).savefig(HERE / f"face-{theme}.png", dpi=200)


if __name__ == "__main__":
    main()
