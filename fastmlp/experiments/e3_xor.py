"""XOR by whole batches: two hidden units, or one beside the inputs.

One neuron cannot (A2). Two hidden neurons draw two lines, between which one of the classes lies. A single
hidden neuron is enough where the output neuron sees the inputs too. From random starts about half of the nets
get there: others rest at a point where the gradient is 0 and nothing is learned.
"""

import numpy as np

from .. import SGD, Concatenate, Dense, Network
from ..datasets import load_logic_gate
from ..plots import CompareRunsDisplay, DecisionBoundaryDisplay
from .result import Result

ID, TITLE = "E3", "XOR: 2-2-1, and 2-1-1 whose output sees the inputs too"
REPORTED = {"accuracy": "both learn; from random starts about half of the seeds do"}
CONCLUSIONS = {
    "both can learn XOR": lambda r: min(r.values("share that learn").values()) > 0,
}


def run(size="quick", seed=0, n_threads=None, rate=0.01, epochs=None, runs=None):
    """Run E3; return its `Result`."""
    epochs = epochs or {"tiny": 50, "quick": 3000, "full": 3000}[size]
    runs = runs or {"tiny": 2, "quick": 20, "full": 100}[size]
    X, y = load_logic_gate("xor")
    result = Result(ID, TITLE, "the truth table, -1 and 1", size, seed)
    for name, build in {"2-2-1": plain, "2-1-1 with the inputs": with_inputs}.items():
        nets = [build(seed + k) for k in range(runs)]
        for net in nets:
            net.fit(X, y, epochs=epochs, loss="mse", optimizer=SGD(rate), batch_size=4, n_threads=1)
        accuracies = [net.score(X, y) for net in nets]
        learned = {"accuracy": accuracies, "share that learn": np.mean(np.array(accuracies) == 1)}
        result.add_models(name, nets, {"loss": "loss"}, extra=learned, reported=REPORTED)
        best = nets[int(np.argmax(accuracies))]
        picture = name.split()[0].replace("-", "_")
        result.picture(f"lines_{picture}", DecisionBoundaryDisplay.from_estimator(best, X, y))
        result.picture(f"net_{picture}", best.plot().figure)
        result.picture(f"loss_{picture}", CompareRunsDisplay.from_estimators({"all starts": nets}))
    return result


def plain(seed):
    """Return a net 2-2-1."""
    model = Network(random_state=seed)
    model.add(Dense(units=2, activation="tanh", input_dim=2))
    model.add(Dense(units=1, activation="tanh"))
    return model


def with_inputs(seed):
    """Return a net 2-1-1 whose output neuron sees the hidden neuron and the inputs."""
    model = Network(random_state=seed)
    hidden = model.add(Dense(units=1, activation="tanh", input_dim=2))
    model.add(Concatenate([hidden, "input"]))
    model.add(Dense(units=1, activation="tanh"))
    return model
