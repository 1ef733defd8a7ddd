"""What every model can be written as besides a file of its own: code, ONNX graphs, weights for others."""

from importlib import import_module
from pathlib import Path

from .. import _checks

WEIGHTS = {".npz": "npz", ".h5": "keras", ".hdf5": "keras"}


def format_module(name):
    """Import a module of the formats when it is needed: not everyone who imports the package writes files."""
    return import_module(f"..formats.{name}", __package__)


def write(path, *pieces):
    """Write a file as a whole, or leave what is there."""
    writing = format_module("writing")
    writing.write_atomically(writing.writable(path), *pieces)


class Exported:
    """Base of Network and of the estimators, which say by `_described` what they are."""

    def to_numpy(self, path=None):
        """Return the model as a function of NumPy alone.

        Parameters
        ----------
        path : str or path-like, default=None
            Where to write its code, if anywhere: a module of Python that needs NumPy only.

        Returns
        -------
        function : callable
            From an array of shape (n, n_features) to what `predict` returns. Its `source` is the code,
            weights included. That of a classifier with probabilities has a `predict_proba`.
        """
        function = format_module("numpy_code").to_numpy(self._described("to_numpy"))
        if path is not None:
            write(path, function.source.encode())
        return function

    def to_onnx(self, path, *, zipmap=False, input_dtype=None):
        """Write the model to an ONNX file, which ONNX Runtime and others compute.

        It computes in the dtype of the weights. The input is X of shape (n, n_features). A Network has the
        output ``outputs``; regressors and single neurons that learn values have ``variable``; all of shape
        (n, n_outputs). Classifiers have what skl2onnx gives scikit-learn's: ``label``, int64 or string of
        shape (n,), for multilabel targets int64 (n, n_labels); and ``probabilities`` (n, n_classes), or
        scores where there are none.

        Parameters
        ----------
        path : str or path-like
        zipmap : bool, default=False
            Of classifiers: the outputs ``output_label`` and ``output_probability``, a map from classes to
            probabilities in single precision for each sample, as skl2onnx gives unless told otherwise.
        input_dtype : {"float32", "float64", "uint8"}, default=None
            What X holds. None: what the weights are.

        Raises
        ------
        ValueError
            The model has what ONNX cannot say, such as a user's own activation.
        ImportError
            onnx is not installed: ``pip install fastmlp[onnx]``.
        """
        description = self._described("to_onnx")
        file = format_module("onnx_graph").to_onnx(
            description, _checks.check_flag("zipmap", zipmap), input_dtype
        )
        write(path, file)

    def to_c(self, path, *, prefix="model"):
        """Write the model to a C99 header that needs nothing but the C library's math.

        It computes in the dtype of the weights, on the stack, and keeps nothing between calls. With the usual
        prefix, ``model_predict(x, y)`` writes the outputs for one sample x. That of a classifier is
        ``int model_predict(x)``, the index of the class, of which ``model_label(index)`` is the label; for
        multilabel targets ``model_predict(x, labels)`` writes 0 and 1. ``model_predict_proba(x, p)`` writes
        probabilities. ``model_n_features``, ``model_n_outputs`` and ``model_n_classes`` say the sizes.

        Parameters
        ----------
        path : str or path-like
        prefix : str, default="model"
            What every name in the header begins with, so that a program may use several models: a letter,
            then letters, digits and underscores.

        Raises
        ------
        ValueError
            The model has what C cannot say, such as a user's own activation.
        """
        text = format_module("c_header").to_c(self._described("to_c"), prefix)
        write(path, text.encode("ascii"))

    def save_weights(self, path):
        """Write weights and biases alone, for NumPy or Keras.

        Parameters
        ----------
        path : str or path-like
            The suffix says the format: ``.npz`` (arrays named layers.0.weights, layers.0.bias, ...),
            ``.weights.h5`` as Keras 3 writes them, other ``.h5`` and ``.hdf5`` as Keras 2 did.

        Raises
        ------
        ValueError
            Weights are not finite.
        ImportError
            h5py is not installed: ``pip install fastmlp[hdf5]``.

        See Also
        --------
        load_weights : Read them back.
        """
        writing = format_module("writing")
        target, module = writing.writable(path), _format_of(path)
        description = self._described("save_weights")
        _checks.check_finite_layers(description.layers, ValueError)  # `load_weights` takes no others
        writing.write_atomically(target, *module.write(description, target))

    def load_weights(self, path):
        """Read weights and biases of a model with the same layers.

        Parameters
        ----------
        path : str or path-like
            A file of `save_weights`, one of Keras (``.weights.h5``, ``.h5``), or one that
            ``np.savez(path, *weights)`` wrote. Layers are found by their names where a Keras file has the
            same ones, else in order.

        Returns
        -------
        self : object

        Raises
        ------
        ModelFileError
            The file is damaged, of another kind, or of other layers; the message names the layer, the shape
            that was expected and the one that was found. The model stays as it was.
        """
        description, module = self._described("load_weights"), _format_of(path)
        with format_module("reading").opened(Path(path)) as (file, size):
            arrays = module.read(file, size, description.layers)
        self._take_weights(arrays)
        return self

    def _described(self, what):
        """Return the Description of a model that has weights; `what` is what needs them."""
        raise NotImplementedError

    def _take_weights(self, arrays):
        """Put weights and biases, in the order of `get_weights`, in the place of the model's."""
        raise NotImplementedError


def _format_of(path):
    """Return the module that knows a file of weights by its suffix."""
    suffix = Path(path).suffix.lower()
    return format_module(_checks.check_choice("the suffix of path", suffix, WEIGHTS))
