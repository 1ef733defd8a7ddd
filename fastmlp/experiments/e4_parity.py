"""The parity of N inputs, the product of N numbers ±1, with N' hidden units.

It changes whenever one input does, so no few inputs tell anything: the hardest of functions for a net that
starts from small weights. More units make it more likely that some start near a line that helps.
"""

from copy import deepcopy

from .. import Adam, Dense, Network, fit_many
from ..datasets import load_parity
from .result import Result

ID, TITLE = "E4", "Parity: hidden units and inputs"
REPORTED = {
    "2 inputs, 8 hidden": {"accuracy": "more units learn sooner"},
    "6 inputs, 2 hidden": {"accuracy": "N' far below N does not learn in 3000 epochs"},
}
EPOCHS = {"tiny": 20, "quick": 1000, "full": 3000}
SETTINGS = ((2, 2), (2, 4), (2, 8), (2, 15), (3, 15), (4, 15), (5, 15), (6, 15), (6, 2))
CONCLUSIONS = {
    "more units learn sooner": lambda r: (
        r.value("2 inputs, 15 hidden", "loss") <= r.value("2 inputs, 2 hidden", "loss")
    ),
    "far fewer units than inputs do not learn": lambda r: r.value("6 inputs, 2 hidden", "accuracy") < 0.9,
}


def run(size="quick", seed=0, n_threads=None, rate=0.01, epochs=None, runs=5):
    """Run E4; return its `Result`."""
    result = Result(ID, TITLE, "all inputs of -1 and 1", size, seed, reported=REPORTED)
    how = dict(loss="mse", optimizer=Adam(rate), epochs=epochs or EPOCHS[size], batch_size=None)
    nets = {}
    for n_inputs, n_hidden in SETTINGS:
        X, y = load_parity(n_inputs)
        layers, name = (Dense(n_hidden, "tanh"), Dense(1, "tanh")), f"{n_inputs} inputs, {n_hidden} hidden"
        nets[name] = [Network(deepcopy(layers), random_state=seed + k) for k in range(runs)]
        fit_many(nets[name], X, y, n_threads=n_threads, **how)
        accuracies = [net.score(X, y) for net in nets[name]]
        result.add_models(name, nets[name], {"loss": "loss"}, accuracy=accuracies)
    result.compare(nets, "loss")
    return result
