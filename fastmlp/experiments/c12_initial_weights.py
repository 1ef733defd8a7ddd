"""Initial weights: seven ways to draw them, the same net and the same images."""

from .. import initializers
from ..plots import CompareRunsDisplay
from .one_digit import CURVES, images_of_one_digit, one_digit_net
from .result import Result

ID, TITLE = "C12", "Initial weights of 784-4-4-1"
# training accuracy and loss, validation accuracy and loss
REPORTED = {
    "Xavier uniform": ("xavier_uniform", (0.974, 0.939, 0.084, 0.151)),
    "constant 0.01": (0.01, (0.967, 0.946, 0.110, 0.143)),
    "Kaiming uniform": ("kaiming_uniform", (0.973, 0.941, 0.086, 0.148)),
    "Kaiming normal": ("kaiming_normal", (0.973, 0.946, 0.087, 0.136)),
    "orthogonal": ("orthogonal", (0.971, 0.935, 0.093, 0.156)),
    "PyTorch's default": ("torch", (0.972, 0.940, 0.089, 0.145)),
    "random": ("random", (0.942, 0.937, 0.173, 0.179)),
}
WHY = "with constant weights the units of a layer differ by their biases only"
CONCLUSIONS = {
    "standard normal weights learn slowest of those drawn": lambda r: (
        r.value("random", "training accuracy")
        == min(value for name, value in r.values("training accuracy").items() if name != "constant 0.01")
    ),
}


def run(size="quick", seed=0, n_threads=None, rate=0.1, epochs=None):
    """Run C12; return its `Result`."""
    n_train, usual = {"tiny": (600, 1), "quick": (12000, 30), "full": (None, 100)}[size]
    images = images_of_one_digit(n_train)
    result = Result(ID, TITLE, images.note, size, seed)
    nets = {}
    for name, (start, figures) in REPORTED.items():
        how = dict(rate=rate, momentum=0.1, epochs=epochs or usual, batch_size=100, n_threads=n_threads)
        nets[name] = one_digit_net(images, (4, 4), seed, initializer=initializers.get(start), **how)
        why = WHY if name.startswith("constant") else ""
        reported = dict(zip(CURVES, figures, strict=True))
        result.add_models(name, [nets[name]], CURVES, reported=reported, why=why)
    for key in ("accuracy", "val_loss"):
        result.picture(key, CompareRunsDisplay.from_estimators(nets, key=key))
    return result
