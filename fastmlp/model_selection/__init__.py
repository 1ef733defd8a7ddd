"""Repeated k-fold cross-validation with the curves of every fold.

``scoring`` resolves and computes metrics, ``folds`` fits one fold, ``engine`` runs folds side by side, in
threads or wherever joblib's active backend does, ``result`` is what comes of it.
"""

from .cross_validation import cross_validate
from .result import CrossValidation

__all__ = ["CrossValidation", "cross_validate"]
