"""What the lessons on images share: a net trained on them, and what is told of it."""

from .. import Network

CURVES = {
    "training accuracy": "accuracy", "test accuracy": "test_accuracy",
    "training loss": "loss", "test loss": "test_loss",
}  # fmt: skip


def trained(images, layers, seed, *, test="test", metrics=("accuracy",), **how):
    """Return a network fitted to images, with its curves on training and test images in `history_`.

    Parameters
    ----------
    images : data.Images
    layers : sequence of Layer
    seed : int
    test : str, default="test"
        What the images beside the training ones are called.
    metrics
        See `Network.fit`.
    **how
        Of `Network.fit`.
    """
    net = Network(layers, random_state=seed, input_scale=images.scale)
    validation = {test: (images.X_test, images.y_test)}
    return net.fit(images.X, images.y, metrics=metrics, validation_data=validation, **how)
