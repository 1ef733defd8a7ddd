"""CSR matrices, which kernels read by the numbers in them: these are checked before any is followed."""

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
    """Return indices (int32 or int64) and indptr (int64) of a matrix, which must not lead outside of it.

    SciPy looks at none of this where a matrix is made of arrays that have its types, nor at what is put into
    these afterwards; and its flag for sorted rows is a promise that anyone can make.
    """
    n_rows, n_columns = x.shape
    indptr = _integers(name, "indptr", x.indptr).astype(np.int64, copy=False)
    indices = _integers(name, "indices", x.indices)
    if indptr.shape != (n_rows + 1,) or indptr[0] != 0 or (indptr[1:] < indptr[:-1]).any():
        _refuse(
            name,
            f"its indptr must hold {n_rows + 1} numbers that begin at 0 and never fall",
            indptr,
            "indptr",
        )
    n = int(indptr[-1])
    if x.data.ndim != 1 or min(len(x.data), len(indices)) < n:
        raise ValueError(
            f"{name} is no valid CSR matrix: by its indptr it has {n} values, but data holds {x.data.size} "
            f"and indices {indices.size}; make it anew from the dense array or from (data, (row, column))"
        )
    indices = indices[:n]
    unsigned = indices.view(
        np.uint32 if indices.itemsize == 4 else np.uint64
    )  # what is negative, is large then
    if n and int(unsigned.max()) >= n_columns:
        _refuse(name, f"its columns must be numbered from 0 to {n_columns - 1}", indices, "indices")
    return indices, indptr


def _integers(name, what, array):
    """Return an index array as int32 or int64, one number after another."""
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "iu" or array.ndim != 1:
        raise ValueError(f"{name} is no valid CSR matrix: its {what} must be a vector of integers")
    dtype = np.dtype(np.int32 if array.dtype.newbyteorder("=") == np.int32 else np.int64)
    if array.dtype != dtype:
        array = array.astype(dtype)
    return readable(f"{name}.{what}", array, dtype, array.shape)


def _is_sorted(indices, indptr):
    """Whether columns rise strictly within each row."""
    falls = indices[1:] <= indices[:-1]
    starts = indptr[1:-1]
    falls[starts[(starts > 0) & (starts < len(indices))] - 1] = False  # the next row begins anew
    return not falls.any()


def _refuse(name, expected, array, what):
    found = f"{array.min()} to {array.max()}" if array.size else "none"
    raise ValueError(
        f"{name} is no valid CSR matrix: {expected}; {what} has {array.size} numbers, {found}: "
        f"make it anew, and see what {name}.check_format() says"
    )
