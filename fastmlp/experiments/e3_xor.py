"""XOR by whole batches: two hidden units, or one beside the inputs.

One neuron cannot (A2). Two hidden neurons draw two lines, between which one of the classes lies. A single
hidden neuron is enough where the output neuron sees the inputs too. From random starts about half of the nets
get there: others rest at a point where the gradient is 0 and nothing is learned.
"""

import numpy as np

from .. import SGD, Concatenate, Dense, Network
from ..datasets import load_logic_gate
from ..plots import DecisionBoundaryDisplay
from .result import Result

ID, TITLE = "E3", "XOR: 2-2-1, and 2-1-1 whose output sees the inputs too"
HALF = {"share that learn": "both learn; from random starts about half of the seeds do"}
REPORTED = {"2-2-1": HALF, "2-1-1 with the inputs": HALF}
EPOCHS, RUNS = {"tiny": 50, "quick": 3000, "full": 3000}, {"tiny": 2, "quick": 20, "full": 100}
CONCLUSIONS = {
    "both can learn XOR": lambda r: min(r.values("share that learn").values()) > 0,
}


def run(size="quick", seed=0, n_threads=None, rate=0.01, epochs=None, runs=None):
    """Run E3; return its `Result`."""
    X, y = load_logic_gate("xor")
    result = Result(ID, TITLE, "the truth table, -1 and 1", size, seed, reported=REPORTED)
    how = dict(epochs=epochs or EPOCHS[size], loss="mse", optimizer=SGD(rate), batch_size=4, n_threads=1)
    nets = {}
    for name, build in (("2-2-1", plain), ("2-1-1 with the inputs", with_inputs)):
        starts = [build(seed + k).fit(X, y, **how) for k in range(runs or RUNS[size])]
        accuracies = np.array([net.score(X, y) for net in starts])
        learned = dict(accuracy=accuracies, share_that_learn=np.mean(accuracies == 1))
        result.add_models(name, starts, {"loss": "loss"}, **learned)
        nets[name], best = starts, starts[accuracies.argmax()]
        result.picture(f"lines, {name}", DecisionBoundaryDisplay.from_estimator(best, X, y))
        result.picture(f"net, {name}", best.plot().figure)
    result.compare(nets, "loss")
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
