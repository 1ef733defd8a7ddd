"""Data sets to learn with, from four rows to sixty thousand.

The small ones are computed or come with a dependency; MNIST, Fashion-MNIST and CIFAR-10 are read
from a local folder, from ``FASTMLP_DATA``, from the cache, or downloaded once.
"""

from .caltech import load_caltech_pair
from .digits import load_digits
from .glyphs import load_glyphs
from .images import load_cifar10, load_fashion_mnist, load_mnist
from .labels import one_against_rest
from .logic import load_logic_gate, load_parity

__all__ = [
    "load_caltech_pair",
    "load_cifar10",
    "load_digits",
    "load_fashion_mnist",
    "load_glyphs",
    "load_logic_gate",
    "load_mnist",
    "load_parity",
    "one_against_rest",
]
