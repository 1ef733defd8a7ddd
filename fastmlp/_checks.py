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


def check_threads(n_threads):
    """Return a number of threads, or None."""
    return None if n_threads is None else check_int("n_threads", n_threads)


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


def check_flag(name, value):
    """Return `value`, True or False, as a bool; 0 and 1 will do."""
    if not isinstance(value, (bool, np.bool_)) and (not isinstance(value, Integral) or value not in (0, 1)):
        raise TypeError(f"{name} must be True or False; got {value!r} of type {type(value).__name__}")
    return bool(value)


def check_name(name):
    """Return the name of a layer, or None."""
    if name is not None and (not isinstance(name, str) or not name):
        raise TypeError(f"name must be a text that is not empty, or None; got {name!r}")
    return name


def check_sequence(name, value, of):
    """Return `value`, a sequence, as a list."""
    try:
        return list(value)
    except TypeError:
        raise TypeError(f"{name} must be a sequence of {of}; got {value!r}: put it into a list") from None


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


def as_array(value, name):
    """Return `value` as an ndarray."""
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
    y = as_array(y, name)
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
    weights = as_float(np.ascontiguousarray(as_array(sample_weight, "sample_weight")), "sample_weight")
    weights = weights.astype(np.float64, copy=False)
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


def check_callbacks(callbacks):
    """Return callbacks as a tuple: objects that have a hook."""
    hooks = ("on_fit_begin", "on_epoch_end", "on_fit_end")
    found = tuple(callbacks) if hasattr(callbacks, "__iter__") else (callbacks,)
    for callback in found:
        if isinstance(callback, type) or not any(hasattr(callback, hook) for hook in hooks):
            raise TypeError(
                f"callbacks must be objects with {', '.join(hooks[:-1])} or {hooks[-1]}; got {callback!r}; "
                "give scikit-learn's own to set_callbacks()"
            )
    return found


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
    arrays = [as_array(a, name) for a in check_sequence(name, arrays, "arrays")]
    got = [a.shape for a in arrays]
    if got != list(shapes):
        raise ValueError(
            f"{name} must have the shapes {list(shapes)}; got {got}: build a new model for new shapes"
        )
    for a in arrays:
        if not np.isfinite(as_float(a, name)).all():
            raise ValueError(f"{name} must be finite; got NaN or infinity")
    return arrays


def check_first_weights(weights):
    """Return the number of inputs that the first of several weight arrays is for."""
    shape = np.shape(weights[0]) if isinstance(weights, (list, tuple)) and len(weights) else ()
    if len(shape) != 2:
        raise ValueError(
            f"weights must be a list that begins with an array (n_features, units); got {weights!r}: "
            "build(n_features) first, then see get_weights()"
        )
    return shape[0]


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
    """Raise where there is no gradient to learn by, or activations and loss do not go together."""
    if any(f.name == "step" and getattr(f, "code", None) is not None for f in functions):
        raise ValueError(
            "a step activation has no gradient to learn by; use 'logistic' or 'tanh', or set_weights()"
        )
    check_measurable(functions[-1], loss, n_outputs)


def check_measurable(output, loss, n_outputs):
    """Raise where an output activation and a loss do not go together."""
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


def check_lbfgs_network(plan):
    """Raise where a network has what L-BFGS, which wants one smooth function, cannot do."""
    for what, there in (
        ("Dropout", plan.input_dropout > 0 or plan.layers["dropout"].any()),
        ("max_norm", plan.layers["max_norm"].any()),
    ):
        if there:
            raise ValueError(f"the optimizer LBFGS takes no {what}; leave it out, or use 'adam' or 'sgd'")


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


