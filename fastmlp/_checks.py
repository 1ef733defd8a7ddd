"""Every input error is raised here: what was given, what was expected, and what to do about it."""

import warnings
from numbers import Integral, Real

import numpy as np

from .kernels import training
from .kernels.job import ROW_DTYPES, Rows

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


class DivergenceWarning(RuntimeWarning):
    """The loss became infinite or NaN; the last finite weights were kept."""


class FitError(ExceptionGroup):
    """Some of many fits failed.

    Attributes
    ----------
    exceptions : tuple of Exception
        One for each fit that failed; its notes say which.
    models : list
        What would have been returned, each error in its model's place.
    """

    def __new__(cls, message, errors, models=()):
        self = super().__new__(cls, message, errors)
        self.models = models
        return self

    def derive(self, errors):
        return type(self)(self.message, errors, self.models)


class NotAvailableError(AttributeError, ValueError):
    """A method cannot be used with an estimator's parameters."""


class NotBuiltError(ValueError, AttributeError):
    """A network was used before it had weights."""


def check_choice(name, value, choices):
    """Return ``choices[value]``."""
    try:
        return choices[value]
    except (KeyError, TypeError):
        raise ValueError(f"{name} must be one of {', '.join(sorted(choices))}; got {value!r}") from None


def check_protocol(name, value, attributes, choices):
    """Return `value`, an object that must have `attributes`."""
    missing = [a for a in attributes if not hasattr(value, a)]
    if missing:
        raise TypeError(
            f"{name} must be one of {', '.join(sorted(choices))}, or an object with "
            f"{', '.join(attributes)}; got {value!r}, which lacks {', '.join(missing)}"
        )
    return value


def check_instance(name, value, types, choices):
    """Return `value`, which must be an instance of one of `types`."""
    if not isinstance(value, types):
        raise TypeError(
            f"{name} must be one of {', '.join(sorted(choices))} or such an object; got {value!r}"
        )
    return value


def check_int(name, value, low=1, high=None):
    """Return `value` as an int between `low` and `high`, both included."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be an int; got {value!r} of type {type(value).__name__}")
    if value < low or (high is not None and value > high):
        bound = f"at least {low}" if high is None else f"between {low} and {high}"
        raise ValueError(f"{name} must be {bound}; got {value}")
    return int(value)


def check_real(name, value, low=0.0, high=np.inf, closed="both"):
    """Return `value` as a finite float in the interval; `closed` is as in scikit-learn's Interval."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number; got {value!r} of type {type(value).__name__}")
    above = value >= low if closed in ("both", "left") else value > low
    below = value <= high if closed in ("both", "right") else value < high
    if not (np.isfinite(value) and above and below):
        left, right = "[" if closed in ("both", "left") else "(", "]" if closed in ("both", "right") else ")"
        raise ValueError(f"{name} must be a finite number in {left}{low:g}, {high:g}{right}; got {value}")
    return float(value)


def check_dtype(dtype):
    """Return the float type that `dtype` names, or None."""
    if dtype is None:
        return None
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = None
    if found not in FLOATS:
        raise ValueError(f"dtype must be float32, float64 or None (follow the input); got {dtype!r}")
    return found


def check_random_state(random_state):
    """Return the RandomState that a seed, a RandomState or None stands for."""
    if random_state is None or isinstance(random_state, Integral):
        try:
            return np.random.RandomState(random_state)
        except ValueError:
            raise ValueError(f"random_state must be between 0 and 2**32 - 1; got {random_state}") from None
    if not isinstance(random_state, np.random.RandomState):
        raise TypeError(
            f"random_state must be an int, a numpy.random.RandomState or None; got {random_state!r} "
            f"of type {type(random_state).__name__}"
        )
    return random_state


def check_rows(x, n_features=None, *, name="x", scale=1.0, n_min=0, finite=True):
    """Return `x` as Rows: two-dimensional, numeric, `n_features` wide and, if `finite` is asked for, finite.

    float32, float64 and uint8 arrays and CSR matrices are taken as they are; anything else is converted.
    """
    if hasattr(x, "tocsr"):
        x = x.tocsr()
        if x.dtype not in FLOATS:
            x = x.astype(np.float64)
    else:
        x = np.asarray(x)
        if x.dtype not in ROW_DTYPES:
            x = as_float(x, name)
    if x.ndim != 2:
        hint = (
            f"; for one sample pass {name}.reshape(1, -1)" if x.ndim == 1 else "; flatten the samples first"
        )
        raise ValueError(f"{name} must have 2 dimensions, (samples, features); got shape {x.shape}{hint}")
    if n_features is not None and x.shape[1] != n_features:
        raise ValueError(
            f"{name} has {x.shape[1]} columns but the network expects {n_features}; "
            "pass the columns it was built for, in the same order"
        )
    if x.shape[1] == 0 or x.shape[0] < n_min:
        raise ValueError(
            f"{name} must have at least {n_min} sample(s) of at least 1 feature; got shape {x.shape}"
        )
    rows = Rows(x, scale)
    if finite:
        check_finite_rows(rows, name)
    return rows


