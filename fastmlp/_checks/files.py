"""What cannot be written to files, and what pickles and files of other versions hold."""

from contextlib import contextmanager
from numbers import Integral, Real
from pathlib import Path

import numpy as np

from ..exceptions import ModelFileError
from .values import check_flag, check_int, check_real, shown
from .warned import warn

REMEDY = (
    "it is not data but an object, which only a .dill file holds (and code in it, so that load() asks for "
    "trusted=True)"
)


def refuse_for_file(what, value):
    """Raise: a value is no plain data."""
    if type(value) is np.ndarray:
        raise TypeError(
            f"{what} is an array of shape {value.shape} and dtype {value.dtype}: arrays in a file hold real "
            "numbers, texts of similar lengths, or plain values; convert it, or write .dill"
        )
    raise TypeError(
        f"{what} is {shown(value)} of type {type(value).__module__}.{type(value).__qualname__}: {REMEDY}"
    )


def check_state_version(state, ours, model):
    """Return the version of a pickle's contents; an older one is warned of, a newer one refused."""
    version = state.get("format_version") if isinstance(state, dict) else None
    known = type(version) is int and version > 0
    made = state.get("versions", {}).get("fastmlp", "another version") if known else "an early version"
    if not known or version > ours:
        raise ModelFileError(
            f"this {model} was pickled by fastmlp {made}, in a form that this one does not read (version "
            f"{version}, known up to {ours}): "
            + ("update fastmlp" if known else "pickle it anew, or train it again")
        )
    if version < ours:
        warn(
            f"this {model} was pickled by fastmlp {made}, in version {version} of a form that is by now "
            f"version {ours}: it was converted; save it anew, as later versions may not read it"
        )
    return version


def check_random_words(key, pos):
    """Raise where the state of a Mersenne twister is none."""
    fits = isinstance(key, np.ndarray) and key.shape == (624,) and key.dtype == np.uint32
    if not fits or not key.any():
        raise ValueError("the state of a RandomState must be 624 numbers of uint32, not all of them 0")
    check_int("pos", pos, 0, 624)


def check_n_layers(n, most):
    """Raise where a network has more layers than can be laid out at once."""
    if n > most:
        raise ValueError(f"a network in a file may have {most} layers; got {n}: write it as .dill")


def check_n_reads(n, most):
    """Raise where the layers of a network read more than can be found at once."""
    if n > most:
        raise ValueError(f"layers of a network in a file may read {most} others, all in all; got {n} or more")


def check_sources(sources, i):
    """Return the numbers of what layer `i` reads: earlier layers, or -1 for the input."""
    for source in sources:
        check_int("sources", source, -1, i - 1)
    if not sources or len(set(sources)) < len(sources):
        raise ValueError(f"a layer must read one or more layers, each once; got {shown(sources)}")
    return list(sources)


def check_new_name(name, names):
    """Raise where a layer's name is none, or that of another one."""
    if not isinstance(name, str) or not name or name == "input" or name in names:
        raise ValueError(f"each layer must have a name of its own; got {shown(name)}")


def check_laid_out(plan, params, dtype):
    """Raise where flat parameters are not those of a network."""
    fits = isinstance(params, np.ndarray) and params.shape == (plan.n_params,) and params.dtype == dtype
    if not fits:
        raise ValueError(f"the parameters must be {plan.n_params} numbers of {dtype}; got {shown(params)}")


def check_described_weights(plan, given, dtype):
    """Raise where (weights, bias) of each layer are not of the shapes and the dtype of a network's."""
    for k, (layer, arrays) in enumerate(zip(plan.layers, given, strict=True)):
        n_in, n_out = int(layer["n_in"]), int(layer["n_out"])
        shapes = [(n_in, n_out), (n_out,) if layer["bias"] >= 0 else None]
        got = [a if a is None else a.shape for a in arrays]
        if got != shapes or any(a is not None and a.dtype != dtype for a in arrays):
            raise ValueError(
                f"weights and bias of layer {k} must be of the shapes {shapes} and {dtype}; got {got}"
            )


def check_history(curves):
    """Return the curves of a history: lists of numbers by name, all of one length."""
    lengths = {len(curve) for curve in curves.values() if isinstance(curve, list)}
    texts = all(isinstance(name, str) for name in curves)
    lists = all(isinstance(curve, list) for curve in curves.values())
    if not (texts and lists and len(lengths) <= 1):
        raise ValueError(f"history_ must hold a list for each name, all of one length; got {shown(curves)}")
    return curves


