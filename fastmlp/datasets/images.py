"""MNIST, Fashion-MNIST and CIFAR-10."""

import numpy as np

from ._bunch import split
from ._contents import check_contents, read, read_idx, read_members
from ._files import find, find_local
from ._sources import CIFAR10, CIFAR10_ARCHIVE, FASHION_MNIST, IDX_FILES, MNIST

FASHION_NAMES = "T-shirt/top,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,Bag,Ankle boot".split(",")
CIFAR10_NAMES = "airplane automobile bird cat deer dog frog horse ship truck".split()
CIFAR10_TRAIN = tuple(f"data_batch_{k}.bin" for k in range(1, 6))
CIFAR10_TEST = "test_batch.bin"
CIFAR10_RECORD = 1 + 3 * 32 * 32  # a label, then the red, green and blue planes
CIFAR10_BATCH = 10000 * CIFAR10_RECORD  # bytes of each file


def load_mnist(folder=None, *, download=True, as_bunch=False):
    """Return MNIST's 60000 training and 10000 test images of handwritten digits.

    Parameters
    ----------
    folder : path, default=None
        Where the four original ``.gz`` files lie, themselves or in a subfolder ``mnist``; nothing
        is downloaded then. By default they are looked for in the folder that the environment
        variable ``FASTMLP_DATA`` names, then in the cache (``FASTMLP_CACHE``, or the system's
        cache folder), then downloaded into the cache.
    download : bool, default=True
        Whether a download is allowed.
    as_bunch : bool, default=False
        Return scikit-learn's ``Bunch`` with ``X_train``, ``y_train``, ``X_test``, ``y_test``,
        ``image_shape``, ``target_names`` and ``DESCR`` instead of two pairs.

    Returns
    -------
    (X_train, y_train), (X_test, y_test)
        Images of shape (n, 784), 28 x 28 pixels from 0 to 255, and labels of shape (n,), all uint8.

    Raises
    ------
    FileNotFoundError
        A file was neither found nor downloaded; the message says how to provide it.
    ValueError
        A file differs from the original: it is truncated or altered.

    References
    ----------
    Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits", 1998.
    """
    return _load_idx(MNIST, folder, download, as_bunch, [str(k) for k in range(10)])


def load_fashion_mnist(folder=None, *, download=True, as_bunch=False):
    """Return Fashion-MNIST's 60000 training and 10000 test images of clothes.

    Parameters and returned values are those of `load_mnist`; the subfolder is ``fashion_mnist``.

    References
    ----------
    H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine
    Learning Algorithms", 2017.
    """
    return _load_idx(FASHION_MNIST, folder, download, as_bunch, FASHION_NAMES)


def load_cifar10(folder=None, *, download=True, as_bunch=False):
    """Return CIFAR-10's 50000 training and 10000 test colour images.

    Parameters
    ----------
    folder, download, as_bunch
        As in `load_mnist`; the subfolder is ``cifar10``. A local folder may hold the archive
        ``cifar-10-binary.tar.gz``, or its files ``data_batch_1.bin`` ... ``data_batch_5.bin`` and
        ``test_batch.bin``, each with or without ``.gz``; where only some of the training files are
        there, those are the training set. The SHA-256 of their contents is checked as the archive's is.

    Returns
    -------
    (X_train, y_train), (X_test, y_test)
        Images of shape (n, 3072), the red, green and blue planes of 32 x 32 pixels one after
        another, and labels of shape (n,), all uint8.

    References
    ----------
    A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
    """
    batches = {name: _find_batch(name, folder) for name in (*CIFAR10_TRAIN, CIFAR10_TEST)}
    if batches[CIFAR10_TEST] and any(batches[name] for name in CIFAR10_TRAIN):
        pieces = {name: read(path, CIFAR10_BATCH) for name, path in batches.items() if path}
    else:
        path = find(CIFAR10, CIFAR10_ARCHIVE, folder, download=download)
        pieces = read_members(path, (*CIFAR10_TRAIN, CIFAR10_TEST), CIFAR10_BATCH)
    records = {
        name: np.frombuffer(check_contents(name, data, CIFAR10.contents[name]), np.uint8).reshape(
            -1, CIFAR10_RECORD
        )
        for name, data in pieces.items()
    }
    test = records.pop(CIFAR10_TEST)
    train = np.concatenate(list(records.values()))
    return split(
        (train[:, 1:].copy(), train[:, 0].copy()),
        (test[:, 1:].copy(), test[:, 0].copy()),
        as_bunch,
        image_shape=(3, 32, 32),
        target_names=CIFAR10_NAMES,
        DESCR=f"CIFAR-10, {len(train)} training and {len(test)} test images.",
    )


def _load_idx(source, folder, download, as_bunch, names):
    paths = [find(source, name, folder, download=download) for name in IDX_FILES]
    largest = ((60000, 28, 28), (60000,), (10000, 28, 28), (10000,))
    X_train, y_train, X_test, y_test = (
        read_idx(path, *shape) for path, shape in zip(paths, largest, strict=True)
    )
    return split(
        (X_train.reshape(len(X_train), -1), y_train),
        (X_test.reshape(len(X_test), -1), y_test),
        as_bunch,
        image_shape=X_train.shape[1:],
        target_names=names,
        DESCR=f"{source.title}, {len(X_train)} training and {len(X_test)} test images.",
    )


def _find_batch(name, folder):
    return find_local(CIFAR10, name, folder) or find_local(CIFAR10, name + ".gz", folder)
