"""Train a network on handwritten digits and show what it learnt: ``make demo``.

MNIST is used where it is found (``FASTMLP_DATA``, the cache) or can be downloaded, else the 1797
digits that come with scikit-learn. The pictures and the trained model are written to a folder.
"""

import argparse
import sys
from pathlib import Path

import matplotlib
import numpy as np

import fastmlp
from fastmlp import Adam, Dense, Network, datasets
from fastmlp.kernels import training
from fastmlp.plots import ConfusionMatrixDisplay, LossCurveDisplay

HIDDEN = (256, 128, 64)


def load_digits():
    """Return the data, its name, its largest pixel value, and the settings of `fit` that suit it."""
    try:
        data = datasets.load_mnist()
    except FileNotFoundError as error:
        print(f"{error}\n\nUsing the digits that come with scikit-learn instead.\n")
        settings = {"epochs": 30, "batch_size": 32, "n_threads": 1}
        return datasets.load_digits(), "scikit-learn's digits", 16, settings
    settings = {"epochs": 10, "batch_size": 128, "n_threads": training.usable_cores()}
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
    display.figure_.savefig(paths[0], dpi=150, bbox_inches="tight")
    LossCurveDisplay.from_estimator(model, name="cross-entropy").figure_.savefig(paths[1], dpi=150)
    return paths


def main():
    """Run the demo."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("demo-output"), help="folder to write to")
    parser.add_argument("--epochs", type=int, help="passes over the training images")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    matplotlib.use("Agg")

    ((X, y), (X_test, y_test)), name, largest, settings = load_digits()
    if options.epochs is not None:
        settings["epochs"] = options.epochs
    print(f"{name}: {len(X)} training and {len(X_test)} test images of {X.shape[1]} pixels")
    model = build(10, 1 / largest)
    samples_per_second = train(model, X, y, settings)

    y_pred = model.predict(X_test).argmax(axis=1)
    print(f"\ntest accuracy  {(y_pred == y_test).mean():.4f}")
    print(f"training time  {sum(model.history_['seconds']):.2f} s, {samples_per_second:,.0f} samples/s")
    print(f"backend        {fastmlp.backend()}, {settings['n_threads']} thread(s)")

    model_path = options.output / "digits.safetensors"
    fastmlp.save(model, model_path)
    again = fastmlp.load(model_path)
    if not np.array_equal(again.predict(X_test), model.predict(X_test)):
        sys.exit(f"the model read back from {model_path} predicts differently")
    print("\nwritten, and the model read back predicts the same:")
    for path in (*write_pictures(model, y_test, y_pred, options.output), model_path):
        print(f"  {path.resolve()}")


if __name__ == "__main__":
    main()
