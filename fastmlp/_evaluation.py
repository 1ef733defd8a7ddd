"""A network measured: its loss and metrics on data, once or at each epoch's end."""

from . import _checks, _metrics
from ._monitor import measure_sets
from ._preparation import samples_of


class EvaluationSet:
    """Samples on which a network is measured: checked once, measured as often as is wanted.

    Parameters
    ----------
    network : Network
    x, y, sample_weight
        As in `Network.evaluate`.
    loss : loss
    metrics : dict of functions
        As `fastmlp._metrics.get` returns them.
    of : str
        What the samples are part of, for messages.
    """

    def __init__(self, network, x, y, sample_weight, loss, metrics, of=""):
        self.network, self.loss, self.metrics = network, loss, metrics
        self.y = y  # as metrics take it: the user's
        self.rows, self.targets, self.weights = samples_of(network, x, y, loss, sample_weight, of)

    def measure(self):
        """Return the loss, without penalties, and each metric."""
        network = self.network
        logits = network.outputs(self.rows, logits=True)
        found = {"loss": network.loss_of(self.loss, logits, self.targets, self.weights)}
        return found | _metrics.measure(
            self.metrics, self.y, network.functions[-1].value(logits), self.weights
        )


class EpochMetrics:
    """What is measured at an epoch's end: metrics on training data, loss and metrics on validation sets.

    Parameters
    ----------
    network : Network
    prepared : Prepared
        What it is trained on.
    y : array-like
        The targets as the user gave them.
    metrics : names or functions
    validation_data : tuple or dict of tuples, default=None
    """

    def __init__(self, network, prepared, y, metrics, validation_data=None):
        self.network, self.training, self.y = network, prepared, y
        self.metrics = _metrics.get(metrics)
        self.sets = {}
        for name, data in _checks.check_validation_data(validation_data).items():
            of = " of validation_data" + (f"[{name!r}]" if isinstance(validation_data, dict) else "")
            self.sets[name] = EvaluationSet(network, *data, prepared.learning.loss, self.metrics, of)
        names = [f"{name}_{what}" for name in self.sets for what in ("loss", *self.metrics)]
        names += ["loss", "learning_rate", "seconds", *self.metrics]
        _checks.check_distinct("the history (metrics, validation_data)", names)

    def __bool__(self):
        return bool(self.metrics or self.sets)

    def __call__(self):
        found = {}
        if self.metrics:
            predicted = self.network.outputs(self.training.rows)
            found = _metrics.measure(self.metrics, self.y, predicted, self.training.sample_weight)
        return found | measure_sets(self.sets)
