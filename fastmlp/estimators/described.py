"""An estimator as a Description, and an estimator made what a description says."""

from contextlib import suppress
from numbers import Integral, Real
from types import NoneType

import numpy as np
import sklearn
from sklearn.preprocessing import LabelBinarizer

from .. import _checks, activations, decisions, losses
from ..formats import kinds
from ..formats.description import OWN, Description, Layer, versions
from ..formats.plain import meant, plain, word
from ..network import checkpoint
from ..network import described as networks
from ..network.network import Network
from ..optimizer_state import OptimizerState

# attributes with a place of their own, or that follow from the others
PLACED = ("_network", "_views", "_loss", "_label_binarizer", "_reading", "_optimizer",
          "coefs_", "intercepts_", "classes_", "feature_names_in_", "n_features_in_")  # fmt: skip
PRIVATE = ("_best", "_no_improvement_count", "_fitted_function", "_sklearn_output_config")
OF_NEURONS = ("errors_", "coef_history_", "intercept_history_")
# what fitted attributes are in files; others, whose names end in an underscore, may be anything
FITTED = {
    **dict.fromkeys(("n_iter_", "n_layers_", "n_outputs_", "_no_improvement_count"), Integral),
    **dict.fromkeys(("t_", "loss_"), Real),
    **dict.fromkeys(("best_loss_", "best_validation_score_"), (Real, NoneType)),
    **dict.fromkeys(("loss_curve_", "validation_scores_"), (list, NoneType)),
    **dict.fromkeys(("target_range_", "_best"), (tuple, list, NoneType)),
    **dict.fromkeys(OF_NEURONS, np.ndarray),
    "best_iter_": (Integral, NoneType), "history_": dict, "interrupted_": (bool, np.bool_),
    "out_activation_": str, "_fitted_function": tuple, "_sklearn_output_config": dict,
}  # fmt: skip
OF_NETWORK = ("n_features", "input_dropout", "input_scale", "dtype", "layers", "topology", "params")


def describe(estimator, training=False, keep=False, layers=None):
    """Return the Description of an estimator.

    Parameters
    ----------
    estimator : estimator
        Another thread may train it.
    training : bool, default=False
        Whether to say what training goes on from.
    keep : bool, default=False
        Whether a user's own objects stay as they are, for pickles.
    layers : bool, default=None
        Whether single neurons are said as a layer, for files and exports. None: unless `keep`.
    """
    if "_network" in vars(estimator):
        estimator._sync()
    state = dict(vars(estimator))
    names = ()
    with suppress(RuntimeError):  # of a user's class whose parameters cannot be told
        names = estimator._get_param_names()
    parameters = {name: plain(state[name], name, keep) for name in names if name in state}
    rest = {name: value for name, value in state.items() if name not in (*PLACED, *names)}
    ours = {name for name in rest if not keep or name in PRIVATE or (name[0] != "_" and name[-1] == "_")}
    fitted = {name: plain(rest[name], name, keep) for name in rest if name in ours}
    if keep:
        fitted[OWN] = {name: value for name, value in rest.items() if name not in ours}
    network, of_network = state.get("_network"), {}
    if network is not None:
        found = networks.describe(network, keep=keep)
        of_network = {name: getattr(found, name) for name in OF_NETWORK}
        fitted["_network"] = found.fitted
    if "coef_" in fitted and (layers or not keep):
        of_network = _neuron(fitted.pop("coef_"), fitted.pop("intercept_"), state)
    description = Description(
        kind=kinds.name_of(estimator),
        parameters=parameters,
        **{"n_features": state.get("n_features_in_"), **of_network},
        loss=plain(state.get("_loss"), "loss", keep),
        classes=state.get("classes_"),
        output=_output(estimator, state),
        feature_names=state.get("feature_names_in_"),
        fitted=fitted,
        versions={**versions(), "scikit-learn": sklearn.__version__},
        training=_training(estimator, state, keep) if training else None,
    )
    if not keep:
        _check(estimator, description)
    return description


def _check(estimator, description):
    """Raise where a description from a file, or for one, is that of no estimator."""
    kind, fitted = type(estimator), dict(description.fitted)
    has_network = fitted.pop("_network", None) is not None
    _checks.check_known_parameters(kind, description.parameters)
    _checks.check_known_attributes(kind.__name__, fitted, PRIVATE)
    _checks.check_fitted(meant(fitted), FITTED)
    _checks.check_described_features(description)
    if has_network:
        _checks.check_described_outputs(description)
    elif description.layers:
        _checks.check_described_neurons(description, (*kind._FITTED, "t_"))
        if "_fitted_function" in fitted:
            _checks.check_fitted_function(meant(fitted["_fitted_function"]), activations.LIMITS)


