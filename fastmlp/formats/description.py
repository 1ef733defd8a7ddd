"""A model as data: what every file format is a writer and a reader of.

All values are plain: None, bool, int, float, str, arrays, and lists, tuples and dicts of these. Activations,
losses, penalties, optimizers, schedules and initializers are dicts with their kind, their name and what they
were made with, such as ``{"fastmlp": "activation", "name": "leaky_relu", "slope": 0.01}``; see `plain`.
"""

import platform
import sys
from typing import NamedTuple

import numpy as np

from .. import _checks

FORMAT_VERSION = 1  # of descriptions in pickles
OWN = "own attributes"  # a user's, in pickles; among fitted ones, none of which can have this name


class Layer(NamedTuple):
    """A layer that has weights, and what it reads.

    Attributes
    ----------
    name : str
    units : int
    activation : dict
    sources : tuple of int
        Indices of earlier ones of these layers, -1 for the network's input; their columns follow one another.
    weights : ndarray of shape (n_in, units), or None
        None: the network has none yet.
    bias : ndarray of shape (units,), or None
    options : dict
        What else the layer was made with: input_dim, use_bias, initializer, bias_initializer, l1, l2,
        max_norm, trainable; `named`, whether the user gave the name; `dropout`, the rate by which its outputs
        are dropped in training.
    """

    name: str
    units: int
    activation: dict
    sources: tuple
    weights: np.ndarray | None
    bias: np.ndarray | None
    options: dict


class Description(NamedTuple):
    """A model as data.

    Attributes
    ----------
    kind : str
        Its class: "Network", "MLPClassifier", "MLPRegressor", "Perceptron", "LinearPerceptron" or
        "TanhPerceptron".
    parameters : dict
        What it was made with: `get_params()` of an estimator.
    n_features : int or None
        Columns of the input.
    input_dropout : float
    input_scale : float
        Multiplies every input.
    dtype : str or None
        Of the weights: "float32" or "float64".
    layers : tuple of Layer
        In an order in which sources come first; the last one is the output. Single neurons and models without
        weights have none.
    topology : tuple of dict
        All layers of a network as they were added, Dropout and Concatenate among them: `kind`, `sources`
        (indices into this tuple, -1 for the input), and of those without weights `name`, `named` and `rate`.
    params : ndarray or None
        The vector whose views the weights and biases are; None: it has to be made of them.
    loss, optimizer : dict or None
        What it learned by; an estimator's parameters say its optimizer.
    classes : ndarray or None
        Labels, in the order of a classifier's outputs.
    output : dict
        How outputs are read. `task`: "binary", "multiclass" or "multilabel-indicator" (scikit-learn's words)
        of classifiers, else "values".
    feature_names : ndarray or None
    fitted : dict
        Further fitted attributes by name.
    metadata : dict
        The user's.
    versions : dict of str
        Of what made it: fastmlp, numpy, python.
    training : dict or None
        What training needs to go on as if it had not stopped: the optimizer's state, random state.
    """

    kind: str
    parameters: dict
    n_features: int | None = None
    input_dropout: float = 0.0
    input_scale: float = 1.0
    dtype: str | None = None
    layers: tuple = ()
    topology: tuple = ()
    params: np.ndarray | None = None
    loss: dict | None = None
    optimizer: dict | None = None
    classes: np.ndarray | None = None
    output: dict = {}  # noqa: RUF012  # never changed
    feature_names: np.ndarray | None = None
    fitted: dict = {}  # noqa: RUF012
    metadata: dict = {}  # noqa: RUF012
    versions: dict = {}  # noqa: RUF012
    training: dict | None = None

    @property
    def arrays(self):
        """Weights and biases by name: "layers.0.weights", "layers.0.bias", ..."""
        both = ((f"layers.{k}", layer) for k, layer in enumerate(self.layers))
        found = {
            f"{name}.{what}": getattr(layer, what) for name, layer in both for what in ("weights", "bias")
        }
        return {name: array for name, array in found.items() if array is not None}


def versions():
    """Return the versions of what makes a description."""
    own = sys.modules[__name__.partition(".")[0]].__version__
    return {"fastmlp": own, "numpy": np.__version__, "python": platform.python_version()}


def as_state(description):
    """Return a description as pickles hold it: primitives and arrays, with the version of this form."""
    state = {"format_version": FORMAT_VERSION, **description._asdict()}
    if description.params is not None:
        state["layers"] = [layer._replace(weights=None, bias=None)._asdict() for layer in description.layers]
    else:
        state["layers"] = [layer._asdict() for layer in description.layers]
    return state


def of_state(state, model):
    """Return the description that a pickle holds of a model of the class named."""
    _checks.check_state_version(state, FORMAT_VERSION, model)
    fields = {name: state[name] for name in Description._fields if name in state}
    fields["layers"] = tuple(Layer(**layer) for layer in fields["layers"])
    return Description(**fields)
