"""Weights as NumPy's .npz: a zip archive of arrays, each with a CRC-32.

The arrays are layers.0.weights, layers.0.bias and so on; those that ``np.savez(path, *model.get_weights())``
or Keras users write, arr_0, arr_1, ..., are read too.
"""

import io
import math
import zipfile

import numpy as np

from ..exceptions import ModelFileError
from .weights import check_form, check_size, converted, damaged, expected

MOST_HEADER = 1000  # characters that describe an array; ours have some 120
READERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def write(description, path):
    """Return the pieces of an .npz file of a description's weights."""
    file = io.BytesIO()
    np.savez(file, **description.arrays)
    return [file.getbuffer()]


def read(file, size, layers):
    """Return the weights in a file, in the order and the dtypes of a model's `get_weights`.

    Parameters
    ----------
    file : binary file
    size : int
        Its bytes.
    layers : tuple of Layer
        Of the model that the weights are for.

    Raises
    ------
    ModelFileError
        The file is damaged, no .npz, or of other layers.
    """
    wanted = expected(layers)
    check_size(size, wanted)
    try:
        with zipfile.ZipFile(file) as archive:
            names = _names(archive, layers)
            return [_read(archive, name, each) for name, each in zip(names, wanted, strict=True)]
    except (ModelFileError, MemoryError):
        raise
    except Exception as error:  # of many kinds, from zipfile, zlib and NumPy
        raise damaged(error) from error


def _names(archive, layers):
    """Return the names of the archive's members in the order of the model's arrays."""
    found = archive.namelist()
    own = [
        f"layers.{k}.{what}.npy"
        for k, layer in enumerate(layers)
        for what in ("weights", "bias")
        if getattr(layer, what) is not None
    ]
    for names in own, [f"arr_{i}.npy" for i in range(len(own))]:
        if sorted(names) == sorted(found):
            return names
    missing = [name[:-4] for name in own if name not in found]
    raise ModelFileError(
        f"must hold {len(own)} arrays, {', '.join(n[:-4] for n in own[:4])}{', ...' * (len(own) > 4)}; "
        f"got {len(found)}" + (f", without {missing[0]}" if missing else "") + ": build the model with the "
        "layers that the file is of"
    )


def _read(archive, name, wanted):
    """Return one array: nothing is allocated for it before its shape is known to be right."""
    with archive.open(name) as member:
        version = np.lib.format.read_magic(member)
        shape, by_columns, dtype = READERS[version](member, max_header_size=MOST_HEADER)
        check_form(wanted, shape, dtype)
        n_bytes = math.prod(shape) * dtype.itemsize
        data = member.read(n_bytes + 1)  # up to its end, where the CRC is compared
    if len(data) != n_bytes:
        raise ModelFileError(f"is damaged: {name} must hold {n_bytes} bytes of numbers, and does not")
    values = np.frombuffer(data, dtype).reshape(shape, order="F" if by_columns else "C")
    return converted(wanted, values)
