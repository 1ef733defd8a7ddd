"""Gaussian noise on inputs: how a model stands it, and more data to train on.

Drawn natively, in threads. A value depends on the seed and on its place in the result alone: not on the
number of threads, on the backend or on the CPU.
"""

import math

import numpy as np

from . import _checks
from .kernels.dispatch import kernels
from .kernels.threads import share_out, threads_for

PIECE = 1 << 18  # values per piece of work of a thread
MIN_VALUES = 1 << 18  # values per thread below which another thread costs more than it gains


def noisy_copies(
    glyphs, n_copies, sigma, *, unit=None, random_state=None, clip=None, out=None, dtype=None, n_threads=None
):
    """Return copies of every image, each with its own Gaussian noise added.

    The copies of one image follow each other: ``labels = np.repeat(y, n_copies)`` are theirs.

    Parameters
    ----------
    glyphs : array-like of shape (n_glyphs, ...)
        Clean images, or rows of any other numbers; of any strides, and never written to.
    n_copies : int
        Noisy copies of each, at least 1.
    sigma : float
        Standard deviation of the noise in the units of `glyphs`, at least 0. 0 copies exactly.
    unit : float, default=None
        What 1 of `sigma` stands for: 255 for images of grey levels, so that sigma=0.3 is three tenths of
        their range. None: 1, with a warning where bytes reach beyond it and sigma does not.
    random_state : int, RandomState, Generator or None, default=None
        An int gives the same noise always. A NumPy RandomState or Generator is drawn from, once a call.
    clip : (float, float), default=None
        Limits that the noisy values are brought back to.
    out : ndarray of shape (n_glyphs * n_copies, ...), default=None
        Where the result goes: C-contiguous, and of the result's dtype.
    dtype : {float32, float64}, default=None
        Of the result. None: that of `out`; without one float64 for float64 input, else float32.
    n_threads : int, default=None
        None: the cores this process may use, and 1 for few values. The result does not depend on it.

    Returns
    -------
    ndarray of shape (n_glyphs * n_copies, ...), float32 or float64

    Raises
    ------
    ValueError, TypeError
        Where an argument is not as described, or `glyphs` holds NaN or infinity. Nothing is drawn then, and
        `out` is as it was.

    Notes
    -----
    The Box-Muller transform (1958) of words from Philox 4x32-10 (Salmon et al., 2011). In float32 a radius is
    made of 32 random bits and reaches 6.76 sigma, in float64 of 64 bits and reaches 9.49 sigma.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp.datasets import load_glyphs
    >>> from fastmlp.noise import noisy_copies
    >>> X, y = load_glyphs()
    >>> X_test = noisy_copies(X.reshape(10, 35), 100, sigma=0.3, random_state=0)
    >>> y_test = np.repeat(y, 100)
    >>> X_test.shape, X_test.dtype, y_test.shape
    ((1000, 35), dtype('float32'), (1000,))
    """
    n_copies = _checks.check_int("n_copies", n_copies)
    return _add("glyphs", glyphs, n_copies, sigma, unit, random_state, clip, out, dtype, n_threads)


def add_gaussian_noise(
    X, sigma, *, unit=None, random_state=None, clip=None, out=None, dtype=None, n_threads=None
):
    """Return `X` with independent Gaussian noise added to every value.

    Parameters
    ----------
    X : array-like of any shape
        Of any strides. Written to only where it is also `out`.
    sigma : float
        Standard deviation of the noise in the units of `X`, at least 0. 0 copies exactly.
    unit : float, default=None
        What 1 of `sigma` stands for, see `noisy_copies`.
    random_state : int, RandomState, Generator or None, default=None
        An int gives the same noise always. A NumPy RandomState or Generator is drawn from, once a call.
    clip : (float, float), default=None
        Limits that the noisy values are brought back to.
    out : ndarray of the shape of `X`, default=None
        Where the result goes: C-contiguous, of the result's dtype; ``out=X`` adds the noise in place.
    dtype : {float32, float64}, default=None
        Of the result. None: that of `out`; without one float64 for float64 input, else float32.
    n_threads : int, default=None
        None: the cores this process may use, and 1 for few values. The result does not depend on it.

    Returns
    -------
    ndarray of the shape of `X`, float32 or float64

    Raises
    ------
    ValueError, TypeError
        Where an argument is not as described, or `X` holds NaN or infinity. Nothing is drawn then, and `out`
        is as it was.

    See Also
    --------
    noisy_copies : several noisy copies of each row, and how the noise is made.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp.noise import add_gaussian_noise
    >>> X = np.zeros((1000, 1000), np.float32)
    >>> noisy = add_gaussian_noise(X, 0.5, random_state=0)
    >>> f"{noisy.std():.2f}"
    '0.50'
    >>> bool(add_gaussian_noise(X, 0.5, random_state=0, clip=(0, 1)).min() == 0)
    True
    """
    return _add("X", X, 1, sigma, unit, random_state, clip, out, dtype, n_threads)


def _add(name, X, n_copies, sigma, unit, random_state, clip, out, dtype, n_threads):
    """Check everything, draw the key, and only then write."""
    X = _checks.check_clean(name, X)
    dtype = _checks.check_dtype(dtype)
    if dtype is None:
        own = out.dtype if isinstance(out, np.ndarray) else X.dtype
        dtype = np.dtype(np.float64 if own.kind == "f" and own.itemsize == 8 else np.float32)
    limits = _checks.check_noise(_checks.check_unit(name, X, sigma, unit), clip, dtype)
    n_threads = _checks.check_optional_int("n_threads", n_threads)
    shape = X.shape[0] * n_copies, *X.shape[1:]
    out = _checks.check_noisy_out(out, shape, dtype, X, overlaps=n_copies == 1)
    key = _draw_key(random_state)
    if out.size:
        work = _worker(out, key, *limits)
        n_threads = threads_for(out.size, MIN_VALUES) if n_threads is None else n_threads
        share_out(work, _pieces(X, n_copies), min(n_threads, 64))
    return out


def _draw_key(random_state):
    """Return 64 random bits, drawn from what `random_state` stands for, a NumPy Generator included."""
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(0, 2**64, dtype=np.uint64))
    low, high = _checks.check_random_state(random_state).randint(0, 2**32, 2, np.uint64).tolist()
    return high << 32 | low


def _pieces(X, n_copies, first=0):
    """Yield (some of X, copies of each of its rows, where in the result they begin).

    About PIECE values at most, so that what must be converted needs little memory. Where one row has more, it
    is cut in its turn.
    """
    width = math.prod(X.shape[1:])
    if width * n_copies <= PIECE:
        step = PIECE // (width * n_copies)
        for i in range(0, len(X), step):
            yield X[i : i + step], n_copies, first + i * width * n_copies
        return
    step = PIECE // width
    for i in range(len(X)):
        start = first + i * width * n_copies
        if step:
            for k in range(0, n_copies, step):
                yield X[i : i + 1], min(step, n_copies - k), start + k * width
        else:
            for k in range(n_copies):
                yield from _pieces(X[i], 1, start + k * width)


def _worker(out, key, sigma, low, high):
    """Return a function that makes one piece."""
    target, add_noise = out.reshape(-1), kernels(out.dtype).add_noise

    def work(piece, n_copies, first):
        width, stop = math.prod(piece.shape[1:]), first + piece.size * n_copies
        rows = np.require(piece, out.dtype, ["C", "A"])
        add_noise(rows, target[first:stop], width, n_copies, first, key, sigma, low, high)

    return work