def check_range_seen(seen):
    """Return a range of targets, None or two numbers."""
    if seen is not None:
        low, high = seen
        seen = check_real("target_range", low, -np.inf), check_real("target_range", high, -np.inf)
    return seen


def check_nothing_else(fitted):
    """Raise where attributes are left that are none of ours."""
    if fitted:
        raise ValueError(f"{', '.join(map(shown, fitted))} is no attribute that a file may set: write .dill")


def check_known_attributes(model, fitted, private):
    """Raise where attributes are neither fitted ones, whose names end in an underscore, nor our own."""
    for name in fitted:
        public = isinstance(name, str) and name.isidentifier() and name[0] != "_" and name[-1:] == "_"
        if not public and name not in private:
            raise ValueError(
                f"{shown(name)} is no attribute of {model} that a file may hold: delete it, or write .dill"
            )


def check_known_parameters(cls, parameters):
    """Raise where a class is not made with parameters of these names."""
    unknown = sorted(set(parameters) - set(cls._get_param_names()))
    if unknown:
        raise ValueError(f"{cls.__name__} has no parameter {', '.join(map(shown, unknown))}")


def check_header_size(is_too_long, n_bytes, n_values):
    """Raise where what is written about a model is more than is read safely."""
    if is_too_long:
        raise ValueError(
            f"what describes the model is more than {n_bytes} bytes of text or {n_values} values, which no "
            "file is read with: shorten metadata, keep long lists in it as arrays, or write .dill"
        )


def check_header_depth(is_too_deep, most):
    """Raise where what is written about a model is nested deeper than is read safely."""
    if is_too_deep:
        raise ValueError(
            f"what describes the model is nested deeper than {most} levels, which no file is read with: make "
            "metadata flatter"
        )


@contextmanager
def no_endless_data():
    """Raise by what is wrong where lists and dicts hold themselves, or are nested beyond Python's stack."""
    try:
        yield
    except RecursionError:
        raise ValueError(
            "what describes the model is nested without end, or too deep for any file: metadata and "
            "parameters must be lists and dicts that do not hold themselves"
        ) from None


def check_n_axes(name, n, most):
    """Raise where an array has more axes than are read."""
    if n > most:
        raise ValueError(f"{name} must have {most} axes at most in a file; got {n}: reshape it")


def check_digits(name, value):
    """Return an int, which must have no more digits than Python reads (4300, unless told otherwise)."""
    if value.bit_length() > 14_000:
        raise ValueError(
            f"{name} must be below 2**14000 in a file; got a number of {value.bit_length()} bits: keep it as "
            "a text"
        )
    return value


def check_finite_layers(layers, error):
    """Raise an error of a class where weights of described layers are not finite."""
    for k, layer in enumerate(layers):
        for name in ("weights", "bias"):
            array = getattr(layer, name)
            if array is not None and not np.isfinite(array).all():
                who = "" if error is ModelFileError else "the model "  # else errors begin with a path
                raise error(
                    f"{who}has {name} that are not finite in layer {k} ({layer.name}): NaN or infinity"
                )


def check_metadata(metadata):
    """Return what a user says of a model, a dict with texts for keys, or nothing."""
    if metadata is None:
        return {}
    if type(metadata) is not dict or not all(type(key) is str for key in metadata):
        raise TypeError(f"metadata must be a dict whose keys are texts; got {shown(metadata)}")
    return metadata


def check_fitted(fitted, kinds):
    """Raise where fitted attributes are of other kinds than they can be."""
    for name, value in fitted.items():
        if name in kinds and not isinstance(value, kinds[name]):
            raise TypeError(f"{name} cannot be {shown(value)} of type {type(value).__name__}")
        if kinds.get(name) is Integral:
            check_int(name, value, 0, 1 << 62)
    for name in ("loss_curve_", "validation_scores_"):
        if not all(isinstance(each, Real) for each in fitted.get(name) or ()):
            raise TypeError(f"{name} must be a list of numbers")
    check_history(fitted.get("history_", {}))
    check_range_seen(fitted.get("target_range_"))
    best = fitted.get("_best")
    if best is not None and not (len(best) == 2 and isinstance(best[0], str) and isinstance(best[1], Real)):
        raise TypeError(f"_best must be the name of what is monitored and its value; got {shown(best)}")


