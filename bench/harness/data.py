"""The rows that are trained on: MNIST where it is at hand, else scikit-learn's bundled digits."""

from dataclasses import replace
from functools import lru_cache
from itertools import pairwise

import numpy as np

XOR = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]], np.float32), np.array([[-1], [1], [1], [-1]], np.float32)


@lru_cache
def load_digits():
    """Return uint8 images of shape (n, n_pixels), their labels, the largest pixel value and a description.

    A benchmark downloads nothing: MNIST is taken where it lies already.
    """
    from fastmlp import datasets

    try:
        (x, y), _ = datasets.load_mnist(download=False)
        return x.reshape(len(x), -1), y, 255, "MNIST, 60000 rows of 784 pixels"
    except FileNotFoundError:
        (x, y), _ = datasets.load_digits()
    what = f"scikit-learn's digits, {len(x)} rows of {x.shape[1]} pixels (MNIST not found: set FASTMLP_DATA)"
    return x, y, 16, what


def rows_for(case, digits):
    """Return the float32 inputs and the targets of `case`: integer labels, or a column for XOR."""
    if case.sizes[0] == 2:
        return XOR
    images, labels, scale, _ = digits
    n = case.n_rows
    return np.ascontiguousarray(images[:n], np.float32) / np.float32(scale), labels[:n].astype(np.int64)


def fit_to_data(case, digits):
    """Return `case` as the digits at hand allow it: input width, number of rows, whole batches."""
    images = digits[0]
    if case.sizes[0] == 2:
        return case
    width, batch = images.shape[1], min(case.batch_size, len(images))

    def whole_batches(n):
        return max(min(n, len(images)) // batch, 1) * batch

    return replace(
        case,
        sizes=(width, *case.sizes[1:]),
        title=case.title.replace("784-", f"{width}-").replace("10000 rows", f"{batch} rows"),
        batch_size=batch,
        n_rows=whole_batches(case.n_rows),
        check_rows=whole_batches(case.check_rows),
        subset={peer: whole_batches(n) for peer, n in case.subset.items() if n < len(images)},
        goal=case.goal if width == case.sizes[0] else None,  # set for MNIST-sized networks
    )


def initial_weights(sizes, seed=0):
    """Return [W, b, W, b, ...] in float32, uniform in Glorot's bounds."""
    random_state = np.random.RandomState(seed)
    weights = []
    for n_in, n_out in pairwise(sizes):
        bound = np.sqrt(6 / (n_in + n_out))
        weights.append(random_state.uniform(-bound, bound, (n_in, n_out)).astype(np.float32))
        weights.append(random_state.uniform(-bound, bound, n_out).astype(np.float32))
    return weights
