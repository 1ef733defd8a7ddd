"""How many layers, and how wide: three runs of each structure, with Adam."""

from .. import Adam, Dense
from ..plots import BarsDisplay
from . import data
from .result import Result
from .training import CURVES, trained

ID, TITLE = "C4", "Structures: width and number of layers"
REPORTED = {
    "256": {"test accuracy": "accuracy and time grow with the first layer's width, not in proportion"},
    "32-32-32": {"test accuracy": "the number of layers does not matter"},
}
STRUCTURES = ((16,), (32,), (64,), (256,), (32, 32), (32, 32, 32), (64, 32), (256, 128, 64))
CONCLUSIONS = {
    "a wider first layer tells more digits right": lambda r: (
        r.value("16", "test accuracy") < r.value("64", "test accuracy") < r.value("256", "test accuracy")
    ),
    "a second layer of 32 gains nothing": lambda r: (
        r.value("32-32", "test accuracy") < r.value("32", "test accuracy") + 0.01
    ),
}


def run(size="quick", seed=0, n_threads=None, epochs=None, runs=3):
    """Run C4; return its `Result`."""
    n_train, n_test, usual = {"tiny": (200, 50, 1), "quick": (10000, 2000, 3), "full": (None, None, 3)}[size]
    images = data.digits().some(n_train, n_test)
    result = Result(ID, TITLE, images.note, size, seed)
    bars = {"test accuracy": {}, "seconds": {}}
    for widths in STRUCTURES:
        name, nets = "-".join(map(str, widths)), []
        for k in range(seed, seed + runs):
            layers = [*(Dense(width, "logistic") for width in widths), Dense(10, "softmax")]
            how = dict(optimizer=Adam(0.001), epochs=epochs or usual, n_threads=n_threads)
            nets.append(trained(images, layers, k, **how))
        result.add_models(name, nets, CURVES, reported=REPORTED.get(name))
        bars["test accuracy"][name] = result.rows[-1].ours["test accuracy"]
        bars["seconds"][name] = [sum(net.history_["seconds"]) for net in nets]
    for what, found in bars.items():
        result.picture(
            what.replace(" ", "_"), BarsDisplay(found, name=what, group_name="hidden layers").plot()
        )
    return result