def as_float(array, name):
    """Return numbers of any kind as float64 (float16: float32)."""
    try:
        if array.dtype.kind in "US":
            raise TypeError
        return array.astype(np.float32 if array.dtype == np.float16 else np.float64)
    except (TypeError, ValueError):
        raise ValueError(
            f"{name} must hold numbers; got dtype {array.dtype}: encode text as numbers first"
        ) from None


def check_finite_rows(rows, name="x"):
    """Raise where a row holds NaN or infinity."""
    if not training.all_finite(rows):
        not_finite(name)


def not_finite(name="x"):
    """Raise: an array holds NaN or infinity."""
    raise ValueError(f"{name} holds NaN or infinity; impute or drop these samples first")


def check_finite(name, array):
    """Return `array`, which must be finite."""
    if not np.isfinite(array).all():
        not_finite(name)
    return array


def check_targets(y, n_samples, n_outputs, dtype, loss, name="y"):
    """Return targets as the kernels take them: (n, n_outputs) of `dtype`, or int64 labels (n,).

    A one-dimensional `y` holds labels where the loss knows classes and there is more than one output, else
    the only output's targets.
    """
    y = np.asarray(y)
    knows_labels = getattr(loss, "labels", False) and n_outputs > 1
    if y.ndim == 0 or y.ndim > 2 or y.shape[0] != n_samples:
        raise ValueError(f"{name} must hold one row for each of the {n_samples} samples; got shape {y.shape}")
    if knows_labels and (y.ndim == 1 or y.shape[1] == 1):
        return check_labels(y.ravel(), n_outputs, name)
    y = y.reshape(n_samples, -1) if n_samples else y.reshape(0, n_outputs)
    if y.shape[1] != n_outputs:
        raise ValueError(
            f"{name} has {y.shape[1]} columns but the output layer has {n_outputs} units; "
            f"give the last layer {y.shape[1]} units"
        )
    if y.dtype.kind not in "biuf":
        y = as_float(y, name)
    y = check_finite(name, np.ascontiguousarray(y, dtype))
    check_target_range(y, loss, name)
    if getattr(loss, "labels", False) == "only":
        if n_outputs == 1 or not ((y == 0) | (y == 1)).all() or not (y.sum(axis=1) == 1).all():
            raise ValueError(f"{name} must hold class labels or one-hot rows for the loss {loss.name!r}")
        return y.argmax(axis=1).astype(np.int64)
    return y


def check_target_range(y, loss, name="y"):
    """Raise where targets lie outside what a loss is defined for."""
    low, high = getattr(loss, "target_range", (-np.inf, np.inf))
    if y.size and (y.min() < low or y.max() > high):
        raise ValueError(
            f"{name} must lie in [{low:g}, {high:g}] for the loss {loss.name!r}; got values from {y.min():g} "
            f"to {y.max():g}; scale the targets or choose another loss"
        )


def check_labels(y, n_classes, name="y"):
    """Return integer class labels 0 ... n_classes - 1 as int64."""
    if y.dtype.kind not in "biu":
        as_int = as_float(y, name)
        if not (as_int == np.floor(as_int)).all():
            raise ValueError(
                f"{name} must hold integer class labels; got dtype {y.dtype} with fractions or NaN"
            )
        y = as_int
    y = y.astype(np.int64)
    if y.size and (y.min() < 0 or y.max() >= n_classes):
        raise ValueError(
            f"{name} must hold labels from 0 to {n_classes - 1}, one for each output unit; "
            f"got {y.min()} to {y.max()}; number the classes from 0, or add output units"
        )
    return y


def check_sample_weight(sample_weight, n_samples):
    """Return weights as float64, or None."""
    if sample_weight is None:
        return None
    weights = np.ascontiguousarray(sample_weight, np.float64)
    if weights.shape != (n_samples,):
        raise ValueError(f"sample_weight must have shape ({n_samples},); got {weights.shape}")
    check_finite("sample_weight", weights)
    if (weights < 0).any() or not weights.any():
        raise ValueError("sample_weight must not be negative, nor 0 for all samples")
    return weights