def check_fitted_function(said, limits):
    """Raise where what a neuron applies is no activation of those known with its limits."""
    function, *found = said
    if tuple(found) != limits.get(type(function)):
        known = ", ".join(f"{cls.__name__}: {both}" for cls, both in limits.items())
        raise ValueError(
            f"_fitted_function must be an activation and its limits ({known}); got {shown(said)}"
        )


def check_described_features(description):
    """Raise where features and their names are not those of the weights."""
    n, names, layers = description.n_features, description.feature_names, description.layers
    if n is not None:
        check_int("n_features", n)
    if names is not None and (names.shape != (n,) or not all(isinstance(name, str) for name in names)):
        raise ValueError(f"there must be {n} names of features, all of them texts; got {shown(names)}")
    if layers and n is None:
        raise ValueError("there are weights, and no number of features")


def check_described_outputs(description):
    """Raise where a network's outputs are not as many as classes or values."""
    n_outputs, told = description.layers[-1].units, description.fitted["n_outputs_"]
    task, classes, fits = description.output["task"], description.classes, told == n_outputs
    if classes is not None:
        n = len(check_described_classes(classes))
        several = task.startswith("multilabel") or n > 2
        fits &= n_outputs == n if several else n_outputs in (1, 2)
        check_flag("sparse_input", description.output["sparse_input"])
    if not fits or (classes is None) != (task == "values"):
        raise ValueError(
            f"{n_outputs} outputs do not go with n_outputs_={shown(told)} and classes_={shown(classes)}"
        )


def check_described_neurons(description, needed):
    """Raise where single neurons lack attributes of a fit, or their weights are not those of features."""
    (layer,), n_units = description.layers, 1
    there = {"coef_", "intercept_", *description.fitted}
    missing = [name for name in needed if name not in there]
    if missing != ["classes_"] * (description.classes is not None):
        raise ValueError(f"attributes of a fit are missing, or too many: {', '.join(missing) or 'classes_'}")
    if description.classes is not None:
        n = len(check_described_classes(description.classes))
        n_units = n if n > 2 else 1
    shapes = [(description.n_features, n_units), (n_units,)]
    got = [np.shape(layer.weights), np.shape(layer.bias)]
    if got != shapes or layer.weights.dtype.kind != "f" or layer.bias.dtype != layer.weights.dtype:
        raise ValueError(f"coef_ and intercept_ must be floats of the shapes {shapes}; got {got}")


def check_described_classes(classes):
    """Return the labels of classes, a vector of one or more."""
    if not isinstance(classes, np.ndarray) or classes.ndim != 1 or not len(classes):
        raise ValueError(f"classes_ must be a vector; got {shown(classes)}")
    return classes


def check_suffix(path, known, loads=False):
    """Return the suffix of a file's name, in small letters, which must be one of those known.

    That of a link which has none is that of what it leads to.
    """
    path = Path(path)
    suffix = (path.suffix or path.resolve().suffix).lower()
    if suffix not in known:
        names = ", ".join(one for one in known if one)
        remedy = "take model.safetensors where in doubt"
        if loads:
            of_weights = suffix in (".npz", ".h5", ".hdf5")
            remedy = (
                "build the model, and model.load_weights(path)" if of_weights else "save the model as one"
            )
        raise ValueError(f"path must end in one of {names}; got {suffix!r} of {path}: {remedy}")
    return suffix


def check_no_metadata(metadata, suffix):
    """Raise where something is said of a model in a file that has no place for it."""
    if metadata is not None:
        raise ValueError(f"{suffix} files have no metadata: take .safetensors")


def check_no_training_state(training_state, suffix):
    """Raise where what training goes on from is asked for in a file that has no place for it."""
    if training_state is not False:
        raise ValueError(f"{suffix} files hold no training state: take .safetensors")


def method_of(model, name, suffix):
    """Return the method of a model that writes a file for other programs."""
    if not hasattr(model, name):
        raise TypeError(
            f"{suffix} files are written of Network and fastmlp's estimators; got {type(model).__name__}: "
            "write the one within it, or all of it to a .dill file"
        )
    return getattr(model, name)
