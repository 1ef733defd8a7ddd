"""The package's own errors and warnings.

All are kinds of Python's: whoever catches ``ValueError`` or ``RuntimeWarning`` need not know them.
"""


class DivergenceWarning(RuntimeWarning):
    """The loss became infinite or NaN; the last finite weights were kept."""


class NotBuiltError(ValueError, AttributeError):
    """A network was used before it had weights."""


class NotAvailableError(AttributeError, ValueError):
    """A method cannot be used with an estimator's parameters."""


class InTrainingError(RuntimeError):
    """A model was to be trained, or its weights to be set, while it is being trained."""


class ModelFileError(ValueError):
    """A file, or a pickle, is no model: damaged, of another kind, or of a later version."""


class GradientError(AssertionError):
    """A derivative differs from what central differences say."""


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
