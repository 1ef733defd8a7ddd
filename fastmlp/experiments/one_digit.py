"""What the lessons on one digit against the rest share: the images, and a net in their words."""

from .. import Dense, Momentum
from ..datasets import one_against_rest
from . import data
from .training import trained

DIGIT = 3
CURVES = {
    "training accuracy": "accuracy", "validation accuracy": "val_accuracy",
    "training loss": "loss", "validation loss": "val_loss",
}  # fmt: skip


def images_of_one_digit(n_train=None, usual=1, epochs=None):
    """Return images labelled 1 where they show the digit, and the epochs, as `data.Images.at` does.

    A sixth of the training images is cut off to validate.
    """
    images, epochs = data.digits().at(n_train, 1, usual, epochs)
    y, n = one_against_rest(images.y, DIGIT), len(images.X) * 5 // 6
    note = images.note.replace(
        f"{len(y)} to train on and {len(images.X_test)} to test",
        f"{n} to train on and {len(y) - n} to validate, {DIGIT} against the rest",
    )
    cut = images._replace(X=images.X[:n], y=y[:n], X_test=images.X[n:], y_test=y[n:], note=note)
    return cut, epochs


def one_digit_net(
    images, widths, seed, *, rate, momentum=0.0, activation="logistic", initializer=None, **how
):
    """Return a net with one logistic output, trained on such images.

    Parameters
    ----------
    widths : sequence of int
        Of the hidden layers.
    rate, momentum : float
        `momentum` as PyTorch's; its velocity gathers gradients, not steps.
    initializer
        Of all weights; None: PyTorch's default. Biases are PyTorch's always.
    **how
        Of `Network.fit`.
    """
    start = dict(initializer="torch" if initializer is None else initializer, bias_initializer="torch")
    layers = [*(Dense(width, activation, **start) for width in widths), Dense(1, "logistic", **start)]
    return trained(images, layers, seed, test="val", optimizer=Momentum(rate, momentum), **how)
