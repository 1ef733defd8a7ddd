"""What every export asks of a description first."""

from .. import _checks
from .plain import meant


def functions_of(to, description):
    """Return the activation of each layer of a model that has weights.

    Parameters
    ----------
    to : str
        What errors call the export.
    description : Description

    Raises
    ------
    NotBuiltError
        The model has no weights yet.
    ValueError
        An activation is a user's own, whose code only Python knows; weights are not finite.
    """
    if not description.layers or description.layers[0].weights is None:
        _checks.not_built(to)
    _checks.check_finite_layers(description.layers, ValueError)
    for layer in description.layers:
        if not isinstance(layer.activation, dict):
            name = repr(layer.activation.name)
            _checks.cannot_export(
                to, "built-in activations only", f"{name}, your own", "write it to a .dill file"
            )
    return [meant(layer.activation) for layer in description.layers]
