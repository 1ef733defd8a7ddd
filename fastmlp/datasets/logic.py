"""Logic gates and parity, as -1 and +1."""

import numpy as np

from .. import _checks
from ._bunch import pair

GATES = {
    "and": (-1.0, -1.0, -1.0, 1.0),
    "or": (-1.0, 1.0, 1.0, 1.0),
    "xor": (-1.0, 1.0, 1.0, -1.0),
}
MAX_BITS = 20  # 2**20 rows of 20 numbers are 168 MB


@_checks.told
def load_logic_gate(name, *, as_bunch=False):
    """Return the truth table of a logic gate, with -1 for false and +1 for true.

    Parameters
    ----------
    name : {"and", "or", "xor"}
        In upper or lower case.
    as_bunch : bool, default=False
        Return scikit-learn's ``Bunch`` with ``data``, ``target``, ``feature_names``,
        ``target_names`` and ``DESCR`` instead of a pair.

    Returns
    -------
    X : ndarray of shape (4, 2), float64
        The rows (-1, -1), (-1, 1), (1, -1), (1, 1).
    y : ndarray of shape (4,), float64

    Examples
    --------
    >>> from fastmlp.datasets import load_logic_gate
    >>> X, y = load_logic_gate("xor")
    >>> y
    array([-1.,  1.,  1., -1.])
    """
    name = name.lower() if isinstance(name, str) else name
    y = np.array(_checks.check_choice("name", name, GATES))
    about = f"Truth table of the {name.upper()} gate; -1 is false, +1 is true."
    return _signs(_corners(2), y, as_bunch, about)


@_checks.told
def load_parity(n_bits, *, as_bunch=False):
    """Return all inputs of `n_bits` signs with their product as target.

    The target is +1 where an even number of inputs is -1. For two bits it is XOR with its sign
    turned.

    Parameters
    ----------
    n_bits : int
        From 1 to 20.
    as_bunch : bool, default=False
        Return scikit-learn's ``Bunch`` with ``data``, ``target``, ``feature_names``,
        ``target_names`` and ``DESCR`` instead of a pair.

    Returns
    -------
    X : ndarray of shape (2**n_bits, n_bits), float64
        Every combination of -1 and +1; the last column changes fastest.
    y : ndarray of shape (2**n_bits,), float64

    Examples
    --------
    >>> from fastmlp.datasets import load_parity
    >>> X, y = load_parity(3)
    >>> X[1], y[1]
    (array([-1., -1.,  1.]), np.float64(1.0))
    """
    n_bits = _checks.check_int("n_bits", n_bits, 1, MAX_BITS)
    X = _corners(n_bits)
    return _signs(X, X.prod(axis=1), as_bunch, f"Parity of {n_bits} signs: their product.")


def _corners(n_bits):
    """The corners of the cube [-1, 1]**n_bits, counting upwards in binary."""
    bits = np.arange(2**n_bits)[:, None] >> np.arange(n_bits - 1, -1, -1) & 1
    return 2.0 * bits - 1.0


def _signs(X, y, as_bunch, about):
    names = [f"x{i + 1}" for i in range(X.shape[1])]
    return pair(X, y, as_bunch, feature_names=names, target_names=["false", "true"], DESCR=about)
