"""Small nets on photographs: three losses, with and without a hidden layer, and a penalty on the weights.

Pixels are centred by the training images' mean and divided by their standard deviation. A penalty λ Σ W²
keeps the weights small; it is added once to the mean loss, so that its gradient is 2 λ W whatever the batch's
size.
"""

import numpy as np

from .. import SGD, Dense, Network
from ..plots import CompareRunsDisplay, ImagesDisplay
from . import data
from .result import Result

ID, TITLE = "D1", "CIFAR-10: losses, hidden layers, penalties"
LOSSES = {"MSE": ("mse", "identity"), "hinge": ("hinge", "identity"), "softmax": (None, "softmax"),
          "MSE, sigmoid outputs": ("mse", "logistic")}  # fmt: skip
REPORTED = {
    "100 sigmoid, MSE": "30 %", "100 sigmoid, hinge": "30 %", "100 sigmoid, softmax": "38 %",
    "100 ReLU, MSE": "35 %", "100 ReLU, softmax": "25 %",
    "100-100 sigmoid, MSE": "33 %", "100-100 sigmoid, hinge": "33 %", "100-100 sigmoid, softmax": "33 %",
    "no hidden layer, softmax": "23 to 25 %",
}  # fmt: skip
WHY = "the rates stated learn next to nothing in as many epochs: ours are larger"
CONCLUSIONS = {
    "a softmax learns more than nothing": lambda r: r.value("100 sigmoid, softmax", "test accuracy") > 0.2,
    "a hidden layer of ReLU gains by it": lambda r: (
        r.value("100 ReLU, softmax", "training accuracy")
        > r.value("no hidden layer, softmax", "training accuracy") - 0.05
    ),
}
HIDDEN = {
    "100 sigmoid": ((100, "logistic"),),
    "100 ReLU": ((100, "relu"),),
    "100-100 sigmoid": ((100, "logistic"), (100, "logistic")),
    "no hidden layer": (),
}
BATCH = 100  # which divides the number of images: each step's penalty counts as much
RATES = {"mse": 0.02, "hinge": 0.001, None: 0.01}


def run(size="quick", seed=0, n_threads=None, penalty=1e-3, epochs=None):
    """Run D1, D2 and D3; return their `Result`."""
    n_train, n_test, usual = {"tiny": (200, 50, 1), "quick": (2000, 1000, 15), "full": (5000, 2000, 50)}[size]
    images = data.photographs().some(n_train, n_test)
    n = len(images.X) // BATCH * BATCH
    mean, std = images.X[:n].mean(axis=0), images.X[:n].std() or 1.0
    X, X_test = ((pixels - mean).astype(np.float32) / std for pixels in (images.X[:n], images.X_test))
    result = Result(ID, TITLE, images.note, size, seed)
    nets = {}
    for hidden, layers in HIDDEN.items():
        for name, (loss, output) in LOSSES.items():
            if name.startswith("MSE, ") and hidden != "100 sigmoid":
                continue
            l2 = 2 * penalty * BATCH  # a layer's l2 is l2 / 2 Σ W², divided by the batch's size
            last = Dense(10, output, l2=l2)
            net = Network([*(Dense(units, f, l2=l2) for units, f in layers), last], random_state=seed)
            net.fit(
                X, images.y[:n], loss=loss, optimizer=SGD(RATES[loss]), epochs=epochs or usual,
                batch_size=BATCH, n_threads=n_threads, metrics=["accuracy"],
                validation_data={"test": (X_test, images.y_test)},
            )  # fmt: skip
            setting = f"{hidden}, {name}"
            reported = {"test accuracy": REPORTED[setting]} if setting in REPORTED else None
            curves = {"training accuracy": "accuracy", "test accuracy": "test_accuracy"}
            result.add_models(setting, [net], curves, reported=reported, why=WHY if reported else "")
            nets[setting] = net
    for key in ("loss", "test_accuracy"):
        result.picture(key, CompareRunsDisplay.from_estimators(nets, key=key))
    result.picture("images", ImagesDisplay(images.X[:20], images.y[:20], image_shape=images.shape).plot())
    return result