def check_hidden_layer_sizes(sizes):
    """Return the widths of hidden layers as a list; 0 and () stand for no hidden layer."""
    sizes = list(sizes) if hasattr(sizes, "__iter__") else ([sizes] if sizes != 0 else [])
    if any(isinstance(n, bool) or not isinstance(n, Integral) or n <= 0 for n in sizes):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
    return [int(n) for n in sizes]


def check_per_layer(name, value, n_layers):
    """Return one value for each of `n_layers`: a list is taken as it is, anything else repeated."""
    if not isinstance(value, (list, tuple)):
        return [value] * n_layers
    if len(value) != n_layers:
        raise ValueError(
            f"{name} must be one value, or one for each of {n_layers} hidden layers; got {len(value)}"
        )
    return list(value)


def check_dropout(dropout, n_hidden):
    """Return the dropout rates of the input and of each hidden layer."""
    if isinstance(dropout, (list, tuple)) and len(dropout) == n_hidden + 1:
        rates = list(dropout)
    else:
        rates = [0.0, *check_per_layer("dropout", dropout, n_hidden)]
    return [check_real("dropout", rate, 0, 1, closed="left") for rate in rates]


def copy_weights(own, given, name):
    """Copy `given` arrays, or None, into the arrays `own`."""
    if given is not None:
        given = check_weight_arrays(given, [a.shape for a in own], name)
        for a, new in zip(own, given, strict=True):
            a[...] = new


def check_lbfgs(estimator, validation_data):
    """Raise where something was asked for that L-BFGS, which wants one smooth function, cannot do."""
    if estimator.monitor is not None or validation_data is not None:
        raise ValueError("solver='lbfgs' takes neither monitor nor validation_data; use 'adam' or 'sgd'")
    for name in ("dropout", "weight_decay", "clip_norm"):
        value = getattr(estimator, name)
        if value is not None and np.any(value):
            hint = "use alpha instead, or " if name == "weight_decay" else ""
            raise ValueError(f"solver='lbfgs' takes no {name}; got {value!r}; {hint}use 'adam' or 'sgd'")


def check_incremental(estimator):
    """Raise where an estimator's parameters rule out training batch by batch."""
    if estimator.solver == "lbfgs":
        raise NotAvailableError(
            "partial_fit is only available for stochastic optimizers. lbfgs is not stochastic; use 'adam'"
        )
    if estimator.early_stopping:
        raise NotAvailableError(
            "partial_fit does not support early_stopping=True; it makes one epoch at a time"
        )


def check_classes(found, known, warm_start):
    """Raise where labels do not go with the classes that an estimator knows."""
    if warm_start:
        if set(found) != set(known):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                f"Previously got {known}, `y` has {found}"
            )
    elif len(np.setdiff1d(found, known, assume_unique=True)):
        raise ValueError(
            f"`y` has classes not in `self.classes_`. `self.classes_` has {known}. 'y' has {found}."
        )


def check_no_multilabel(kind, loss):
    """Raise where one class a sample is needed."""
    if kind.startswith("multilabel"):
        raise ValueError(
            f"loss={loss!r} needs one class for each sample; use loss='log_loss' for several labels"
        )


def kept_dtypes(X):
    """Return the dtypes in which scikit-learn's validation leaves X as it is; others become the first."""
    return FLOATS[::-1] if hasattr(X, "tocsr") else (*FLOATS[::-1], np.dtype(np.uint8))


def check_held_out(n):
    """Raise where early stopping holds out less than two samples."""
    if n < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."
        )


def check_pair(validation_data):
    """Return validation data as (x, y, sample_weight or None)."""
    if not isinstance(validation_data, (tuple, list)) or len(validation_data) not in (2, 3):
        raise ValueError("validation_data must be a tuple (x, y) or (x, y, sample_weight)")
    return (*validation_data, None)[:3]


def check_models(models, network, combined):
    """Return many models as a list; `combined`: whether combinations of options were asked for."""
    models = list(models) if hasattr(models, "__iter__") else [models]
    for k, model in enumerate(models):
        if isinstance(model, type) or not (isinstance(model, network) or hasattr(model, "get_params")):
            raise TypeError(
                f"models must be Networks or estimators, or a function that builds a Network; models[{k}] is "
                f"{model!r}"
            )
    if combined:
        raise TypeError(
            "parameters must be one dict of options for each model where models are given; for all "
            "combinations pass a function that builds a Network instead of the models"
        )
    return models


def check_given(name, value, what):
    """Return `value`, which must not be None."""
    if value is None:
        raise ValueError(f"{name} must be given: {what}")
    return value


def check_as_many(name, values, n):
    """Return a list, which must be `n` long."""
    if len(values) != n:
        raise ValueError(f"{name} must have one entry for each of the {n} fits; got {len(values)}")
    return values


