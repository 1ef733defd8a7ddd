"""Data sets to learn with, from four rows to sixty thousand.

The small ones are computed or come with a dependency; MNIST, Fashion-MNIST and CIFAR-10 are read
from a local folder, from ``FASTMLP_DATA``, from the cache, or downloaded once.
"""

from .digits import load_digits
from .glyphs import load_glyphs
from .images import load_cifar10, load_fashion_mnist, load_mnist
from .logic import load_logic_gate, load_parity

__all__ = [
    "load_cifar10",
    "load_digits",
    "load_fashion_mnist",
    "load_glyphs",
    "load_logic_gate",
    "load_mnist",
    "load_parity",
]
