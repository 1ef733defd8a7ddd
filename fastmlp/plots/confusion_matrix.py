"""Which classes are taken for which."""

import sklearn.metrics


class ConfusionMatrixDisplay(sklearn.metrics.ConfusionMatrixDisplay):
    """scikit-learn's display, which takes a `Network` too."""

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
        if not hasattr(estimator, "predict_classes"):
            return super().from_estimator(estimator, X, y, **options)
        return cls.from_predictions(y, estimator.predict_classes(X), **options)
