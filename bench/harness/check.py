"""Do all peers learn the same thing? Only those that do are timed."""

from dataclasses import dataclass

import numpy as np

from .data import initial_weights, load_digits, rows_for

REFERENCE = "numpy"
# float32 rounds at 6e-8; an error in a formula moves these by 1e-2 and more
TOLERANCE = {"weights": 1e-4, "predictions": 1e-4, "loss": 1e-4}


@dataclass
class Agreement:
    """How far one peer is from the reference.

    Attributes
    ----------
    weights : float or None
        Norm of the difference of all weights, over the norm of what training changed; None for a prediction.
    predictions : float
        Largest absolute difference on the checked rows; for class labels the share that differs.
    loss : float or None
        Relative difference of the mean loss after training.
    problem : str
        What is wrong; empty where the peer agrees.
    """

    peer: str
    weights: float | None = None
    predictions: float = 0.0
    loss: float | None = None
    problem: str = ""


def forward(weights, x, case):
    """Return the output layer's values in float64."""
    hidden = {"logistic": lambda z: 1 / (1 + np.exp(-z)), "tanh": np.tanh}[case.hidden]
    a = x.astype(np.float64)
    for W, b in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        a = hidden(a @ W.astype(np.float64) + b)
    z = a @ weights[-2].astype(np.float64) + weights[-1]
    if case.output == "tanh":
        return np.tanh(z)
    z = np.exp(z - z.max(axis=1, keepdims=True))
    return z / z.sum(axis=1, keepdims=True)


def mean_loss(outputs, y):
    """Return the mean cross-entropy of integer labels, or the mean squared error."""
    if y.ndim == 1:
        return -np.log(outputs[np.arange(len(y)), y]).mean()
    return np.mean((outputs - y) ** 2)


def flat(weights):
    return np.concatenate([np.asarray(w, np.float64).ravel() for w in weights])


def compare(case, peer, result, reference):
    """Return the `Agreement` of one peer's result with the reference's."""
    agreement = Agreement(peer)
    if case.kind == "predict":
        difference = result != reference if case.labels else np.abs(result - reference)
        agreement.predictions = float(difference.mean() if case.labels else difference.max())
    else:
        shapes, expected = [np.shape(w) for w in result], [np.shape(w) for w in reference]
        if shapes != expected:
            agreement.problem = f"weights of shapes {shapes}, expected {expected}"
            return agreement
        start = initial_weights(case.sizes)
        moved = np.linalg.norm(flat(reference) - flat(start))
        agreement.weights = float(np.linalg.norm(flat(result) - flat(reference)) / moved)
        x, y = rows_for(case, None if case.sizes[0] == 2 else load_digits())
        ours, theirs, before = (forward(w, x, case) for w in (result, reference, start))
        agreement.predictions = float(np.abs(ours - theirs).max())
        loss = mean_loss(theirs, y)
        agreement.loss = float(abs(mean_loss(ours, y) / loss - 1))
        if not loss < mean_loss(before, y):
            agreement.problem = "the reference has not learned: its loss did not fall"
    for name, limit in TOLERANCE.items():
        value = getattr(agreement, name)
        if value is not None and not value <= limit:
            agreement.problem = f"{name} differ from {REFERENCE}'s by {value:.2g} (tolerance {limit:g})"
            break
    return agreement


def check_case(case, sessions):
    """Run every peer on the case's check rows; return {peer: Agreement}.

    Parameters
    ----------
    case : Case
    sessions : dict
        Peer name to `Worker` or `Session`; holds the reference.
    """
    small = case.with_rows(case.check_rows)
    reference = sessions[REFERENCE].call("learn", small)
    agreements = {}
    for name, session in sessions.items():
        result = reference if name == REFERENCE else session.call("learn", small)
        agreements[name] = compare(small, name, result, reference)
    return agreements