def check_mapping(name, value):
    """Return `value`, which must be a dict with names as keys."""
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise TypeError(f"{name} must be a dict of sequences, or hold dicts, by name; got {value!r}")
    return value


def check_values(name, values):
    """Raise where there are no values to combine."""
    if isinstance(values, str) or not hasattr(values, "__len__"):
        raise TypeError(
            f"{name} must be a sequence of values; got {values!r}; for one value pass [{values!r}]"
        )
    if len(values) == 0:
        raise ValueError(f"{name} must have at least one value; got none")


def check_subset(rows, n_samples, name):
    """Return the rows that indices or a mask stand for, as int64."""
    found = np.asarray(rows)
    if found.dtype == bool and found.shape == (n_samples,):
        found = np.flatnonzero(found)
    if found.ndim != 1 or found.dtype.kind not in "iu" or len(found) == 0:
        raise ValueError(
            f"{name} must be a list of row numbers or a mask of shape ({n_samples},), with at least one row; "
            f"got {found.dtype} of shape {found.shape}"
        )
    if found.min() < -n_samples or found.max() >= n_samples:
        raise ValueError(
            f"{name} must hold row numbers from {-n_samples} to {n_samples - 1}; "
            f"got {found.min()} to {found.max()}"
        )
    found = found.astype(np.int64)
    return np.where(found < 0, found + n_samples, found)


def fail_fits(errors, n_fits, models):
    """Raise for the fits that failed, all in one."""
    raise FitError(f"{len(errors)} of {n_fits} fits failed; the others are done", errors, models)


def check_weight_arrays(arrays, shapes, name="weights"):
    """Return `arrays` as ndarrays, whose shapes must be `shapes`."""
    arrays = [np.asarray(a) for a in arrays]
    got = [a.shape for a in arrays]
    if got != list(shapes):
        raise ValueError(
            f"{name} must have the shapes {list(shapes)}; got {got}: build a new model for new shapes"
        )
    for a in arrays:
        check_finite(name, as_float(a, name))
    return arrays


def warn_diverged(epoch, rate, rows, of=""):
    """Warn that training diverged in an epoch (counted from 1); `of` names the fit where there are many."""
    warnings.warn(
        f"{of and of + ': '}{_diverged(epoch, rate, rows)}. Training stopped; the weights are those from "
        "the start of that epoch. Try a smaller learning rate, or scale the inputs.",
        DivergenceWarning,
        stacklevel=3,
    )


def fail_diverged(epoch, rate, rows):
    """Raise where not one epoch could be trained."""
    raise ValueError(
        "Solver produced non-finite parameter weights. The input data may contain large values and need to "
        f"be preprocessed. {_diverged(epoch, rate, rows)}: scale the inputs, or try a smaller learning rate"
    )


def _diverged(epoch, rate, rows):
    data = rows.data
    largest = max((float(np.abs(data[i : i + 4096]).max()) for i in range(0, len(data), 4096)), default=0.0)
    return (
        f"The loss is not finite in epoch {epoch}, at learning rate {rate:g}; "
        f"the largest |x| is {largest * abs(rows.scale):g}"
    )


def check_trainable(functions, loss, n_outputs):
    """Raise where activations and loss do not go together."""
    output = functions[-1]
    if any(f.name == "step" and f.code is not None for f in functions):
        raise ValueError(
            "a step activation has no gradient to learn by; use 'logistic' or 'tanh', or set_weights()"
        )
    fitting = getattr(loss, "outputs", None)
    if fitting and getattr(output, "code", None) is not None and output.name not in fitting:
        raise ValueError(
            f"the loss {loss.name!r} needs an output activation of {', '.join(fitting)}; got "
            f"{output.name!r}: change the last layer's activation, or take another loss such as 'mse'"
        )
    if n_outputs == 1 and (output.name == "softmax" or getattr(loss, "labels", False)):
        raise ValueError(
            f"{loss.name!r} behind {output.name!r} needs one output unit for each class, at least 2; "
            "for two classes use 1 unit with activation='logistic' and loss='binary_crossentropy'"
        )


def network_error(message):
    """Raise for a network that cannot be built or used as it is."""
    raise ValueError(message)


def not_built(what):
    """Raise for a network without weights."""
    raise NotBuiltError(f"{what} needs a network with weights; call fit(x, y) or build(n_features) first")


def check_returned(what, result, shape):
    """Return what a user's own function returned, as an array that must have `shape`."""
    result = np.asarray(result)
    if result.shape != shape:
        raise ValueError(
            f"{what} must return shape {shape}; got {result.shape}: one result for each, no mean or sum"
        )
    return result
