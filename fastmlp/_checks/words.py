"""Words that other libraries use, or that are nearly right: what was meant by them."""

import inspect
from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields
from difflib import get_close_matches
from functools import cache, wraps
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_R = TypeVar("_R")


def by_alias(names):
    """Return {alias: our names}, in the order of `names`, which are given as {our name: its aliases}."""
    found = {}
    for name, aliases in names.items():
        for alias in aliases.split():
            found.setdefault(alias, []).append(name)
    return found


# what Keras, PyTorch, scikit-learn and papers call our losses, activations, optimizers, initializers and
# metrics, in small letters and digits only; those of our names are told that can be chosen at the place
NAMES = by_alias(
    {
        "categorical_crossentropy": "cce ce scce nll nllloss sparsecategoricalcrossentropy crossentropyloss "
        "crossentropy logloss deviance",
        "softmax_crossentropy": "crossentropyloss softmaxce softmaxcrossentropywithlogits",
        "binary_crossentropy": "bce bceloss bcewithlogits bcewithlogitsloss crossentropy logloss deviance",
        "log_loss": "crossentropy categoricalcrossentropy binarycrossentropy cce bce ce",
        "hinge": "svm svc margin categoricalhinge multimargin multimarginloss",
        "squared_hinge": "svm svc l2svm",
        "mse": "l2 l2loss mseloss squarederror squaredloss leastsquares meansquarederror rmse quadratic",
        "squared_error": "l2 l2loss mse mseloss meansquarederror squaredloss leastsquares rmse quadratic",
        "half_squared_error": "squarederror",
        "sse": "sumofsquares sumsquarederror",
        "delta_rule": "delta deltarule widrowhoff lms adaline",
        "mae": "l1 l1loss meanabsoluteerror",
        "absolute_error": "l1 l1loss mae meanabsoluteerror",
        "huber": "smoothl1 smoothl1loss",
        "quantile": "pinball pinballloss",
        "poisson": "poissonnll poissonnllloss deviance",
        "identity": "none lin",
        "logistic": "logit expit",
        "tanh": "hyperbolictangent",
        "leaky_relu": "lrelu leaky prelu",
        "step": "heaviside threshold hardlim sign binarystep",
        "exp": "exponential",
        "sgd": "gd bgd gradientdescent",
        "nesterov": "nag",
        "adam": "adamax nadam radam",
        "rmsprop": "rms",
        "rprop": "irprop resilient",
        "lbfgs": "bfgs quasinewton",
        "glorot_uniform": "xavier",
        "glorot_normal": "xavier",
        "he_uniform": "kaiming",
        "he_normal": "kaiming",
        "uniform": "randomuniform",
        "normal": "randomnormal truncatednormal gaussian",
        "zeros": "zero",
        "accuracy": "acc error",
        "r2": "r2score",
        "precision": "precisionscore",
        "recall": "recallscore",
        "f1": "f1score",
    }
)

# the same for arguments
ARGUMENTS = by_alias(
    {
        "learning_rate_init": "lr eta learningrate",
        "learning_rate": "lr eta alpha stepsize",
        "rate": "lr learningrate initiallearningrate maxlr p prob dropoutrate",
        "eta0": "lr eta learningrate alpha",
        "beta_1": "beta1 b1 betas",
        "beta_2": "beta2 b2 betas",
        "epsilon": "eps",
        "decay": "rho gamma",
        "factor": "gamma",
        "every": "stepsize period savefreq everynepochs",
        "keep": "maxtokeep savetopk keeplast",
        "path": "filepath filename file",
        "resume_from": "ckptpath checkpoint resume resumefromcheckpoint",
        "nesterovs_momentum": "nesterov",
        "weight_decay": "decay l2penalty",
        "clip_norm": "clipnorm globalclipnorm",
        "clip_value": "clipvalue",
        "input_dim": "inputshape infeatures inputsize nin",
        "units": "outfeatures outputdim neurons size nunits",
        "activation": "act func nonlinearity",
        "use_bias": "bias",
        "initializer": "kernelinitializer weightsinit init",
        "l2": "kernelregularizer regularizer",
        "l1": "kernelregularizer regularizer",
        "reg": "regularizer kernelregularizer penalty regularization",
        "lam": "lambda lambd alpha l2 l1",
        "max_norm": "kernelconstraint",
        "dropout": "dropoutrate",
        "sources": "layers axis",
        "epochs": "nepochs niter epoch maxiter maxepochs",
        "max_iter": "epochs nepochs niter epoch maxepochs",
        "batch_size": "batch minibatch minibatchsize",
        "loss": "criterion lossfunction lossfn",
        "optimizer": "solver optim",
        "solver": "optimizer optim",
        "x": "xtrain data inputs",
        "X": "xtrain data inputs",
        "y": "ytrain targets labels target",
        "validation_data": "validationset evalset valdata testdata evaldata",
        "sample_weight": "weights sampleweights",
        "n_threads": "njobs nthreads workers threads",
        "random_state": "seed rng randomseed",
        "hidden_layer_sizes": "hiddenlayers hidden hiddensizes layers units",
        "metrics": "metric",
        "callbacks": "callback",
        "label_smoothing": "labelsmooth",
        "quantile": "tau q",
        "slope": "negativeslope alpha beta",
        "std": "stddev sigma",
        "name": "gate",
        "low": "minval",
        "high": "maxval",
    }
)

