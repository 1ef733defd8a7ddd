"""Architectures on one digit against the rest, and what becomes of nets whose weights all start alike.

Units of a layer that start with the same weights get the same gradient, and stay alike for ever: 50 of them
are one. Random biases part them, but in deep sigmoid nets too little to learn by. Drawn again, the weights
lead to another result; kept, to the same.
"""

from .one_digit import CURVES, images_of_one_digit, one_digit_net
from .result import Result

ID, TITLE = "C10", "Architectures and constant weights, one digit against the rest"
# training and validation accuracy, training and validation loss
DRAWN = {
    "4": (0.929, 0.102, 0.198, 1.775),
    "4-4": (0.960, 0.793, 0.113, 0.382),
    "4-4-4": (0.973, 0.706, 0.086, 0.526),
    "4-4-4-4": (0.973, 0.412, 0.085, 1.003),
    "10-10": (0.981, 0.756, 0.076, 0.711),
    "32-64": (0.989, 0.506, 0.038, 1.814),
    "50-50-50": (0.993, 0.437, 0.024, 1.895),
}
CONSTANT = {  # all weights 0.01, a learning rate of 0.1: training accuracy
    "4-4, sigmoid, constant": 0.8978, "4-4-4, sigmoid, constant": 0.8978,
    "10-10-10, sigmoid, constant": 0.8978,
    "4-4, tanh, constant": 0.983, "50-50-50, tanh, constant": 0.973,
    "4-4, relu, constant": 0.978, "50-50-50, relu, constant": 0.982,
}  # fmt: skip
REPORTED = {
    **{name: dict(zip(CURVES, figures, strict=True)) for name, figures in DRAWN.items()},
    **{name: {"training accuracy": accuracy} for name, accuracy in CONSTANT.items()},
}
WHY = dict.fromkeys(DRAWN, "validation accuracies below that of the constant 0 (0.898) do not reproduce")
WHY["4-4, sigmoid, constant"] = (
    "theirs stays at the constant answer; but with constant weights 4-4 learns in the reports of C12 too"
)
SIZES = {"tiny": (600, 1), "quick": (12000, 100), "full": (None, 100)}  # images, epochs
CONCLUSIONS = {
    "more weights fit the training images better": lambda r: (
        r.value("4", "training accuracy") < r.value("32-64", "training accuracy")
    ),
    "deep sigmoid nets of constant weights stay at the constant answer": lambda r: (
        abs(r.value("10-10-10, sigmoid, constant", "training accuracy") - 0.898) < 0.02
    ),
    "the same weights lead to the same result": lambda r: r.spread("4-4, weights kept", "training loss") == 0,
    "others lead to another": lambda r: r.spread("4-4, weights drawn again", "training loss") > 0,
}

ONLY = {
    "more weights fit the training images better": (
        "full", "fewer steps leave large nets of sigmoids behind small ones"
    ),
}  # fmt: skip


def run(size="quick", seed=0, n_threads=None, rate=0.05, epochs=None, runs=3):
    """Run C10 and C10b; return their `Result`."""
    images, epochs = images_of_one_digit(*SIZES[size], epochs)
    result = Result(ID, TITLE, images.note, size, seed, reported=REPORTED, why=WHY)
    how = dict(epochs=epochs, batch_size=100, momentum=0.1, n_threads=n_threads)
    drawn = {}
    for name in DRAWN:
        drawn[name] = one_digit_net(images, widths_of(name), seed, rate=rate, **how)
        result.add_models(name, drawn[name], CURVES)
    for name in CONSTANT:
        start = dict(activation=name.split(", ")[1], initializer=0.01, rate=0.1)
        result.add_models(name, one_digit_net(images, widths_of(name), seed, **start, **how), CURVES)
    for name, seeds in (("kept", [seed] * runs), ("drawn again", range(seed, seed + runs))):
        again = [one_digit_net(images, (4, 4), one, rate=rate, **how) for one in seeds]
        result.add_models(f"4-4, weights {name}", again, CURVES)
    result.compare(drawn, "accuracy", "val_accuracy", "val_loss", title="hidden layers")
    return result


def widths_of(name):
    """Return the widths that a name such as "4-4, sigmoid" says."""
    return tuple(map(int, name.split(",")[0].split("-")))
