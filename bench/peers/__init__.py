"""The libraries that are compared, each in the strongest form that its users could write."""

from importlib import import_module
from importlib.util import find_spec

# name: (module and class, the package that must be installed)
PEERS = {
    "numpy": ("numpy_peer:NumPyPeer", "numpy"),
    "scikit-learn": ("sklearn_peer:SklearnPeer", "sklearn"),
    "torch": ("torch_peer:TorchPeer", "torch"),
    "jax": ("jax_peer:JAXPeer", "jax"),
    "fastmlp": ("fastmlp_peer:FastMLPPeer", "fastmlp"),
    "fastmlp-numba": ("fastmlp_peer:NumbaPeer", "numba"),
}
RIVALS = ("numpy", "scikit-learn", "torch")  # the fastest of these is what goals are measured against


def installed(chosen=None):
    """Return the names of the peers that can be imported, and of those that can't.

    Parameters
    ----------
    chosen : sequence of str or None
        Only these, and the reference.
    """
    wanted = [name for name in PEERS if not chosen or name in chosen or name == "numpy"]
    present = [name for name in wanted if find_spec(PEERS[name][1])]
    return present, [name for name in wanted if name not in present]


def create(name):
    """Return the peer called `name`; imports its library."""
    module, kind = PEERS[name][0].split(":")
    return getattr(import_module(f"{__name__}.{module}"), kind)()
