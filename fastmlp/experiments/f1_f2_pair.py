"""Motorbikes against aeroplanes by regression to 0 and 1: a linear net, and one with 100 hidden ReLU.

Training ends where the training error has not moved by more than a threshold over the last 50 epochs.
"""

from .. import SGD, Dense, Network, _checks
from ..plots import ImagesDisplay, LossCurveDisplay
from . import data
from .result import Result

ID, TITLE = "F1", "Regression to a class vector, without and with a hidden layer"
REPORTED = {"linear": {"test error": "curves"}, "100 ReLU": {"test error": "curves"}}
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


def run(size="quick", seed=0, n_threads=None, rates=(0.001, 0.01), most_epochs=None, least=1e-3):
    """Run F1 and F2; return their `Result`."""
    most_epochs = most_epochs or {"tiny": 3, "quick": 300, "full": 2000}[size]
    images = data.pair(seed)
    result = Result(ID, TITLE, images.note, size, seed)
    nets = {"linear": [Dense(1)], "100 ReLU": [Dense(100, "relu"), Dense(1)]}
    for (name, layers), rate in zip(
        nets.items(), _checks.check_as_many("rates", rates, len(nets)), strict=True
    ):
        net = Network(layers, random_state=seed, input_scale=images.scale)
        net.fit(
            images.X, images.y, loss="mse", optimizer=SGD(rate), epochs=most_epochs, batch_size=32,
            n_threads=n_threads, callbacks=[Settled(least)],
            validation_data={"test": (images.X_test, images.y_test)},
        )  # fmt: skip
        extra = {
            "epochs": len(net.loss_curve_),
            "test accuracy": net.score(images.X_test, images.y_test),
            "training accuracy": net.score(images.X, images.y),
        }
        curves = {"training error": "loss", "test error": "test_loss"}
        result.add_models(name, [net], curves, extra=extra, reported=REPORTED[name])
        result.picture(name.replace(" ", "_"), LossCurveDisplay.from_estimator(net, log=True))
    shown = ImagesDisplay(images.X[:16], [str(label) for label in images.y[:16]], image_shape=images.shape)
    result.picture("images", shown.plot())
    return result
