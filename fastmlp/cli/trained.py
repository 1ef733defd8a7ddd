"""What `train` makes and `predict` reads: a model, and what prepares its inputs, in one .safetensors file."""

import numpy as np

from .. import load, read_info, save
from .columns import Columns

KEY, VERSION = "fastmlp train", 1


class Trained:
    """A model with the columns that it reads.

    Parameters
    ----------
    columns : Columns
    model : MLPClassifier or MLPRegressor
    target : str
        The column that it tells.
    mean, scale : float
        Of a number's target, by which the model's values are read.
    about : dict
        What else is said of it, as plain data.
    """

    def __init__(self, columns, model, target, mean=0.0, scale=1.0, about=None):
        self.columns, self.model, self.target = columns, model, target
        self.mean, self.scale, self.about = mean, scale, about or {}

    @property
    def classifies(self):
        """Whether classes are told, not numbers."""
        return hasattr(self.model, "classes_")

    def predict(self, X):
        """Return classes, or numbers in the target's unit."""
        found = self.model.predict(X)
        return found if self.classifies else found.astype(np.float64) * self.scale + self.mean

    def save(self, path):
        """Write the file."""
        said = {"version": VERSION, "target": self.target, "mean": self.mean, "scale": self.scale}
        save(self.model, path, metadata={KEY: {**said, **self.about, "columns": self.columns.columns}})

    @classmethod
    def load(cls, path):
        """Read a file that `save` wrote.

        Raises
        ------
        ModelFileError, OSError
            As `fastmlp.load`.
        ValueError
            Another than `train` wrote it.
        """
        said = (read_info(path)["metadata"] or {}).get(KEY)
        if said is None:
            raise ValueError(f"{path} holds a model, but no columns: `fastmlp train` did not make it")
        model = load(path)
        try:
            about = dict(said)
            if about.pop("version") > VERSION:
                raise ValueError("a later version of fastmlp wrote it: update fastmlp")
            columns = Columns(about.pop("columns"))
            found = cls(
                columns, model, about.pop("target"), float(about.pop("mean")), float(about.pop("scale"))
            )
            found.about = about
            if columns.width != model.n_features_in_ or not isinstance(found.target, str):
                raise ValueError(
                    f"its columns make {columns.width} inputs, the model has {model.n_features_in_}"
                )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} is not as `fastmlp train` writes it: {error}") from error
        return found
