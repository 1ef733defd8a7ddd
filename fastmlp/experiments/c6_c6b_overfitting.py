"""Too few samples, too few epochs, and enough of both, with the same small net.

With 500 images the net learns them by heart: its error on them goes to 0 and on others stays. With all images
for few epochs it has not learned yet. With all of them and a hundred epochs training and test curves stay
side by side: a net of 8000 weights cannot learn 60000 images by heart.
"""

from .. import SGD, Dense
from . import data
from .result import Result
from .training import CURVES, trained

ID, TITLE = "C6", "Overfitting, underfitting and neither: 784-10-10, plain gradient descent 0.01"
REPORTED = {
    "500 images": {"seconds": "284.27", "test accuracy": "falls short of what the net can do"},
    "few epochs": {"seconds": "190.66", "test accuracy": "falls short of what the net can do"},
    "all": {"test accuracy": "no overfitting where the data set is large"},
}
SIZES = {"tiny": (300, 50, 3, 1), "quick": (10000, 2000, 200, 2), "full": (None, None, 100, 10)}
# images to train on, to test; epochs, and few of them
CONCLUSIONS = {
    "500 images are overfitted": lambda r: gap(r, "500 images") > 0.05,
    "all are overfitted less": lambda r: gap(r, "all") < gap(r, "500 images"),
    "enough of both tells most digits right": lambda r: (
        max(by := r.values("test accuracy"), key=by.get) == "all"
    ),
}


def gap(result, setting):
    """Return by how much the training accuracy is above the test accuracy."""
    return result.value(setting, "training accuracy") - result.value(setting, "test accuracy")


def run(size="quick", seed=0, n_threads=None, rate=0.01):
    """Run C6 and C6b; return their `Result`."""
    n_train, n_test, long, short = SIZES[size]
    images = data.digits().some(n_train, n_test)
    result = Result(ID, TITLE, images.note, size, seed, reported=REPORTED)
    few = images.some(500, None)
    settings = {"500 images": (few, long), "few epochs": (images, short), "all": (images, long)}
    for name, (some, epochs) in settings.items():
        layers = [Dense(10, "logistic"), Dense(10, "logistic")]
        how = dict(loss="delta_rule", optimizer=SGD(rate), epochs=epochs, batch_size=1)
        net = trained(some, layers, seed, **how)
        result.add_models(name, net, CURVES)
        result.curves(net, "accuracy", name=name)
    return result
