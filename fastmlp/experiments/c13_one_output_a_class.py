"""Ten outputs, one for each class; the class is the strongest output.

What is compared is how the ten are learned: as ten answers of yes or no by a squared error or a
cross-entropy, or as shares of one whole by a softmax.
"""

from .. import Adam, Dense
from . import data
from .result import Result
from .training import CURVES, trained

ID, TITLE = "C13", "Ten outputs, the strongest tells the class"
REPORTED: dict = {}
OUTPUTS = {
    "sigmoid, squared error": ("logistic", "delta_rule"),
    "softmax, cross-entropy": ("softmax", "categorical_crossentropy"),
    "identity, hinge": ("identity", "hinge"),
}
SIZES = {
    "tiny": (300, 50, 1),
    "quick": (10000, 2000, 5),
    "full": (None, None, 10),
}  # to train, to test; epochs
CONCLUSIONS = {"all ways learn": lambda r: min(r.values("test accuracy").values()) > 0.85}


def run(size="quick", seed=0, n_threads=None, epochs=None):
    """Run C13; return its `Result`."""
    images, epochs = data.digits().at(*SIZES[size], epochs)
    result = Result(ID, TITLE, images.note, size, seed)
    for name, (activation, loss) in OUTPUTS.items():
        layers = [Dense(32, "logistic"), Dense(10, activation)]
        how = dict(loss=loss, optimizer=Adam(0.003), epochs=epochs, n_threads=n_threads)
        net = trained(images, layers, seed, **how)
        result.add_models(name, net, CURVES)
        result.confusion(net, images.X_test, images.y_test, f"confusion, {name}")
    return result
