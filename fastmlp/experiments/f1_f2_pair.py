"""Motorbikes against aeroplanes by regression to 0 and 1: a linear net, and one with 100 hidden ReLU.

Training ends where the training error has not moved by more than a threshold over the last 50 epochs.
"""

from .. import SGD, Dense
from ..plots import ImagesDisplay
from . import data
from .result import Result
from .training import trained

ID, TITLE = "F1", "Regression to a class vector, without and with a hidden layer"
REPORTED = {"linear": {"test error": "curves"}, "100 ReLU": {"test error": "curves"}}
CURVES = {
    "training error": "loss", "test error": "test_loss",
    "training accuracy": "accuracy", "test accuracy": "test_accuracy",
}  # fmt: skip
MOST_EPOCHS = {"tiny": 3, "quick": 300, "full": 2000}
CONCLUSIONS = {
    "both tell the two apart": lambda r: min(r.values("test accuracy").values()) > 0.9,
}


class Settled:
    """Stops a fit whose training error has moved by no more than `least` over the last epochs.

    Parameters
    ----------
    least : float
    epochs : int
    """

    def __init__(self, least, epochs=50):
        self.least, self.epochs = least, epochs

    def on_epoch_end(self, state):
        last = state.history["loss"][-self.epochs - 1 :]
        return len(last) > self.epochs and max(last) - min(last) <= self.least


def run(size="quick", seed=0, n_threads=None, rate=0.001, hidden_rate=0.01, most_epochs=None, least=1e-3):
    """Run F1 and F2; return their `Result`."""
    images = data.pair(seed)
    result = Result(ID, TITLE, images.note, size, seed, reported=REPORTED)
    nets = {"linear": ([Dense(1)], rate), "100 ReLU": ([Dense(100, "relu"), Dense(1)], hidden_rate)}
    for name, (layers, rate) in nets.items():
        how = dict(loss="mse", optimizer=SGD(rate), batch_size=32, n_threads=n_threads)
        until = dict(epochs=most_epochs or MOST_EPOCHS[size], callbacks=[Settled(least)])
        net = trained(images, layers, seed, **until, **how)
        result.add_models(name, net, CURVES, epochs=len(net.loss_curve_))
        result.curves(net, "loss", log=True, name=name)
    shown = ImagesDisplay(images.X[:16], images.y[:16], image_shape=images.shape)
    result.picture("images", shown.plot())
    return result