def _training(estimator, state, keep):
    """Return what training goes on from."""
    kept, network = state.get("_optimizer"), state.get("_network")
    return {
        "optimizer": None if kept is None else plain(kept.optimizer, "solver", keep),
        "optimizer_state": None if kept is None else kept.as_data(),
        "run": None if network is None else checkpoint.unfinished_run(estimator),
    }


def _output(estimator, state):
    """Return how outputs are read; see `fastmlp.decisions.reading`."""
    if "_reading" in state:
        return {**state["_reading"], "sparse_input": bool(state["_label_binarizer"].sparse_input_)}
    if "classes_" in state:
        two = len(state["classes_"]) == 2
        task, threshold = ("binary", 0.0) if two else ("multiclass", None)
        return {"task": task, "by": "outputs", "threshold": threshold, "probabilities": None}
    if state.get("target_range_") is not None:
        return {"task": "values", "scale": (*state["_fitted_function"][1:], *state["target_range_"])}
    return {"task": "values"}


def _neuron(coef, intercept, state):
    """Return single neurons as a layer of them."""
    function = state["_fitted_function"][0] if "_fitted_function" in state else activations.Identity()
    weights = np.atleast_2d(coef).T
    n_units = weights.shape[1]
    layer = Layer("neurons", n_units, plain(function, "activation"), (-1,), weights, np.array(intercept), {})
    return {"layers": (layer,), "dtype": weights.dtype.name}


def restore(estimator, description, keep=False):
    """Make an estimator what a description says.

    Parameters
    ----------
    estimator : estimator
        Made by ``object.__new__``.
    description : Description
    keep : bool, default=False
        Whether attributes of a user's own may come with it, as in pickles.
    """
    state, fitted = vars(estimator), dict(description.fitted)
    parameters = meant(description.parameters)
    if keep:
        state.update(parameters)
    else:
        _check(estimator, description)
        estimator.__init__(**parameters)
    of_network = fitted.pop("_network", None)
    given = {
        "n_features_in_": description.n_features, "classes_": description.classes,
        "feature_names_in_": description.feature_names,
    }  # fmt: skip
    state.update({name: value for name, value in given.items() if value is not None})
    state.update(fitted.pop(OWN, {}))
    state.update(meant(fitted))
    if description.layers and of_network is None:
        (layer,) = description.layers
        coef = np.ascontiguousarray(layer.weights.T)
        estimator._set_weights(coef, layer.bias)
    if description.loss is not None:
        estimator._loss = losses.get(word(description.loss, "loss"))
    if "sparse_input" in description.output:
        estimator._label_binarizer = _binarizer(description)
    if of_network is not None:
        network = object.__new__(Network)
        own = {"random_state": None, "dtype": None}
        networks.restore(network, description._replace(
            parameters=own, fitted=of_network, loss=None, optimizer=None, training=None,
        ), keep)  # fmt: skip
        network.rng = None  # every fit starts from `random_state`
        _go_on(estimator, network, description.training)
        estimator._attach(network)
        if "sparse_input" in description.output:
            task = description.output["task"]
            estimator._reading = decisions.reading(network.functions[-1], estimator._loss, task)


def _go_on(estimator, network, training):
    """Let training go on from what `_training` has returned."""
    if training is None:
        return
    network.unfinished = _checks.check_unfinished_run(training["run"], of_estimator=True)
    if training["optimizer"] is not None:
        optimizer, n_params = meant(training["optimizer"]), network.plan.n_params
        kept = OptimizerState.of_data(optimizer, n_params, network.params.dtype, training["optimizer_state"])
        estimator._optimizer = kept


def _binarizer(description):
    """Return scikit-learn's coder of the classes, as it was fitted."""
    binarizer = LabelBinarizer()
    binarizer.classes_, binarizer.y_type_ = description.classes, description.output["task"]
    binarizer.sparse_input_ = description.output["sparse_input"]
    return binarizer


def register(*classes):
    """Let models of our classes be described."""
    for cls in classes:
        kinds.register(cls, describe, restore)
