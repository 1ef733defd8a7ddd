"""What `train` does with a table: a recipe that is strong out of the box, and its score on rows held out.

The recipe was chosen on scikit-learn's small tables: Adam, a little dropout, and the weights of the epoch
whose loss on 15 % of the training rows, set aside for that, was least.
"""

import warnings
from dataclasses import dataclass, fields

import numpy as np
from sklearn import metrics
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split

from .. import MLPClassifier, MLPRegressor
from .columns import Columns, center_and_scale
from .trained import Trained

SET_ASIDE = 0.15
FEWEST = 40  # rows to train on from which some are set aside
SCORES = {
    True: {"accuracy": metrics.accuracy_score, "balanced accuracy": metrics.balanced_accuracy_score},
    False: {
        "R²": metrics.r2_score, "mean absolute error": metrics.mean_absolute_error,
        "root mean squared error": metrics.root_mean_squared_error,
    },
}  # fmt: skip


@dataclass(frozen=True)
class Recipe:
    """How a model is trained; the fields are options of the command."""

    classifies: bool
    hidden: tuple = (64, 32)
    activation: str = "relu"
    epochs: int = 200
    learning_rate: float = 0.003
    batch_size: int = 32
    dropout: float = 0.1
    weight_decay: float = 0.0
    patience: int = 20
    balanced: bool = False
    seed: int = 0
    threads: int | None = None

    @classmethod
    def options(cls):
        """Return the names of those that are options of the command."""
        return [field.name for field in fields(cls)][1:]

    def aside(self, y):
        """Return which rows are set aside to stop by, so many of each class; none where they are too few.

        A class of a single row is trained on.
        """
        rows, counts = np.arange(len(y)), np.ones(1)
        if self.classifies:
            _, place, counts = np.unique(y, return_inverse=True, return_counts=True)
            rows = rows[counts[place] > 1]
        n_aside = round(len(y) * SET_ASIDE)
        if not self.patience or len(y) < FEWEST or n_aside < len(counts) or len(rows) - n_aside < len(counts):
            return rows[:0]
        how = dict(test_size=n_aside, random_state=self.seed, stratify=y[rows] if self.classifies else None)
        return train_test_split(rows, **how)[1]

    def train(self, table, y, target, on_epoch=None, held=None):
        """Return a Trained model.

        Parameters
        ----------
        table : Table
            Without the target.
        y : ndarray
            Classes, or numbers.
        target : str
            The name of what `y` holds.
        on_epoch : callable, default=None
            Is called at each epoch's end.
        held : tuple of (Table, ndarray), default=None
            Other rows and their targets, whose loss is measured too where none are set aside.
        """
        columns = Columns.learn(table)
        mean, scale = (0.0, 1.0) if self.classifies else center_and_scale(y)
        X, truth = columns.apply(table), y if self.classifies else (y - mean) / (scale or 1.0)
        aside = self.aside(y)
        how = dict(
            hidden_layer_sizes=self.hidden, activation=self.activation, max_iter=self.epochs, tol=0.0,
            learning_rate_init=self.learning_rate, batch_size=min(self.batch_size, len(y)),
            dropout=self.dropout, weight_decay=self.weight_decay, random_state=self.seed,
            n_threads=self.threads, metrics=("accuracy",) if self.classifies else ("r2",),
            n_iter_no_change=self.patience if len(aside) else self.epochs,
        )  # fmt: skip
        fitting = {"callbacks": [Told(on_epoch)] if on_epoch else ()}
        if len(aside):
            how |= dict(early_stopping=True, monitor="val_loss")
            fitting["validation_data"] = X[aside], truth[aside]
            X, truth = np.delete(X, aside, axis=0), np.delete(truth, aside)
        elif held is not None:
            fitting["validation_data"] = self._comparable(columns.apply(held[0]), held[1], y, mean, scale)
        if self.classifies:
            model = MLPClassifier(**how, class_weight="balanced" if self.balanced else None)
        else:
            model = MLPRegressor(**how)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # epochs are told, and the curves drawn
            model.fit(X, truth, **fitting)
        return Trained(columns, model, target, mean, scale or 1.0)

    def _comparable(self, X, y, known, mean, scale):
        """Return rows whose loss can be measured: a class that no training row has is unknown."""
        if not self.classifies:
            return X, (y - mean) / (scale or 1.0)
        rows = np.isin(y, known)
        return X[rows], y[rows]


class Told:
    """A callback that calls a function at each epoch's end."""

    only_watches = True

    def __init__(self, function):
        self.function = function

    def on_epoch_end(self, state):
        self.function()


@dataclass
class Scores:
    """How well rows were told that had been held out.

    Attributes
    ----------
    models : list
        One for each fold.
    ours, baseline : dict of ndarray
        By the score's name, its value in each fold; the baseline tells all rows the same.
    y_true, y_pred : ndarray
        Each row's target, and what was told by the model that had not seen it.
    """

    models: list
    ours: dict
    baseline: dict
    y_true: np.ndarray
    y_pred: np.ndarray


def cross_validated(recipe, table, y, target, n_folds, on_epoch=None, on_fit=None):
    """Return the Scores of a recipe on each part of the rows, trained on the others."""
    kind = StratifiedKFold if recipe.classifies else KFold
    dummy = DummyClassifier(strategy="most_frequent") if recipe.classifies else DummyRegressor()
    models, told, parts = [], np.empty_like(y, dtype=y.dtype if recipe.classifies else float), []
    functions = SCORES[recipe.classifies]
    ours, baseline = ({name: [] for name in functions} for _ in range(2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # classes rarer than folds, which `train` tells
        splits = list(kind(n_folds, shuffle=True, random_state=recipe.seed).split(y, y))
        for train, test in splits:
            some, others = (table._replace(frame=table.frame.iloc[rows]) for rows in (train, test))
            trained = recipe.train(some, y[train], target, on_epoch, (others, y[test]))
            told[test] = trained.predict(trained.columns.apply(others))
            always = dummy.fit(train[:, None], y[train]).predict(test[:, None])
            for name, function in functions.items():
                ours[name].append(function(y[test], told[test]))
                baseline[name].append(function(y[test], always))
            models.append(trained.model)
            parts.append(test)
            if on_fit:
                on_fit()
    rows = np.concatenate(parts)
    arrays = [{name: np.array(values) for name, values in found.items()} for found in (ours, baseline)]
    return Scores(models, *arrays, y[rows], told[rows])
