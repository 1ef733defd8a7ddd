"""MNIST, Fashion-MNIST and CIFAR-10."""

import gzip
import tarfile
import zlib

import numpy as np

from ._bunch import split
from ._files import find, find_local
from ._sources import CIFAR10, CIFAR10_ARCHIVE, FASHION_MNIST, IDX_FILES, MNIST

FASHION_NAMES = "T-shirt/top,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,Bag,Ankle boot".split(",")
CIFAR10_NAMES = "airplane automobile bird cat deer dog frog horse ship truck".split()
CIFAR10_TRAIN = tuple(f"data_batch_{k}.bin" for k in range(1, 6))
CIFAR10_TEST = "test_batch.bin"
CIFAR10_RECORD = 1 + 3 * 32 * 32  # a label, then the red, green and blue planes


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
        there, those are the training set.

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
        pieces = {name: _read_batch(path) for name, path in batches.items() if path}
    else:
        pieces = _read_archive(find(CIFAR10, CIFAR10_ARCHIVE, folder, download=download))
    train = [_records(name, pieces[name]) for name in CIFAR10_TRAIN if name in pieces]
    records, test = np.concatenate(train), _records(CIFAR10_TEST, pieces[CIFAR10_TEST])
    return split(
        (records[:, 1:].copy(), records[:, 0].copy()),
        (test[:, 1:].copy(), test[:, 0].copy()),
        as_bunch,
        image_shape=(3, 32, 32),
        target_names=CIFAR10_NAMES,
        DESCR=f"CIFAR-10, {len(records)} training and {len(test)} test images.",
    )


def _load_idx(source, folder, download, as_bunch, names):
    paths = [find(source, name, folder, download=download) for name in IDX_FILES]
    X_train, y_train, X_test, y_test = (_read_idx(path) for path in paths)
    return split(
        (X_train.reshape(len(X_train), -1), y_train),
        (X_test.reshape(len(X_test), -1), y_test),
        as_bunch,
        image_shape=X_train.shape[1:],
        target_names=names,
        DESCR=f"{source.title}, {len(X_train)} training and {len(X_test)} test images.",
    )


def _read_idx(path):
    """Read an IDX file: two zero bytes, type 8 (uint8), the number of axes, big-endian sizes, data."""
    with gzip.open(path) as file:
        data = file.read()
    n_axes = data[3]
    shape = np.frombuffer(data, ">i4", n_axes, 4)
    # a copy: an array over `bytes` would be read-only
    return np.frombuffer(data, np.uint8, offset=4 + 4 * n_axes).reshape(shape).copy()


def _find_batch(name, folder):
    return find_local(CIFAR10, name, folder) or find_local(CIFAR10, name + ".gz", folder)


def _read_batch(path):
    with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
        try:
            return file.read()
        except (EOFError, OSError, zlib.error) as error:
            raise ValueError(f"{path} is truncated or altered ({error}); replace it") from error


def _read_archive(path):
    with tarfile.open(path) as archive:
        members = {member.name.rsplit("/", 1)[-1]: member for member in archive.getmembers()}
        return {name: archive.extractfile(members[name]).read() for name in (*CIFAR10_TRAIN, CIFAR10_TEST)}


def _records(name, data):
    """View the bytes of a batch as records of shape (n, 3073), checked."""
    records = np.frombuffer(data, np.uint8)
    if len(data) == 0 or len(data) % CIFAR10_RECORD:
        raise ValueError(
            f"{name} holds {len(data)} bytes, expected a multiple of {CIFAR10_RECORD}; "
            "it is truncated: replace it"
        )
    records = records.reshape(-1, CIFAR10_RECORD)
    if records[:, 0].max() > 9:
        raise ValueError(
            f"{name} holds label {records[:, 0].max()}, expected 0 to 9; it is altered: replace it"
        )
    return records
