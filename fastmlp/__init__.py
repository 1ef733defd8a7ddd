"""Fast small neural networks on the CPU, behind scikit-learn's contract."""

from importlib import import_module

from .exceptions import DivergenceWarning, FitError, InTrainingError, NotBuiltError
from .kernels.dispatch import backend
from .layers import Concatenate, Dense, Dropout
from .network.network import Network
from .optimizers import LBFGS, SGD, Adagrad, Adam, AdamW, AMSGrad, Momentum, Nesterov, RMSprop, Rprop
from .penalties import L1, L1L2, L2

__version__ = "0.1.0"

# imported when first used: these bring scikit-learn, or other libraries
_LATER = {
    "LinearPerceptron": ".estimators.delta_rule",
    "MLPClassifier": ".estimators.mlp",
    "MLPRegressor": ".estimators.mlp",
    "Perceptron": ".estimators.perceptron",
    "TanhPerceptron": ".estimators.delta_rule",
    "batched_matmul": ".batched",
    "check_gradient": ".gradient_check",
    "fit_many": ".many.fit_many",
    "load": ".formats.saving",
    "read_info": ".formats.saving",
    "save": ".formats.saving",
}
_MODULES = (
    "callbacks", "datasets", "exceptions", "experiments", "graph", "metrics", "model_selection", "noise",
    "plots",
)  # fmt: skip

__all__ = [
    "L1", "L1L2", "L2", "LBFGS", "SGD", "AMSGrad", "Adagrad", "Adam", "AdamW", "Concatenate", "Dense",
    "DivergenceWarning", "Dropout", "FitError", "InTrainingError", "LinearPerceptron", "MLPClassifier",
    "MLPRegressor", "Momentum", "Nesterov", "Network", "NotBuiltError", "Perceptron", "RMSprop", "Rprop",
    "TanhPerceptron", "backend", "batched_matmul", "check_gradient", "fit_many", "load", "read_info", "save",
    *_MODULES,
]  # fmt: skip


def __getattr__(name):
    if name in _LATER:
        value = getattr(import_module(_LATER[name], __name__), name)
    elif name in _MODULES:
        value = import_module(f".{name}", __name__)
    else:
        raise AttributeError(f"module 'fastmlp' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__():
    return sorted(__all__)
