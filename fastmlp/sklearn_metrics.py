"""scikit-learn's metrics: what each of its functions and scorers takes, and which way is better.

scikit-learn is imported only where one of its own was given.
"""

import inspect
from functools import cache, partial

SCORER_KINDS = {"predict": "labels", "predict_proba": "probabilities", "predict_log_proba": "probabilities"}
SCORES = ("y_score", "pred_decision")  # second parameters of functions that rank
RANKS = ("probabilities", "scores")  # which may be in want of a class
PROBABILITIES = ("y_proba", "y_prob")


def recognised(function):
    """Return the fields of the `Metric` that a function or a scorer is."""
    inner = function.func if isinstance(function, partial) else function
    module = getattr(inner, "__module__", None) or ""
    if not module.startswith("sklearn.metrics."):
        return {"function": function}
    if is_scorer(inner):
        return _of_scorer(inner)
    takes, direction = _of_function(inner)
    knows = takes in RANKS and told_classes(inner, getattr(function, "keywords", ()))
    return dict(function=function, takes=takes, direction=direction, knows_classes=knows)


def is_scorer(metric):
    """Return whether it is a scorer: a function of (estimator, X, y) around one of (y_true, y_pred)."""
    return all(hasattr(metric, name) for name in ("_score_func", "_sign", "_response_method"))


def told_classes(function, options):
    """Return whether a function can be told all classes, beside the options that it is called with."""
    return "labels" in inspect.signature(function).parameters and not {"labels", "pos_label"} & set(options)


def _of_scorer(scorer):
    """Return the fields for a scorer whose function is given answers, not an estimator."""
    function, options, factor = scorer._score_func, scorer._kwargs, scorer._sign

    def score(y_true, y_pred, **more):
        return factor * function(y_true, y_pred, **(options | more))

    takes = _response(scorer, function)
    weighted = "sample_weight" in inspect.signature(function).parameters or None
    knows = takes in RANKS and told_classes(function, options)
    return dict(function=score, takes=takes, direction="max", weighted=weighted, knows_classes=knows)


def _response(scorer, function):
    method = scorer._response_method
    if method == "predict" and _of_numbers(function):
        return "values"
    return SCORER_KINDS.get(method, "scores") if isinstance(method, str) else "scores"


def _of_numbers(function):
    return function.__module__.endswith("._regression")


def _of_function(function):
    """Return what a function takes, and its direction."""
    scorer = _scorers().get(function)
    if scorer is not None:
        return _response(scorer, function), "max" if scorer._sign > 0 else "min"
    second = [*inspect.signature(function).parameters][1:2]
    if _of_numbers(function):
        takes = "values"
    elif second and second[0] in SCORES:
        takes = "scores"
    else:
        takes = "probabilities" if second and second[0] in PROBABILITIES else "labels"
    return takes, _by_ending(function.__name__)


def _by_ending(name):
    """Return the direction that scikit-learn's names tell: its documentation promises it."""
    if name.endswith("_score"):
        return "max"
    return "min" if name.endswith(("_error", "_loss", "_deviance")) else None


@cache
def _scorers():
    """Return {function: the scorer around it} for all that have one; of several one that takes scores."""
    from sklearn.metrics import get_scorer, get_scorer_names

    scorers = [get_scorer(name) for name in get_scorer_names()]
    scorers.sort(key=lambda scorer: not isinstance(scorer._response_method, str))
    return {scorer._score_func: scorer for scorer in scorers}
