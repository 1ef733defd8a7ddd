"""Initial weights: seven ways to draw them, the same net and the same images."""

from .one_digit import CURVES, images_of_one_digit, one_digit_net
from .result import Result

ID, TITLE = "C12", "Initial weights of 784-4-4-1"
STARTS = {
    "Xavier uniform": "xavier_uniform", "constant 0.01": 0.01, "Kaiming uniform": "kaiming_uniform",
    "Kaiming normal": "kaiming_normal", "orthogonal": "orthogonal", "PyTorch's default": "torch",
    "random": "random",
}  # fmt: skip
FIGURES = [  # training and validation accuracy, training and validation loss
    (0.974, 0.939, 0.084, 0.151), (0.967, 0.946, 0.110, 0.143), (0.973, 0.941, 0.086, 0.148),
    (0.973, 0.946, 0.087, 0.136), (0.971, 0.935, 0.093, 0.156), (0.972, 0.940, 0.089, 0.145),
    (0.942, 0.937, 0.173, 0.179),
]  # fmt: skip
REPORTED = {
    name: dict(zip(CURVES, figures, strict=True)) for name, figures in zip(STARTS, FIGURES, strict=True)
}
WHY = {"constant 0.01": "with constant weights the units of a layer differ by their biases only"}
SIZES = {"tiny": (600, 1), "quick": (12000, 30), "full": (None, 100)}  # images, epochs
CONCLUSIONS = {
    "standard normal weights learn slowest of those drawn": lambda r: (
        r.value("random", "training accuracy")
        < min(
            r.value(name, "training accuracy") for name in STARTS if name not in ("random", "constant 0.01")
        )
    ),
}
ONLY = {
    "standard normal weights learn slowest of those drawn": (
        "originals", "of 64 inputs, not 784, sums by such weights are small enough to learn from"
    ),
}  # fmt: skip


def run(size="quick", seed=0, n_threads=None, rate=0.1, epochs=None):
    """Run C12; return its `Result`."""
    images, epochs = images_of_one_digit(*SIZES[size], epochs)
    result = Result(ID, TITLE, images.note, size, seed, reported=REPORTED, why=WHY)
    nets = {}
    for name, start in STARTS.items():
        how = dict(rate=rate, momentum=0.1, epochs=epochs, batch_size=100, n_threads=n_threads)
        nets[name] = one_digit_net(images, (4, 4), seed, initializer=start, **how)
        result.add_models(name, nets[name], CURVES)
    result.compare(nets, "accuracy", "val_loss")
    return result