def check_clean(name, X):
    """Return `X` as an array of finite numbers with at least one dimension, of any strides."""
    if hasattr(X, "tocsr"):
        raise TypeError(f"{name} must be a dense array, for noise leaves no zeros; pass {name}.toarray()")
    X = np.asarray(X)
    if X.dtype.kind == "c":
        raise ValueError(f"{name} must hold numbers that are real; got dtype {X.dtype}: pass {name}.real")
    if X.dtype.kind not in "biuf" or X.dtype.itemsize > 8:
        X = as_float(X, name)
    if X.ndim == 0:
        raise ValueError(
            f"{name} must have at least 1 dimension; got a single number; pass np.atleast_1d({name})"
        )
    if X.dtype.kind == "f" and X.size:
        flags = ["external_loop", "buffered"]  # pieces of 64K numbers, in the order in which they lie
        for piece in np.nditer(X, flags, [["readonly"]], buffersize=1 << 16):
            check_finite(name, piece)
    return X


def check_noise(sigma, clip, dtype):
    """Return sigma and the limits of clipping as floats."""
    sigma = check_real(
        "sigma", sigma, 0.0, float(np.finfo(dtype).max) / 16
    )  # nothing drawn is beyond 10 sigma
    if clip is None:
        return sigma, -np.inf, np.inf
    try:
        low, high = (float(limit) for limit in clip)
    except (TypeError, ValueError):
        raise ValueError(f"clip must be None or (low, high), two numbers; got {clip!r}") from None
    if not low <= high:
        raise ValueError(f"clip must be (low, high) with low <= high; got {clip!r}")
    return sigma, low, high


def check_out(out, shape, dtype, X, overlaps):
    """Return an array to write to: `out`, or a new one. It may be `X` itself where `overlaps`."""
    if out is None:
        return np.empty(shape, dtype)
    if not isinstance(out, np.ndarray) or out.shape != shape or out.dtype != dtype:
        got = (
            f"shape {out.shape} and dtype {out.dtype}" if isinstance(out, np.ndarray) else type(out).__name__
        )
        raise ValueError(f"out must be an array of shape {shape} and dtype {dtype}; got {got}")
    if not (out.flags.c_contiguous and out.flags.writeable and out.flags.aligned):
        raise ValueError("out must be C-contiguous, aligned and writeable; pass np.empty(shape, dtype)")
    if np.may_share_memory(out, X):
        same = out.ctypes.data == X.ctypes.data and out.strides == X.strides
        if not (overlaps and same and X.shape == shape and X.dtype == dtype):
            raise ValueError(
                "out shares memory with the input; pass another array, or all of the input itself"
            )
    return out


def draw_key(random_state):
    """Return 64 random bits, drawn from what `random_state` stands for, a NumPy Generator included."""
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(0, 2**64, dtype=np.uint64))
    low, high = check_random_state(random_state).randint(0, 2**32, 2, np.uint64).tolist()
    return high << 32 | low


def check_neuron_weight(sample_weight):
    """Return weights, none of which may be negative: a step must not lead away from its target."""
    if (sample_weight < 0).any() or not sample_weight.any():
        raise ValueError(
            f"sample_weight must not be negative, nor 0 for all samples; the least is {sample_weight.min():g}"
        )
    return sample_weight


def check_initial(name, own, given):
    """Copy initial weights, or None, into `own`, a row for each unit."""
    if given is None:
        return
    given = np.asarray(given)
    if given.shape != own.shape and not (len(own) == 1 and given.size == own.size):
        raise ValueError(
            f"{name} must have shape {own.shape}; got {given.shape}: one row for each class (two classes: "
            "one row), one column for each feature"
        )
    own[...] = check_finite(name, as_float(given, name)).reshape(own.shape)


def check_held_weights(weights):
    """Raise where validation data would count nothing."""
    if not weights.any():
        raise ValueError(
            "the samples held out for early stopping all have sample_weight 0; change random_state"
        )


def check_incremental_neuron(estimator):
    """Raise where all data would have to be known, or epochs to be compared."""
    if estimator.early_stopping:
        raise NotAvailableError(
            "partial_fit does not support early_stopping=True; it makes one epoch at a time"
        )
    if isinstance(estimator.class_weight, str):
        raise NotAvailableError(
            f"partial_fit does not support class_weight={estimator.class_weight!r}, for it sees a part of "
            "the data only; pass a dict of weights that were computed from all of it"
        )


