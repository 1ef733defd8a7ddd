"""Which classes are taken for which."""

import numpy as np
import sklearn.metrics

from .. import _checks
from ._axes import fit_ticks
from .legends import axes_or_new
from .themes import sequential, styled

MOST_VALUES = 25  # classes beyond which the colours alone tell
MOST_NAMES = 40  # beyond which not every class is named


class ConfusionMatrixDisplay(sklearn.metrics.ConfusionMatrixDisplay):
    """scikit-learn's display, which takes a `Network` too, and up to a hundred classes and more."""

    @classmethod
    def from_estimator(cls, estimator, X, y, **options):
        """Draw how a fitted classifier, or a network, takes classes for others.

        Parameters
        ----------
        estimator : Network or classifier
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Classes; of a network their numbers, or the two numbers it was trained on.
        **options
            As scikit-learn's.

        Returns
        -------
        ConfusionMatrixDisplay
        """
        options = {"include_values": None, "cmap": None} | options
        if not hasattr(estimator, "predict_classes"):
            return super().from_estimator(estimator, X, y, **options)
        told = estimator.predict_classes(X)
        y = _checks.check_targets_drawn(_checks.check_numbers_of_classes(y), len(told))
        return cls.from_predictions(y, told, **options)

    @classmethod
    def from_predictions(cls, y_true, y_pred, **options):
        """Draw how predictions take classes for others: scikit-learn's, with the options of `plot`."""
        return super().from_predictions(y_true, y_pred, **{"include_values": None, "cmap": None} | options)

    @styled
    def plot(self, *, include_values=None, cmap=None, ax=None, text_kw=None, **options):
        """Draw into `ax`, or into a new figure, and return self.

        Parameters
        ----------
        include_values : bool, default=None
            Whether the numbers are written. None: up to 25 classes.
        cmap : str or Colormap, default=None
            None: from the background to blue.
        ax : Axes, default=None
        text_kw : dict, default=None
        **options
            As scikit-learn's.
        """
        n = len(self.confusion_matrix)
        _checks.check_not_empty("confusion_matrix", self.confusion_matrix, "it needs a class or more")
        _checks.check_names_of_matrix(self.display_labels, n)
        size = min(9.0, max(4.4, 0.42 * n))
        bar = 1.0 if options.get("colorbar", True) else 0.0
        ax = axes_or_new(ax, figsize=(size + 0.4 + bar, size))
        include_values = n <= MOST_VALUES if include_values is None else include_values
        room = 72 * ax.get_window_extent().width / ax.figure.dpi / n  # points of a cell
        digits = len(str(int(np.nanmax(self.confusion_matrix, initial=0))))
        text_kw = {"fontsize": min(10.0, room / (0.7 * max(2, digits)))} | (text_kw or {})
        cmap = sequential(ax) if cmap is None else cmap
        super().plot(include_values=include_values, cmap=cmap, ax=ax, text_kw=text_kw, **options)
        ax.spines[:].set_visible(True)
        if n > MOST_NAMES:
            shown = np.arange(0, n, 10)
            names = [label.get_text() for label in ax.get_xticklabels()]
            ax.set(xticks=shown, yticks=shown)
            for axis in (ax.xaxis, ax.yaxis):
                axis.set_ticklabels([names[k] for k in shown])
        if options.get("xticks_rotation", "horizontal") == "horizontal":
            fit_ticks(ax)
        return self
