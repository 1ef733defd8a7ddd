"""A network measured: its loss and metrics on data, once or at each epoch's end."""

import numpy as np

from .. import _checks
from .. import metrics as measures
from .epoch_end import measure_sets
from .preparation import samples_of
from .reading import Reading


def read(network, y, logits, loss, coding=None):
    """Return what the outputs behind some logits stand for beside targets."""
    output = network.functions[-1]
    return Reading(y, output.value(logits), output, loss, coding, network.learning.target_range)


def coding_of(network, y, loss, metrics):
    """Return the `Coding` of targets, which must tell classes where metrics take such."""
    told = Reading(y, np.empty((0, network.plan.n_outputs)), network.functions[-1], loss)
    _checks.check_metrics_of_values(metrics, told.are_values)
    return told.coding


class EvaluationSet:
    """Samples on which a network is measured: checked once, measured as often as is wanted.

    Parameters
    ----------
    network : Network
    x, y, sample_weight
        As in `Network.evaluate`.
    loss : loss
    metrics : dict of Metric
        As `fastmlp.metrics.get` returns them.
    of : str
        What the samples are part of, for messages.
    coding : Coding, default=None
        Of the targets trained on: these are judged alike. None: of y.
    """

    def __init__(self, network, x, y, sample_weight, loss, metrics, of="", coding=None):
        self.network, self.loss, self.metrics, self.coding = network, loss, metrics, coding
        self.y = np.asarray(y)  # metrics get y as the user gave it
        self.rows, self.targets, self.weights = samples_of(network, x, y, loss, sample_weight, of)
        if metrics and coding is None:
            coding_of(network, self.y, loss, metrics)

    def measure(self):
        """Return the loss, without penalties, and each metric."""
        network = self.network
        logits = network.outputs(self.rows, logits=True)
        found = {"loss": network.loss_of(self.loss, logits, self.targets, self.weights)}
        if not self.metrics:
            return found
        reading = read(network, self.y, logits, self.loss, self.coding)
        return found | measures.measure(self.metrics, reading, self.weights)

    def score(self):
        """Return the accuracy, or R² where the outputs tell no classes."""
        network = self.network
        reading = read(network, self.y, network.outputs(self.rows, logits=True), self.loss, self.coding)
        name = "accuracy" if reading.tells_classes else "r2"
        return measures.measure({name: measures.METRICS[name]}, reading, self.weights)[name]


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

    Attributes
    ----------
    directions : dict
        Of all that is measured, see `metrics.directions`.
    """

    def __init__(self, network, prepared, y, metrics, validation_data=None):
        self.network, self.training = network, prepared
        self.metrics = measures.get(metrics)
        self.y = self.coding = None
        if self.metrics:
            self.y = np.asarray(y)
            self.coding = coding_of(network, self.y, prepared.learning.loss, self.metrics)
        self.sets = {}
        for name, data in _checks.check_validation_data(validation_data).items():
            of = " of validation_data" + (f"[{name!r}]" if isinstance(validation_data, dict) else "")
            self.sets[name] = EvaluationSet(
                network, *data, prepared.learning.loss, self.metrics, of, self.coding
            )
        self.directions = measures.directions(self.metrics, ("", *(f"{name}_" for name in self.sets)))

    def __bool__(self):
        return bool(self.metrics or self.sets)

    def _read(self):
        logits = self.network.outputs(self.training.rows, logits=True)
        return read(self.network, self.y, logits, self.training.learning.loss, self.coding)

    def __call__(self):
        found = {}
        if self.metrics:
            found = measures.measure(self.metrics, self._read(), self.training.sample_weight)
        return found | measure_sets(self.sets)