def check_several_classes(n):
    """Raise where there is nothing to tell apart."""
    if n < 2:
        raise ValueError(f"y must hold at least 2 classes; got {n} class: add samples of another one")


def check_target_limits(limits):
    """Return (low, high) of the targets as floats."""
    if len(limits) != 2:
        raise ValueError(f"scale_targets must be True, False or (low, high); got {limits!r}")
    low, high = (check_real("scale_targets", limit, -np.inf, closed="neither") for limit in limits)
    if low >= high:
        raise ValueError(f"scale_targets=(low, high) needs low < high; got {limits!r}")
    return low, high


def check_stacks(A, B):
    """Return two stacks of matrices as arrays of one float type, and the shape of their product."""
    if type(A) is not np.ndarray or type(B) is not np.ndarray:
        A, B = np.asarray(A), np.asarray(B)
    dtype = A.dtype
    if dtype is not B.dtype or not (dtype is FLOATS[1] or dtype is FLOATS[0]):
        dtype = product_dtype(dtype, B.dtype)
        A, B = A.astype(dtype, copy=False), B.astype(dtype, copy=False)
    a, b = A.shape, B.shape
    if len(a) < 2 or len(b) < 2:
        raise ValueError(
            f"A and B must have at least 2 dimensions, (..., rows, columns); got the shapes {a} and {b}: "
            "make a vector a matrix of one column by v[..., None], of one row by v[..., None, :]"
        )
    if a[-1] != b[-2]:
        raise ValueError(
            f"A must have as many columns as B has rows; got {a[-1]} in {a} and {b[-2]} in {b}: "
            "a stack is transposed by A.swapaxes(-2, -1)"
        )
    leading = a[:-2]
    if leading != b[:-2]:
        try:
            leading = np.broadcast_shapes(leading, b[:-2])
        except ValueError:
            raise ValueError(
                f"leading dimensions of A and B must broadcast; got {leading} of {a} and {b[:-2]} of {b}: "
                "they must be equal, 1 or missing"
            ) from None
    return A, B, (*leading, a[-2], b[-1])


def product_dtype(a, b):
    """Return the float type of a product by NumPy's promotion."""
    try:
        found = np.result_type(a, b)
    except TypeError:
        found = np.dtype(object)
    if found not in FLOATS:
        raise ValueError(
            f"A and B must have a product in float32 or float64; got dtypes {a} and {b}: convert one by "
            "A.astype(np.float64), or take numpy.matmul"
        )
    return found


def check_product(out, shape, dtype):
    """Return `out`, which must be able to hold a product."""
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out must be a NumPy array or None; got {out!r} of type {type(out).__name__}")
    if out.shape != shape or out.dtype != dtype:
        raise ValueError(
            f"out must have shape {shape} and dtype {dtype}; got {out.shape} and {out.dtype}: "
            f"make it by np.empty({shape}, np.{dtype})"
        )
    if not out.flags.writeable:
        raise ValueError("out must be writeable; got a read-only array: pass a copy of it")
    return out


def check_callable(name, value):
    """Return `value`, a name or a callable by what it is for."""
    if not callable(value):
        raise TypeError(f"{name} must hold names or callables; got {value!r}")
    return value


def check_not_empty(name, value, remedy):
    """Raise where there is nothing in `value`."""
    if not len(value):
        raise ValueError(f"{name} is empty; {remedy}")


def check_distinct(name, values):
    """Raise where one of several names comes twice."""
    twice = sorted({value for value in values if values.count(value) > 1})
    if twice:
        raise ValueError(f"{name} holds {', '.join(map(repr, twice))} more than once; name them by a dict")


def check_length(name, array, n_samples):
    """Raise where an array has not one entry for each sample."""
    if array.ndim == 0 or len(array) != n_samples:
        raise ValueError(
            f"{name} must have one entry for each of the {n_samples} rows of X; got shape {array.shape}"
        )


def check_number(name, value):
    """Return what a metric returned as a float."""
    if np.ndim(value) != 0 or np.asarray(value).dtype.kind not in "biuf":
        raise TypeError(
            f"the metric {name!r} must return one number; got {value!r}: choose an average, or pick one class"
        )
    return float(value)


