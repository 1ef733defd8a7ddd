"""Data: rows of features, weights of samples, numbers of rows."""

import sys
from contextlib import contextmanager
from math import isfinite

import numpy as np

from ..kernels import csr, training
from ..kernels.job import ROW_DTYPES, Rows
from .values import FLOATS


def check_rows(x, n_features=None, *, name="x", scale=1.0, n_min=0, finite=True, dtype=None):
    """Return `x` as Rows: two-dimensional, numeric, `n_features` wide and, if `finite` is asked for, finite.

    `dtype` is that of the network, in which values must be finite too; None: their own.
    float32, float64 and uint8 arrays and CSR matrices are taken as they are; anything else is converted.
    """
    if hasattr(x, "tocsr"):
        x = check_sparse(x, name).tocsr()
        if x.dtype.kind == "c":
            as_float(x.data, name)
        if x.dtype not in FLOATS:
            x = x.astype(np.float64)
    else:
        x = as_array(x, name)
        if x.dtype not in ROW_DTYPES:
            x = as_float(x, name)
    if x.ndim != 2:
        hint = (
            f"; for one sample pass {name}.reshape(1, -1)" if x.ndim == 1 else "; flatten the samples first"
        )
        raise ValueError(f"{name} must have 2 dimensions, (samples, features); got shape {x.shape}{hint}")
    if n_features is not None:
        check_width(name, x.shape[1], n_features)
    if x.shape[1] == 0 or x.shape[0] < n_min:
        raise ValueError(
            f"{name} must have at least {n_min} sample(s) of at least 1 feature; got shape {x.shape}"
        )
    rows = Rows(x, scale, name)
    if finite:
        check_finite_rows(rows, name, dtype)
    return rows


def check_width(name, given, expected, who="the network"):
    """Raise where a table has not as many columns as weights were made for."""
    if given != expected:
        raise ValueError(
            f"{name} has {given} columns but {who} expects {expected}; "
            "pass the columns it was built for, in the same order"
        )


def check_sparse(x, name="X"):
    """Return `x`; nothing of it may be masked, nor a sparse matrix's numbers lead outside of it.

    SciPy follows those of rows and columns without a look when it converts a matrix or takes rows of it.
    """
    if not hasattr(x, "tocsr"):
        check_no_mask(x, name)
        return x
    if x.format in ("csr", "csc"):
        csr.structure(x, name)
        return x
    try:
        if x.format == "coo":
            # SciPy checks the indices when it makes a matrix of them
            type(x)((x.data, (x.row, x.col)), shape=x.shape)
        elif hasattr(x, "check_format"):
            x.check_format(full_check=True)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{name} is no valid {x.format} matrix: {error}; make it anew from the dense array"
        ) from None
    return x


def check_no_mask(value, name):
    """Raise where values of a masked array are masked: NumPy forgets masks, and what is behind one counts."""
    ma = sys.modules.get("numpy.ma")  # where nobody has loaded it, nothing is masked
    if ma is not None and isinstance(value, ma.MaskedArray) and ma.is_masked(value):
        raise ValueError(
            f"{name} must hold a value in every place; got a masked array with masked values: "
            f"drop those samples, or fill them by {name}.filled(value)"
        )


def as_array(value, name):
    """Return `value` as an ndarray."""
    if type(value) is np.ndarray:
        return value
    check_no_mask(value, name)
    try:
        return np.asarray(value)
    except ValueError:
        raise ValueError(f"{name} must be an array; got rows of different lengths: pad or cut them") from None


def as_float(array, name):
    """Return real numbers of any kind as float64 (float16: float32)."""
    if array.dtype.kind == "c":
        raise ValueError(f"{name} must hold real numbers; got dtype {array.dtype}: take .real or the modulus")
    try:
        if array.dtype.kind in "USMmV":
            raise TypeError
        return array.astype(np.float32 if array.dtype == np.float16 else np.float64)
    except (TypeError, ValueError):
        kinds = {type(value).__name__ for value in array.ravel()} if array.dtype.kind == "O" else set()
        if "NAType" in kinds and "str" not in kinds:  # pandas' word for what is missing
            got = "missing values: impute or drop these samples first"
        else:
            got = f"dtype {array.dtype}: encode text as numbers first"
        raise ValueError(f"{name} must hold numbers; got {got}") from None


def check_finite_rows(rows, name="x", dtype=None):
    """Raise where a row holds NaN or infinity, or what is infinite where a network of `dtype` reads it."""
    if not training.all_finite(rows, dtype):
        not_finite(rows, name, dtype)


def check_finite_in(X, name, dtype):
    """Raise where finite numbers are too large for a network of `dtype`."""
    if X.dtype.kind == "f" and X.dtype.itemsize > dtype.itemsize:
        check_finite_rows(Rows(X), name, dtype)


def not_finite(found, name="x", dtype=None):
    """Raise: Rows or an array hold NaN or infinity, or numbers that are too large."""
    array = found.data if isinstance(found, Rows) else found
    bad = ~np.isfinite(array)
    if not bad.any():
        dtype = dtype or array.dtype
        raise ValueError(
            f"{name} holds a value too large for dtype({dtype.name!r}), whose numbers end at "
            f"{np.finfo(dtype).max:.3g}: divide the column by a unit, or use dtype='float64'"
        )
    place = np.unravel_index(bad.argmax(), bad.shape)
    if isinstance(found, Rows) and found.is_sparse:
        entry = place[0]
        place = np.searchsorted(found.indptr, entry, "right") - 1, found.indices[entry]
    first = "in row {}, column {}".format(*place) if len(place) == 2 else f"at {[int(i) for i in place]}"
    raise ValueError(f"{name} holds NaN or infinity, first {first}; impute or drop these samples first")


