"""CSR matrices, which kernels read by the numbers in them: these are checked before any is followed.

Copies are what is checked and followed, for a callback or another thread can write to the matrix at any time.
"""

import numpy as np

from .memory import readable

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def checked(x, name):
    """Return data, indices (int32 or int64) and indptr (int64) of a matrix, sorted and without duplicates.

    Parameters
    ----------
    x : csr_matrix or csr_array
    name : str
        What errors call it.
    """
    indices, indptr = structure(x, name)
    dtype = x.data.dtype.newbyteorder("=")
    if dtype not in FLOATS:
        raise ValueError(f"{name} must hold float32 or float64; got {x.data.dtype}: convert it by astype()")
    data = readable(f"{name}.data", x.data, dtype, x.data.shape)[: len(indices)]
    if not _is_sorted(indices, indptr):
        x = type(x)((data, indices, indptr), shape=x.shape, copy=True)
        x.sum_duplicates()
        data, indices, indptr = x.data, x.indices, x.indptr.astype(np.int64, copy=False)
    return data, indices, indptr


def structure(x, name):
    """Return new indices (int32 or int64) and indptr (int64) of a matrix, which must not lead outside of it.

    Of a CSC matrix too, whose columns are what rows are here. SciPy looks at none of this where a matrix is
    made of arrays that have its types, nor at what is put into these afterwards; and its flag for sorted rows
    is a promise that anyone can make.
    """
    n_rows, n_columns = x.shape if x.format == "csr" else x.shape[::-1]
    indptr = _integers(x, name, "indptr").astype(np.int64, copy=False)
    indices = _integers(x, name, "indices")
    if indptr.shape != (n_rows + 1,) or indptr[0] != 0 or (indptr[1:] < indptr[:-1]).any():
        _refuse(x, name, "indptr", f"{n_rows + 1} numbers that begin at 0 and never fall")
    n = int(indptr[-1])
    for what in ("data", "indices"):
        if getattr(x, what).ndim != 1 or len(getattr(x, what)) < n:
            _refuse(x, name, what, f"{n} numbers, the last of its indptr")
    indices = indices[:n]
    unsigned = indices.view(np.uint32 if indices.itemsize == 4 else np.uint64)
    if n and int(unsigned.max()) >= n_columns:  # negative numbers are large as unsigned ones
        _refuse(x, name, "indices", f"numbers from 0 to {n_columns - 1}")
    return indices, indptr


def _integers(x, name, what):
    """Return a copy of an index array, as int32 or int64, one number after another."""
    array = getattr(x, what)
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "iu" or array.ndim != 1:
        _refuse(x, name, what, "integers, in one dimension")
    dtype = np.dtype(np.int32 if array.dtype.newbyteorder("=") == np.int32 else np.int64)
    return array.astype(dtype)


def _is_sorted(indices, indptr):
    """Whether columns rise strictly within each row."""
    falls = indices[1:] <= indices[:-1]
    starts = indptr[1:-1]
    # a row's first column may be less than the last one of the row before
    falls[starts[(starts > 0) & (starts < len(indices))] - 1] = False
    return not falls.any()


def _refuse(x, name, what, expected):
    array = np.asarray(getattr(x, what))
    found = f", {array.min()} to {array.max()}" if array.size and array.dtype.kind in "iuf" else ""
    raise ValueError(
        f"{name} is no valid {x.format.upper()} matrix: its {what} must hold {expected}; got {array.size} "
        f"of {array.dtype}{found}: make it anew from the dense array or from (data, (row, column))"
    )
