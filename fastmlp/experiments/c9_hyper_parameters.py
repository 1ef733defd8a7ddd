"""Momentum, learning rate, batch size and epochs, nine settings, on one digit against the rest."""

from .one_digit import CURVES, images_of_one_digit, one_digit_net
from .result import Result

ID, TITLE = "C9", "Hyper-parameters of 784-4-4-1 on one digit against the rest"
# momentum, learning rate, batch size, epochs: training and validation loss as reported
SETTINGS = {
    (0.5, 0.07, 100, 100): (0.1, 0.65),
    (0.1, 0.07, 100, 100): (0.12, 0.21),
    (0.1, 0.01, 100, 100): (0.09, 0.42),
    (0.1, 0.05, 100, 100): (0.1, 0.45),
    (0.1, 0.1, 1000, 100): (0.19, 0.16),
    (0.1, 0.1, 1000, 10): (0.30, 0.34),
    (0.1, 1e-6, 1000, 10): (0.84, 0.84),
    (0.1, 0.07, 1000, 100): (0.11, 0.13),
    (0.0, 0.1, 1000, 100): (0.1, 0.12),
}
WHY = "validation losses that rise so early at batch 100 do not reproduce"
STARTS = "the loss of the weights drawn, which steps so small do not change: theirs were others"
SIZES = {"tiny": (600, 0.02), "quick": (6000, 1), "full": (None, 1)}  # images, part of the epochs
CONCLUSIONS = {
    "a rate of 1e-6 learns nothing in 10 epochs": lambda r: (
        r.value("momentum 0.1, rate 1e-06, batch 1000, 10 epochs", "validation accuracy") < 0.95
    ),
    "small batches learn more in as many epochs": lambda r: (
        r.value("momentum 0.1, rate 0.07, batch 100, 100 epochs", "training loss")
        < r.value("momentum 0.1, rate 0.07, batch 1000, 100 epochs", "training loss")
    ),
}


def run(size="quick", seed=0, n_threads=None, momentum=None, rate=None, widths=(4, 4)):
    """Run C9; return its `Result`. `momentum` or `rate`, where given, replace those of all settings."""
    n_train, part = SIZES[size]
    images, _ = images_of_one_digit(n_train, epochs=1)
    result = Result(ID, TITLE, images.note, size, seed)
    nets = {}
    for (m, r, batch_size, epochs), losses in SETTINGS.items():
        m, r = m if momentum is None else momentum, r if rate is None else rate
        name = f"momentum {m:g}, rate {r:g}, batch {batch_size}, {epochs} epochs"
        result.reported[name] = dict(zip(("training loss", "validation loss"), losses, strict=True))
        result.why[name] = WHY if batch_size == 100 else STARTS if r < 1e-3 else ""
        how = dict(epochs=max(1, int(epochs * part)), batch_size=batch_size, n_threads=n_threads)
        nets[name] = one_digit_net(images, widths, seed, momentum=m, rate=r, **how)
        result.add_models(name, nets[name], CURVES)
    result.compare(nets, "loss", "val_loss", "val_accuracy")
    return result
