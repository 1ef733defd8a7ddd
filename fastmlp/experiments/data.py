"""Data of the experiments: the originals where they are at hand, else a stand-in; which one is said."""

import csv
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .. import datasets
from .row import IN_PLACE

ROWS_FILE = "TP3-ej2-conjunto.csv"


class Images(NamedTuple):
    """Training and test images.

    Attributes
    ----------
    X, y, X_test, y_test : ndarray
        Bytes (floats where they are `centred`), and labels.
    scale : float
        What a network multiplies its input by, for pixels from 0 to 1.
    shape : tuple of int
        Of an image.
    note : str
        What they are.
    stands_for : int
        How many training images the set has that they are, or are in the place of.
    """

    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    scale: float
    shape: tuple
    note: str
    stands_for: int

    def at(self, n_train, n_test, usual, epochs=None):
        """Return so many of each, and for how many epochs to train on them.

        Parameters
        ----------
        n_train, n_test : int or None
            None stands for all.
        usual : int
            How many epochs on so many images. A stand-in with fewer of them has as many times more epochs,
            for as many steps.
        epochs : int, default=None
            How many there are to be in any case.
        """
        cut = self.some(n_train, n_test)
        times = 1 if epochs else max(1, (n_train or self.stands_for) // len(cut.X))
        if times > 1:
            cut = cut._replace(note=f"{cut.note}, {times} times as many epochs for as many steps")
        return cut, epochs or usual * times

    def centred(self):
        """Return them minus the training images' mean, over their standard deviation."""
        mean, std = self.X.mean(axis=0), self.X.std() or 1.0
        X, X_test = ((pixels - mean).astype(np.float32) / std for pixels in (self.X, self.X_test))
        return self._replace(X=X, X_test=X_test, scale=1.0)

    def some(self, n_train, n_test):
        """Return so many of each, spread over all of them; None stands for all."""
        train, test = spread(len(self.X), n_train), spread(len(self.X_test), n_test)
        cut = self._replace(
            X=self.X[train], y=self.y[train], X_test=self.X_test[test], y_test=self.y_test[test]
        )
        return cut._replace(note=f"{self.note}, {len(cut.X)} to train on and {len(cut.X_test)} to test")


def spread(n, wanted):
    """Return a slice of about so many of n rows, each as far from the next."""
    return slice(None, wanted and wanted * max(1, n // wanted), wanted and max(1, n // wanted))


def digits():
    """Return MNIST, or scikit-learn's digits of 8 x 8 pixels where it is neither here nor to be had."""
    try:
        (X, y), (X_test, y_test) = datasets.load_mnist()
    except FileNotFoundError:
        (X, y), (X_test, y_test) = datasets.load_digits()
        return Images(X, y, X_test, y_test, 1 / 16, (8, 8), f"scikit-learn's digits {IN_PLACE} MNIST", 60000)
    return Images(X, y, X_test, y_test, 1 / 255, (28, 28), "MNIST", len(X))


def photographs():
    """Return CIFAR-10, or scikit-learn's digits where it is neither here nor to be had."""
    try:
        (X, y), (X_test, y_test) = datasets.load_cifar10()
    except FileNotFoundError:
        (X, y), (X_test, y_test) = datasets.load_digits()
        return Images(
            X, y, X_test, y_test, 1 / 16, (8, 8), f"scikit-learn's digits {IN_PLACE} CIFAR-10", 50000
        )
    return Images(X, y, X_test, y_test, 1 / 255, (3, 32, 32), "CIFAR-10", len(X))


def pair(seed=0):
    """Return aeroplanes and motorbikes, split 75 to 25, or the digits 4 and 9 in their place."""
    try:
        X, y = datasets.load_caltech_pair()
    except FileNotFoundError:
        (X, y), (X_test, y_test) = datasets.load_digits()
        train, test = np.isin(y, (4, 9)), np.isin(y_test, (4, 9))
        labels = datasets.one_against_rest(y[train], 9), datasets.one_against_rest(y_test[test], 9)
        note = f"scikit-learn's digits 4 and 9 {IN_PLACE} Caltech-101's pair"
        return Images(X[train], labels[0], X_test[test], labels[1], 1 / 16, (8, 8), note, 1198)
    order = np.random.RandomState(seed).permutation(len(X))
    train, test = np.split(order, [len(X) * 3 // 4])
    return Images(
        X[train], y[train], X[test], y[test], 1 / 255, (32, 32),
        "Caltech-101's aeroplanes and motorbikes", len(train),
    )  # fmt: skip


def glyphs():
    """Return the ten glyphs of 5 x 7 pixels as rows, their digits, and what they are."""
    X, y = datasets.load_glyphs()
    return X.reshape(10, 35).astype(np.float64), y.astype(np.int64), "ten glyphs of our own"


def regression_rows():
    """Return 28 rows of three inputs, their targets, and what they are."""
    root = os.environ.get("FASTMLP_DATA")
    for path in (Path(root) / "itba" / ROWS_FILE, Path(root) / ROWS_FILE) if root else ():
        if path.is_file():
            with open(path, newline="", encoding="utf-8") as file:
                rows = np.array(list(csv.reader(file))[1:], float)
            return rows[:, :3], rows[:, 3], "the 28 rows of the reports"
    random = np.random.RandomState(0)  # a saturating curve and a little noise, as theirs
    X = np.round(random.uniform(-2, 4, (28, 3)), 2)
    y = 45 + 42 * np.tanh(0.45 * (X @ [1.0, -0.7, 0.4] - 0.5)) + random.normal(0, 1.5, 28)
    return X, y, f"28 generated rows {IN_PLACE} those of the reports"