# what no argument stands for: what to do instead
ELSEWHERE = {
    "validation_split": "hold rows out yourself and give them as validation_data=(x, y).",
    "class_weight": "give each sample the weight of its class, as in sample_weight=weights[y].",
    "initial_epoch": "a second fit goes on where the first ended; one that was cut off, resume_from=path.",
    "momentum": "take an optimizer that has it, as Momentum(learning_rate=0.01, momentum=0.9).",
    "nesterov": "take Nesterov(learning_rate=0.01, momentum=0.9).",
    "save_best_only": "name what is best, as in monitor='val_loss': only epochs that better it are saved.",
    "save_weights_only": "training_state=False leaves out what only training needs.",
    "input_shape": "give the number of inputs to the first layer, as in Dense(..., input_dim=2).",
}
OF_OPTIMIZERS = frozenset(
    "lr learning_rate learning_rate_init momentum nesterov beta_1 beta_2 beta1 beta2 betas epsilon eps rho "
    "eta weight_decay clip_norm clipnorm clip_value clipvalue".split()
)


def plain(word):
    """Return a word in small letters and digits only."""
    return "".join(c for c in str(word).lower() if c.isalnum())


def meant(word, known, table, near=True):
    """Return the names among `known` that another word may stand for, the likeliest first; at most three."""
    by_plain = {plain(name): name for name in known}
    word = plain(word)
    if word in by_plain:
        return [by_plain[word]]
    found = [name for name in table.get(word, ()) if name in known]
    found = found or [name for name in known if word and plain(name.partition("_")[0]) == word]
    if near and not found:
        found = [by_plain[name] for name in get_close_matches(word, by_plain, 2, 0.7)]
    return found[:3]


def question(names):
    """Return "did you mean 'this' or 'that'?", or nothing where there are no names."""
    return f"did you mean {' or '.join(map(repr, names))}?" if names else ""


def did_you_mean(word, known):
    """Ask for the name that was meant by another, of a loss or the like; nothing where none is near."""
    known = [name for name in known if isinstance(name, str)]
    return question(meant(word, known, NAMES)) if isinstance(word, str) else ""


@cache
def checks_of(cls):
    """Return {name: check} of the fields of a dataclass whose types say a check."""
    return {f.name: f.type.__metadata__[0] for f in fields(cls) if hasattr(f.type, "__metadata__")}


@cache
def arguments_of(function):
    """Return the names that a function takes as keywords, in their order; None for any."""
    parameters = inspect.signature(function).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    return tuple(p.name for p in parameters if p.kind is not p.POSITIONAL_ONLY and p.name != "self")


def check_arguments(what, function, given):
    """Raise where keywords were given that a function does not take; the message says what was meant."""
    known = arguments_of(function)
    unknown = [] if known is None else [name for name in given if name not in known]
    if not unknown:
        return
    name = unknown[0]
    if "optimizer" in known and name in OF_OPTIMIZERS:
        hint = "it belongs to the optimizer, as in optimizer=SGD(learning_rate=0.1, momentum=0.9)."
    elif name in ELSEWHERE and not meant(name, known, ARGUMENTS, near=False):
        hint = ELSEWHERE[name]
    else:
        hint = question(meant(name, known, ARGUMENTS))
    answer = f"{what} takes no argument {name!r}" + (f": {hint}" if hint else ".")
    raise TypeError(f"{answer} It takes {', '.join(known)}")


def told(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Decorate a function so that arguments it does not take are answered by what was meant."""
    known = frozenset(arguments_of(function))

    @wraps(function)
    def call(*args, **kwargs):
        try:
            return function(*args, **kwargs)
        except TypeError:  # looked into only now, as a look before each call takes a hundredth of a small fit
            if known.issuperset(kwargs):
                raise
        what = function.__qualname__.removesuffix(".__init__")
        if "." in what:  # the class of the object, not the one that has the method
            what = f"{type(args[0]).__name__}.{function.__name__}"
        return check_arguments(what, function, kwargs)

    return call


class Declared:
    """Base of what is made by keywords; those that it does not know are answered by what was meant."""

    def __new__(cls, *args, **kwargs):
        if kwargs:
            check_arguments(cls.__name__, cls.__init__, kwargs)
        return super().__new__(cls)


class Fixed(Declared):
    """Base of dataclasses that stay as they were made; subclasses of a user may keep what they like.

    A field whose type is annotated with a check, as `Positive` is, must pass it. What `dataclass` would
    compile for each class (`repr` and `eq`) stands here once, which imports faster.
    """

    def __repr__(self):
        shown = (f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if f.repr)
        return f"{type(self).__qualname__}({', '.join(shown)})"

    def _compared(self):
        return tuple(getattr(self, f.name) for f in fields(self) if f.compare)

    def __eq__(self, other):
        return self._compared() == other._compared() if type(other) is type(self) else NotImplemented

    def __hash__(self):
        return hash(self._compared())

    def __post_init__(self):
        for name, check in checks_of(type(self)).items():
            check(name, getattr(self, name))

    def __setattr__(self, name, value):
        if type(self).__module__.startswith("fastmlp."):
            raise FrozenInstanceError(f"{name} cannot be set: {self!r} stays as it was made; make another")
        super().__setattr__(name, value)
