"""The parity of N inputs, the product of N numbers ±1, with N' hidden units.

It changes whenever one input does, so no few inputs tell anything: the hardest of functions for a net that
starts from small weights. More units make it more likely that some start near a line that helps.
"""

from .. import Adam, Dense, Network, fit_many
from ..datasets import load_parity
from ..plots import CompareRunsDisplay
from .result import Result

ID, TITLE = "E4", "Parity: hidden units and inputs"
REPORTED = {"2 inputs, 8 hidden": {"accuracy": "more units learn sooner"}}
FEW = {"6 inputs, 2 hidden": {"accuracy": "N' far below N does not learn in 3000 epochs"}}
SETTINGS = ((2, 2), (2, 4), (2, 8), (2, 15), (3, 15), (4, 15), (5, 15), (6, 15), (6, 2))
CONCLUSIONS = {
    "more units learn sooner": lambda r: (
        r.value("2 inputs, 15 hidden", "loss") <= r.value("2 inputs, 2 hidden", "loss")
    ),
    "far fewer units than inputs do not learn": lambda r: r.value("6 inputs, 2 hidden", "accuracy") < 0.9,
}


def run(size="quick", seed=0, n_threads=None, rate=0.01, epochs=None, runs=5):
    """Run E4; return its `Result`."""
    epochs = epochs or {"tiny": 20, "quick": 1000, "full": 3000}[size]
    result = Result(ID, TITLE, "all inputs of -1 and 1", size, seed)
    curves = {}
    for n_inputs, n_hidden in SETTINGS:
        X, y = load_parity(n_inputs)
        nets = [
            Network([Dense(n_hidden, "tanh"), Dense(1, "tanh")], random_state=seed + k) for k in range(runs)
        ]
        how = dict(loss="mse", optimizer=Adam(rate), epochs=epochs, batch_size=None, n_threads=n_threads)
        fit_many(nets, X, y, **how)
        name = f"{n_inputs} inputs, {n_hidden} hidden"
        accuracies = {"accuracy": [net.score(X, y) for net in nets]}
        reported = (REPORTED | FEW).get(name)
        result.add_models(name, nets, {"loss": "loss"}, extra=accuracies, reported=reported)
        curves[name] = nets
    result.picture("loss", CompareRunsDisplay.from_estimators(curves))
    return result