def check_any_method(name, value, estimator, methods):
    """Raise where an estimator has none of the methods that a metric asks for."""
    if not any(hasattr(estimator, method) for method in methods):
        raise ValueError(
            f"{name}: {value!r} needs an estimator with {' or '.join(methods)}, which {estimator!r} has not "
            "with these parameters; choose a metric of predictions, such as 'accuracy'"
        )


def check_numeric_labels(metric, y):
    """Raise where labels would have to be subtracted from each other and are no numbers."""
    if y.dtype.kind not in "biuf":
        raise ValueError(
            f"metrics: {metric!r} of a classifier without predict_proba needs numbers for labels; got dtype "
            f"{y.dtype}: encode them as numbers, or choose 'accuracy'"
        )


def fail_metric(name, error):
    """Raise for a metric that cannot be computed."""
    hint = "; 'f1_macro' and its like average over classes" if "average" in str(error) else ""
    raise ValueError(f"metrics: {name!r} cannot be computed for this y: {error}{hint}") from error


def fail_sample_weight(estimator):
    """Raise for an estimator that knows no weights."""
    raise ValueError(f"sample_weight was given, but fit of {estimator!r} takes none; leave it out")


def check_error_score(error_score):
    """Raise where `error_score` says neither to raise nor what to write instead."""
    number = isinstance(error_score, Real) and not isinstance(error_score, bool)
    if not number and (not isinstance(error_score, str) or error_score != "raise"):
        raise ValueError(f"error_score must be 'raise' or a number, such as NaN; got {error_score!r}")


def check_splitter(cv):
    """Return `cv`, a splitter or an iterable of (train, test) as a list."""
    if isinstance(cv, str) or not (hasattr(cv, "split") or hasattr(cv, "__iter__")):
        raise TypeError(
            "cv must be an int, a splitter of sklearn.model_selection, or an iterable of (train, test) row "
            f"numbers; got {cv!r}"
        )
    if hasattr(cv, "split"):
        return cv
    cv = list(cv)
    for k, split in enumerate(cv):
        if len(split) != 2:
            raise ValueError(f"cv must hold pairs (train, test); fold {k} has {len(split)} parts")
    return cv


def check_repeats(repeats, varies):
    """Raise where all repetitions would be the same."""
    if repeats > 1 and not varies:
        raise ValueError(
            f"repeats={repeats}, but neither the splitter nor the estimator draws anything, so all "
            "repetitions would be the same; set repeats=1, the estimator's random_state=None, or cv's shuffle"
        )


def check_splits(splits, n_samples, n_expected=None):
    """Raise where folds are missing, empty, or name rows that are not there."""
    check_not_empty("cv", splits, "its splitter yielded no fold")
    if n_expected is not None and len(splits) != n_expected:
        raise ValueError(
            f"cv must yield as many folds in each repetition; got {n_expected}, then {len(splits)}"
        )
    for k, split in enumerate(splits):
        for name, rows in zip(("training", "test"), split, strict=True):
            if not len(rows):
                raise ValueError(f"cv yielded no {name} rows in fold {k}; choose other sizes or fewer folds")
            if rows.min() < 0 or rows.max() >= n_samples:
                raise ValueError(
                    f"cv yielded row {rows.min() if rows.min() < 0 else rows.max()} among the {name} rows of "
                    f"fold {k}; X has rows 0 to {n_samples - 1}"
                )


def check_any_fold(errors):
    """Warn of folds that failed; raise where all did."""
    failed = [error for error in errors if error]
    if not failed:
        return
    from sklearn.exceptions import FitFailedWarning

    message = f"{len(failed)} of {len(errors)} folds failed; the first one with\n{failed[0]}"
    if len(failed) == len(errors):
        raise ValueError(message)
    warnings.warn(message, FitFailedWarning, stacklevel=3)


def check_curves(epochs):
    """Raise where no curve was recorded."""
    if not len(epochs):
        raise ValueError(
            "there are no curves: the estimator records none, or `every` was None or more than the epochs; "
            "use score() and scores for what the fitted estimators reached"
        )
