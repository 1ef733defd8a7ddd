"""``fastmlp demo``: train a network on handwritten digits and show what it learnt.

MNIST is used where it is found (``FASTMLP_DATA``, the cache) or can be downloaded, else the 1797
digits that come with scikit-learn. The pictures and the trained model are written to a folder.
"""

import numpy as np

from .. import Adam, Dense, Network, backend, datasets, load, save
from ..kernels.threads import usable_cores
from ..plots import ConfusionMatrixDisplay, LossCurveDisplay
from .command import pictures
from .files import new_folder, png, write

HIDDEN = (256, 128, 64)


def load_digits():
    """Return the data, its name, its largest pixel value, and the settings of `fit` that suit it."""
    try:
        data = datasets.load_mnist()
    except FileNotFoundError:
        print("MNIST is neither here (FASTMLP_DATA, the cache) nor can be downloaded: smaller digits instead")
        settings = {"epochs": 30, "batch_size": 32, "n_threads": 1}
        return datasets.load_digits(), "scikit-learn's digits", 16, settings
    settings = {"epochs": 10, "batch_size": 128, "n_threads": usable_cores()}
    return data, "MNIST", 255, settings


def build(n_classes, input_scale):
    """Return an untrained classifier of images."""
    model = Network(random_state=0, input_scale=input_scale)
    for units in HIDDEN:
        model.add(Dense(units=units, activation="relu"))
    model.add(Dense(units=n_classes, activation="softmax"))
    return model


def train(model, X, y, settings):
    """Train on nine tenths of the samples and watch the loss of the rest; return samples per second."""
    n = len(X) * 9 // 10
    model.fit(
        X[:n],
        y[:n],
        loss="categorical_crossentropy",
        optimizer=Adam(0.001),
        validation_data=(X[n:], y[n:]),
        metrics=("accuracy",),
        verbose=1,
        **settings,
    )
    return n * settings["epochs"] / sum(model.history_["seconds"])


def write_pictures(model, y_true, y_pred, folder):
    """Write the confusion matrix and the loss curve; return their paths."""
    paths = folder / "confusion_matrix.png", folder / "loss_curve.png"
    display = ConfusionMatrixDisplay.from_predictions(y_true, y_pred, colorbar=False, cmap="Blues")
    display.ax_.set_title(f"{(y_true == y_pred).mean():.2%} of {len(y_true)} test images right")
    curve = LossCurveDisplay.from_estimator(model, name="cross-entropy")
    for path, figure in zip(paths, (display.figure_, curve.figure_), strict=True):
        write(path, png(figure))
    return paths


def run(options):
    """Run the demo."""
    folder = new_folder(options.output)
    pictures()

    ((X, y), (X_test, y_test)), name, largest, settings = load_digits()
    if options.epochs is not None:
        settings["epochs"] = options.epochs
    print(f"{name}: {len(X)} training and {len(X_test)} test images of {X.shape[1]} pixels")
    model = build(10, 1 / largest)
    samples_per_second = train(model, X, y, settings)

    y_pred = model.predict(X_test).argmax(axis=1)
    print(f"\ntest accuracy  {(y_pred == y_test).mean():.4f}")
    print(f"training time  {sum(model.history_['seconds']):.2f} s, {samples_per_second:,.0f} samples/s")
    print(f"backend        {backend()}, {settings['n_threads']} thread(s)")

    model_path = folder / "digits.safetensors"
    save(model, model_path)
    if not np.array_equal(load(model_path).predict(X_test), model.predict(X_test)):
        raise RuntimeError(f"the model read back from {model_path} predicts differently")
    print("\nwritten, and the model read back predicts the same:")
    for path in (*write_pictures(model, y_test, y_pred, folder), model_path):
        print(f"  {path.resolve()}")