def check_finite(name, array, dtype=None):
    """Return `array`, which must be finite, as one of `dtype`; None: as it is."""
    if dtype is None or array.dtype == dtype:
        made = array if dtype is None else np.ascontiguousarray(array)
    else:
        with np.errstate(over="ignore"):
            made = np.ascontiguousarray(array, dtype)
    # a few numbers are looked through as a list; what looks through tables begins in a fifth of NumPy's time
    if made.size <= 64 and made.dtype in FLOATS and isfinite(sum(made.ravel().tolist())):
        return made
    table = made.ndim == 2 and made.size and made.dtype in FLOATS
    if not (training.all_finite(Rows(made)) if table else np.isfinite(made).all()):
        not_finite(array, name, made.dtype)
    return made


def check_sample_weight(sample_weight, n_samples, name="sample_weight"):
    """Return weights as float64, or None."""
    if sample_weight is None:
        return None
    weights = as_float(np.ascontiguousarray(as_array(sample_weight, name)), name)
    weights = weights.astype(np.float64, copy=False)
    if weights.shape != (n_samples,):
        raise ValueError(f"{name} must have shape ({n_samples},); got {weights.shape}")
    return check_weight_signs(check_finite(name, weights), name)


def check_weight_signs(sample_weight, name="sample_weight"):
    """Return weights, none of which may be negative: a step must not lead away from its target."""
    if (sample_weight < 0).any() or not sample_weight.any():
        raise ValueError(
            f"{name} must not be negative, nor 0 for all samples; the least is {sample_weight.min():g}"
        )
    with np.errstate(over="ignore"):
        total = sample_weight.sum(dtype=np.float64)
    if not np.isfinite(total):
        raise ValueError(
            f"{name} must have a finite sum; the largest is {sample_weight.max():g}: divide all by it"
        )
    return sample_weight


def check_length(name, array, n_samples):
    """Raise where an array has not one entry for each sample."""
    if array.ndim == 0 or len(array) != n_samples:
        raise ValueError(
            f"{name} must have one entry for each of the {n_samples} rows of X; got shape {array.shape}"
        )


def as_row_numbers(name, rows, n_samples):
    """Return the rows that numbers or a mask stand for, as int64."""
    found = np.asarray(rows)
    if found.dtype == bool and found.shape == (n_samples,):
        found = np.flatnonzero(found)
    if found.ndim != 1 or (found.size and found.dtype.kind not in "iu"):
        raise ValueError(
            f"{name} must be row numbers, or a mask of shape ({n_samples},); got {found.dtype} of shape "
            f"{found.shape}"
        )
    return found.astype(np.int64, copy=False)


def check_pair(validation_data):
    """Return validation data as (x, y, sample_weight or None)."""
    got = type(validation_data).__name__
    if isinstance(validation_data, (tuple, list)):
        if validation_data and all(map(_is_pair, validation_data)):
            got = f'a {got} of {len(validation_data)} pairs: name them, {{"a": (x, y), ...}}'
        elif len(validation_data) in (2, 3):
            return (*validation_data, None)[:3]
    raise ValueError(
        "validation_data must be a tuple (x, y) or (x, y, sample_weight), or a dict of such tuples by name; "
        f"got {got}"
    )


def _is_pair(value):
    """Whether it is a tuple or a list that begins with a table."""
    return isinstance(value, (tuple, list)) and len(value) in (2, 3) and getattr(value[0], "ndim", 0) == 2


def check_validation_data(validation_data):
    """Return validation sets as {name: (x, y, sample_weight or None)}; a plain tuple is named "val"."""
    if validation_data is None:
        return {}
    if not isinstance(validation_data, dict):
        return {"val": check_pair(validation_data)}
    for name in validation_data:
        if not isinstance(name, str) or not name:
            raise TypeError(
                f"validation_data must have names as keys, texts that are not empty; got {name!r}"
            )
    return {name: check_pair(pair) for name, pair in validation_data.items()}


def check_validation_sets(validation_data, X_val, y_val, sample_weight_val):
    """Return the validation sets of an estimator: {name: (what messages call it, X, y, sample_weight)}."""
    if X_val is None and y_val is None and sample_weight_val is None:
        whole = "validation_data[{!r}]" if isinstance(validation_data, dict) else "validation_data"
        sets = check_validation_data(validation_data)
        return {name: (whole.format(name), *about) for name, about in sets.items()}
    if X_val is None or y_val is None:
        missing = "X_val" if X_val is None else "y_val"
        raise ValueError(f"X_val and y_val go together; {missing} is missing")
    if validation_data is not None:
        raise ValueError("validation data were given twice: by X_val and y_val, and by validation_data")
    return {"val": ("X_val, y_val", X_val, y_val, sample_weight_val)}


@contextmanager
def part_of(what):
    """Let errors about input say what it is part of."""
    try:
        yield
    except (ValueError, TypeError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{what}: {error}") from error


def check_held_weights(weights):
    """Raise where validation data would count nothing."""
    if not weights.any():
        raise ValueError(
            "the samples held out for early stopping all have sample_weight 0; change random_state"
        )


def kept_dtypes(X):
    """Return the dtypes in which scikit-learn's validation leaves X as it is; others become the first."""
    return FLOATS[::-1] if hasattr(X, "tocsr") else (*FLOATS[::-1], np.dtype(np.uint8))
