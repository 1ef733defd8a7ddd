"""Weights alone, for and from other programs: what a file holds is held against a model that is there.

`npz.py` and `keras.py` know the formats; here is what they share.
"""

import numpy as np

from ..exceptions import ModelFileError

FLOATS = ("float16", "float32", "float64")
OVERHEAD = 1 << 16  # bytes of a file, and of each array, beyond the numbers


def expected(layers):
    """Return (name of the layer, what, array) for each array of a model, as its `get_weights` orders them."""
    both = ((layer.name, what, getattr(layer, what)) for layer in layers for what in ("weights", "bias"))
    return [(name, what, array) for name, what, array in both if array is not None]


def check_size(n_bytes, wanted):
    """Raise where a file is larger than the weights of a model can be, in whatever precision."""
    most = OVERHEAD + sum(8 * array.size + OVERHEAD for _, _, array in wanted)
    if n_bytes > most:
        raise ModelFileError(
            f"holds {n_bytes} bytes, more than the {most} that weights of this model can take: it is of "
            "another model"
        )


def check_form(wanted, shape, dtype):
    """Raise where an array of a file is of another shape than that of the model, or holds no real numbers."""
    name, what, array = wanted
    if shape != array.shape:
        raise ModelFileError(
            f"does not fit: the {what} of layer {name!r} must have shape {array.shape}; got {shape}: build "
            "the model with the layers of the file"
        )
    if dtype.name not in FLOATS:
        raise ModelFileError(
            f"does not fit: the {what} of layer {name!r} must be of {', '.join(FLOATS)}; got {dtype}: write "
            "them as one of these"
        )


def converted(wanted, values):
    """Return numbers of a file in the dtype of the model's array, in which they must be finite."""
    name, what, array = wanted
    with np.errstate(over="ignore"):
        values = values.astype(array.dtype)
    if not np.isfinite(values).all():
        raise ModelFileError(
            f"does not fit: the {what} of layer {name!r} must be finite in {array.dtype}; got NaN, infinity "
            "or what is too large for it"
        )
    return values


def damaged(error):
    """Return the error of a file that its library could not read."""
    what = " ".join(str(error).split())[:300]
    return ModelFileError(
        f"cannot be read ({type(error).__name__}: {what}): it is damaged, or of another kind"
    )
