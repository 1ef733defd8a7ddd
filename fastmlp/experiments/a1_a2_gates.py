"""A single neuron learns AND, and never XOR.

The step perceptron changes its weights by ``rate (y - prediction) x`` where it is wrong. Its answer changes
at a straight line, ``w x + b = 0``: such a line parts the corner of AND from the three others, but no line
parts XOR's two pairs, which lie on the two diagonals. So the first comes to rest and the second never does.
"""

from .. import Perceptron
from ..datasets import load_logic_gate
from ..plots import PerceptronEvolutionDisplay
from .result import Result

ID, TITLE = "A1", "A step perceptron learns AND, and never XOR"
REPORTED = {"AND": {"training accuracy": "converges"}, "XOR": {"training accuracy": "never converges"}}
WHY = {"XOR": "still changing its weights at the last epoch: no line parts the classes"}
CONCLUSIONS = {
    "AND is learned": lambda result: result.value("AND", "training accuracy") == 1,
    "XOR is not": lambda result: result.value("XOR", "training accuracy") < 1,
}


def run(size="quick", seed=0, n_threads=None, rate=0.01, epochs=100):
    """Run A1 and A2; return their `Result`."""
    result = Result(ID, TITLE, "the truth tables, -1 and 1", size, seed, reported=REPORTED, why=WHY)
    for gate in ("AND", "XOR"):
        X, y = load_logic_gate(gate)
        neuron = Perceptron(eta0=rate, max_iter=epochs, tol=None, record="update", random_state=seed)
        neuron.fit(X, y, coef_init="random", intercept_init=0.0)
        updates = len(neuron.coef_history_) - 1
        result.add(gate, {"training accuracy": neuron.score(X, y), "changes of weights": updates})
        lines = PerceptronEvolutionDisplay.from_estimator(neuron, X, y, max_lines=20)
        lines.ax_.set_title(f"{gate}: the line after each of {updates} changes")
        result.picture(f"{gate.lower()}_lines", lines)
    return result
