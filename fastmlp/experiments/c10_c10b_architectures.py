"""Architectures on one digit against the rest, and what becomes of nets whose weights all start alike.

Units of a layer that start with the same weights get the same gradient, and stay alike for ever: 50 of them
are one. Random biases part them, but in deep sigmoid nets too little to learn by. Drawn again, the weights
lead to another result; kept, to the same.
"""

from ..plots import CompareRunsDisplay
from .one_digit import CURVES, images_of_one_digit, one_digit_net
from .result import Result

ID, TITLE = "C10", "Architectures and constant weights, one digit against the rest"
# training and validation accuracy, training and validation loss
REPORTED = {
    "4": (0.929, 0.102, 0.198, 1.775),
    "4-4": (0.960, 0.793, 0.113, 0.382),
    "4-4-4": (0.973, 0.706, 0.086, 0.526),
    "4-4-4-4": (0.973, 0.412, 0.085, 1.003),
    "10-10": (0.981, 0.756, 0.076, 0.711),
    "32-64": (0.989, 0.506, 0.038, 1.814),
    "50-50-50": (0.993, 0.437, 0.024, 1.895),
}
CONSTANT = {
    "4-4, sigmoid": 0.8978, "4-4-4, sigmoid": 0.8978, "10-10-10, sigmoid": 0.8978,
    "4-4, tanh": 0.983, "50-50-50, tanh": 0.973, "50-50-50, relu": 0.982, "4-4, relu": 0.978,
}  # fmt: skip
LEARNS = "theirs stays at the constant answer; but with constant weights 4-4 learns in the reports of C12 too"
WHY = "validation accuracies below that of the constant 0 (0.898) do not reproduce"
CONCLUSIONS = {
    "more weights fit the training images better": lambda r: (
        r.value("4", "training accuracy") < r.value("50-50-50", "training accuracy") + 0.02
    ),
    "deep sigmoid nets of constant weights stay at the constant answer": lambda r: (
        abs(r.value("10-10-10, sigmoid, constant", "training accuracy") - 0.898) < 0.02
    ),
    "the same weights lead to the same result": lambda r: (
        r.value("4-4, weights kept", "spread of the training loss") == 0
    ),
    "others lead to another": lambda r: (
        r.value("4-4, weights drawn again", "spread of the training loss") > 0
    ),
}


def run(size="quick", seed=0, n_threads=None, rate=0.05, epochs=None, runs=3):
    """Run C10 and C10b; return their `Result`."""
    n_train, usual = {"tiny": (600, 1), "quick": (12000, 100), "full": (None, 100)}[size]
    images = images_of_one_digit(n_train)
    result = Result(ID, TITLE, images.note, size, seed)
    how = dict(epochs=epochs or usual, batch_size=100, momentum=0.1, n_threads=n_threads)
    nets = {}
    for name, figures in REPORTED.items():
        nets[name] = one_digit_net(images, widths_of(name), seed, rate=rate, **how)
        result.add_models(
            name, [nets[name]], CURVES, reported=dict(zip(CURVES, figures, strict=True)), why=WHY
        )
    for name, accuracy in CONSTANT.items():
        widths, activation = name.split(", ")
        activation = {"sigmoid": "logistic"}.get(activation, activation)
        start = dict(activation=activation, initializer=0.01, rate=0.1)
        net = one_digit_net(images, widths_of(widths), seed, **start, **how)
        told = dict(reported={"training accuracy": accuracy}, why=LEARNS if name == "4-4, sigmoid" else "")
        result.add_models(f"{name}, constant", [net], CURVES, **told)
    for name, seeds in (("kept", [seed] * runs), ("drawn again", range(seed, seed + runs))):
        again = [one_digit_net(images, (4, 4), one, rate=rate, **how) for one in seeds]
        losses = [net.history_["loss"][-1] for net in again]
        spread = {"spread of the training loss": max(losses) - min(losses)}
        result.add_models(f"4-4, weights {name}", again, CURVES, extra=spread)
    for key in ("accuracy", "val_accuracy", "val_loss"):
        result.picture(key, CompareRunsDisplay.from_estimators(nets, key=key, title="hidden layers"))
    return result


def widths_of(name):
    """Return the widths that a name such as "4-4" says."""
    return tuple(map(int, name.split("-")))
