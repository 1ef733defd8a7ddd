"""What the lessons on images share: nets trained on them, and what is told of these."""

from copy import deepcopy

from .. import Network

CURVES = {
    "training accuracy": "accuracy", "test accuracy": "test_accuracy",
    "training loss": "loss", "test loss": "test_loss",
}  # fmt: skip


def trained(images, layers, seed, *, reg=None, test="test", metrics=("accuracy",), **how):
    """Return a network fitted to images, with its curves on training and test images in `history_`.

    Parameters
    ----------
    images : data.Images
    layers : sequence of Layer
    seed : int
    reg : L1 or L2, default=None
        A penalty on all weights, see `Network`.
    test : str, default="test"
        What the images beside the training ones are called.
    metrics
        See `Network.fit`.
    **how
        Of `Network.fit`.
    """
    net = Network(layers, random_state=seed, input_scale=images.scale, reg=reg)
    validation = {test: (images.X_test, images.y_test)}
    return net.fit(images.X, images.y, metrics=metrics, validation_data=validation, **how)


def repeated(runs, images, layers, seed, **how):
    """Return so many networks with the same layers, `trained` from different weights."""
    return [trained(images, deepcopy(layers), seed + k, **how) for k in range(runs)]
