"""The rows that are trained on, and the weights that all peers start from."""

from functools import lru_cache
from itertools import pairwise

import numpy as np

XOR = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]], np.float32), np.array([[-1], [1], [1], [-1]], np.float32)


@lru_cache
def load_images():
    """Return 60000 uint8 images of 784 pixels, their labels and a description.

    A benchmark downloads nothing: MNIST is taken where it lies already. Where it does not, each class is a
    blob of pixels of which some are missing in each image, so that as many are 0 as in MNIST.
    """
    from fastmlp import datasets

    try:
        (x, y), _ = datasets.load_mnist(download=False)
        return x.reshape(len(x), -1), y, "MNIST, 60000 rows of 784 pixels"
    except FileNotFoundError:
        random = np.random.RandomState(0)
        blobs = np.stack([np.roll(np.arange(784) < 200, 60 * k) for k in range(10)])
        y = random.randint(0, 10, 60000)
        x = random.randint(1, 256, (60000, 784)).astype(np.uint8)
        x[~blobs[y] | (random.random_sample(x.shape) < 0.25)] = 0
        return x, y, "blobs like MNIST, 60000 rows of 784 pixels (MNIST not found: set FASTMLP_DATA)"


@lru_cache(2)
def rows(source, n_rows, n_features, n_outputs, density=1.0):
    """Return float32 inputs (n_rows, n_features), and integer labels or a column of targets.

    Parameters
    ----------
    source : {"xor", "images", "glyphs", "normal"}
        Of "normal" values, where `density` is below 1, the others are 0; labels are those of a linear
        teacher.
    """
    if source == "xor":
        return XOR
    if source == "images":
        images, labels, _ = load_images()
        x = np.ascontiguousarray(images[:n_rows], np.float32)
        x /= np.float32(255)
        return x, labels[:n_rows].astype(np.int64)
    random = np.random.RandomState(0)
    if source == "glyphs":
        from fastmlp.datasets import load_glyphs

        clean, _ = load_glyphs()
        y = random.permutation(n_rows) % 10
        x = clean.reshape(10, 35)[y] + 0.3 * random.standard_normal((n_rows, 35))
        return x.astype(np.float32), y
    teacher = random.standard_normal((n_features, n_outputs)).astype(np.float32)
    x = np.random.default_rng(0).standard_normal((n_rows, n_features), np.float32)
    if density < 1:
        x[random.random_sample(x.shape) >= density] = 0
    return x, (x @ teacher).argmax(axis=1)


def one_hot(y, n_classes):
    """Return targets as float32 columns; those that are columns already as they are."""
    return y if y.ndim == 2 else np.eye(n_classes, dtype=np.float32)[y]


def initial_weights(sizes, seed=0):
    """Return [W, b, W, b, ...] in float32, uniform in Glorot's bounds."""
    random_state = np.random.RandomState(seed)
    weights = []
    for n_in, n_out in pairwise(sizes):
        bound = np.sqrt(6 / (n_in + n_out))
        weights.append(random_state.uniform(-bound, bound, (n_in, n_out)).astype(np.float32))
        weights.append(random_state.uniform(-bound, bound, n_out).astype(np.float32))
    return weights
