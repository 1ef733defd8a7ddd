"""Penalties on all weights of a network, which are added to the mean loss: ``Network(reg=L2(1e-3))``.

Four ways to keep weights small differ in what they are divided by, and so in the step that one number makes:

========================= ======================================= ================= ========================
where                     adds to the mean loss of m samples      gradient          known from
========================= ======================================= ================= ========================
``alpha=a``, Dense(l2=a)  a / (2 m) sum of W^2                    a W / m           scikit-learn
``reg=L2(a)``             a sum of W^2                            2 a W             Keras's `regularizers`
``reg=L2(a / 2)``         a / 2 sum of W^2                        a W               PyTorch's `SGD` with
                                                                                    ``weight_decay=a``
``Adam(weight_decay=a)``  nothing: each step also takes           none              AdamW
                          rate a w from every w, biases included
========================= ======================================= ================= ========================

A penalty that is divided by m counts less the larger the batch is, and more in a last batch that is smaller;
``reg`` counts the same in every step. Where a loss is a batch's sum ("sse"), both are added to that sum.
Biases have no penalty (PyTorch's decay shrinks them too), and frozen layers have none.
"""

from dataclasses import dataclass

from . import _checks


@dataclass(frozen=True)
class L1L2(_checks.Fixed):
    """l1 sum of ``|W|`` + l2 sum of W^2, over all weights of the network.

    Parameters
    ----------
    l1, l2 : float, default=0.0
    """

    l1: _checks.NotNegative = 0.0
    l2: _checks.NotNegative = 0.0


@dataclass(frozen=True)
class L1(_checks.Fixed):
    """lam sum of ``|W|``, over all weights of the network.

    Parameters
    ----------
    lam : float
    """

    lam: _checks.NotNegative
    l2 = 0.0

    @property
    def l1(self):
        return self.lam


@dataclass(frozen=True)
class L2(_checks.Fixed):
    """lam sum of W^2, over all weights of the network.

    Parameters
    ----------
    lam : float

    Examples
    --------
    >>> from fastmlp import Dense, Network
    >>> from fastmlp.penalties import L2
    >>> Network([Dense(1)], reg=L2(1e-3))
    Network([Dense(units=1, name='dense_1')], reg=L2(lam=0.001))
    """

    lam: _checks.NotNegative
    l1 = 0.0

    @property
    def l2(self):
        return self.lam


BUILT_IN = (L1, L2, L1L2)


def get(reg):
    """Return a penalty, or None for none."""
    if reg is None or isinstance(reg, BUILT_IN):
        return reg
    lam = reg if isinstance(reg, float) else 0.001
    return _checks.refuse(
        f"reg must be L1(lam), L2(lam), L1L2(l1, l2) or None; got {_checks.shown(reg)}: L2({lam}) adds {lam} "
        "times the sum of all squared weights to the mean loss",
        TypeError,
    )
