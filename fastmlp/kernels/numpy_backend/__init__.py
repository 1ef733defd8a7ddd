"""The kernels in plain NumPy: slow and readable, the floor under all other backends.

It needs neither a compiler nor Numba, so that the package always learns, and it is how a user's own formulas
are trained on every backend. What it computes is what all others compute: `passes.py` goes forward and back,
`training.py` makes steps of it, `neuron.py` is a single unit, `gaussian.py` draws noise.

No formula stands here. Activations, losses and optimizers are declared on the floor above with their NumPy
code, and put into `tables.py` by those modules when the package is imported.
"""

from .api import Kernels, namespace

__all__ = ["Kernels", "namespace"]
