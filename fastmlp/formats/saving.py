"""`save` and `load`: the format by the suffix of the file's name."""

from importlib import import_module
from pathlib import Path

from .. import _checks
from . import kinds, pickled, safetensors
from .packing import unpack
from .plain import meant, plain
from .reading import opened
from .writing import writable, write_atomically

# modules of this folder whose `write(description)` returns the pieces of a file
WRITERS = {"": "safetensors", ".safetensors": "safetensors"}
# methods of models that write what other programs read
EXPORTS = {".onnx": "to_onnx", ".h": "to_c", ".py": "to_numpy",
           ".npz": "save_weights", ".h5": "save_weights", ".hdf5": "save_weights"}  # fmt: skip


def save(model, path, *, metadata=None, training_state=False):
    """Write a model to a file, all of it or nothing.

    Parameters
    ----------
    model : Network or estimator
        Trained or not. A scikit-learn estimator around one, such as a Pipeline, goes into .dill only.
    path : str or path-like
        A new name, or a regular file, which is replaced only when the new one is complete. What a link
        points to is written, not the link. The suffix says the format:

        - ``.safetensors``, or none: parameters and what the model was made with, as numbers and text.
          Loading such a file runs no code.
        - ``.dill``: the model as Python has it, a user's own losses included. Loading it can run code.
        - ``.onnx``, ``.h`` (C), ``.py`` (NumPy): for other programs to predict with, by the model's methods
          `to_onnx`, `to_c` and `to_numpy`, which have options. They are not loaded.
        - ``.npz``, ``.weights.h5``, ``.h5``: weights alone, by `save_weights`; `load_weights` reads them.
    metadata : dict, default=None
        What you want to say of the model: texts, numbers, lists, arrays. .safetensors only; see `read_info`.
    training_state : bool, default=False
        Whether a .safetensors file is to hold what training goes on from: what the optimizer remembers and
        where the stream of random numbers is. A .dill file always does.

    Raises
    ------
    TypeError, ValueError
        `model` is no model, or holds what is no data; the message says what, and that .dill takes it.
    ImportError
        dill is not installed: ``pip install fastmlp[persist]``.
    OSError
        The file cannot be written, or `path` is a folder, a device, a pipe or a socket; what is there is left
        as it was.

    See Also
    --------
    load : Read the model back.

    Examples
    --------
    >>> import os, tempfile
    >>> from fastmlp import Dense, Network, load, save
    >>> model = Network([Dense(units=1, activation="tanh", input_dim=2)], random_state=0).build()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(model, os.path.join(folder, "model.safetensors"))
    ...     again = load(os.path.join(folder, "model.safetensors"))
    >>> again.n_params
    3
    """
    target, suffix = writable(path), _checks.check_suffix(path, [*WRITERS, *EXPORTS, ".dill"])
    _checks.check_model(model)
    if suffix in EXPORTS:
        _checks.check_no_metadata(metadata, suffix)
        _checks.check_no_training_state(training_state, suffix)
        _checks.method_of(model, EXPORTS[suffix], suffix)(path)
        return
    if suffix == ".dill":
        _checks.check_no_metadata(metadata, suffix)
        pieces = pickled.write(model)
    else:
        training_state = _checks.check_flag("training_state", training_state)
        writer = import_module(f".{WRITERS[suffix]}", __package__)
        with _checks.no_endless_data():
            description = kinds.describe(model, training=training_state)
            metadata = plain(_checks.check_metadata(metadata), "metadata")
            pieces = writer.write(description._replace(metadata=metadata))
    write_atomically(target, *pieces)


def check_savable(model, path):
    """Raise where `save` of a model could not write it, before it has learned anything."""
    target, suffix = writable(path), _checks.check_suffix(path, [*WRITERS, ".dill"])
    if not target.parent.is_dir():
        raise FileNotFoundError(
            f"path must lie in a folder that is there; {target.parent} is none: make it first"
        )
    _checks.check_model(model)
    if suffix != ".dill":
        with _checks.no_endless_data():
            kinds.describe(model, training=True)


def load(path, *, trusted=False):
    """Read a model that `save` wrote.

    Parameters
    ----------
    path : str or path-like
        Its suffix says the format: .dill, or else .safetensors.
    trusted : bool, default=False
        Must be True for .dill files, which hold Python objects: loading one can run any code that its author
        put in. Load only files from where you would also run a program.

    Returns
    -------
    model : Network or estimator

    Raises
    ------
    ModelFileError
        The file is no model, is damaged, is of a later version, or has to be trusted and is not.
    OSError
        It is not there, or cannot be read.

    See Also
    --------
    save : Write a model.
    """
    if _checks.check_suffix(path, ["", ".safetensors", ".dill"], loads=True) == ".dill":
        return pickled.read(Path(path), trusted)
    with opened(Path(path)) as (file, size):
        return kinds.model_of(safetensors.read_from(file, size))


def read_info(path):
    """Read what a .safetensors file says of its model, without the model.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    dict
        ``kind``, the model's class; ``versions`` of what wrote it; the user's ``metadata``;
        ``has_training_state``.

    Raises
    ------
    ModelFileError, OSError
        As `load`.
    """
    with opened(Path(path)) as (file, size):
        fields, take, _ = safetensors.read_header(file, size)
        said = {name: unpack(fields[name], take) for name in ("kind", "versions", "metadata")}
        said["metadata"] = meant(said["metadata"])
        return {**said, "has_training_state": fields["training"] is not None}
