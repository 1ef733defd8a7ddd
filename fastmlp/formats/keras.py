"""Weights as Keras keeps them in HDF5, in the layouts of Keras 3 (``.weights.h5``) and Keras 2 (``.h5``).

Keras 3 numbers layers by their class, ``layers/dense_1/vars/0`` (the kernel) and ``/1`` (the bias), and notes
their names; Keras 2 has a group for each layer's name, ``hidden/hidden/kernel:0``. What is written here is
protected by HDF5's own checksums, and arrays by a CRC-32 (attribute ``crc32``): HDF5's sum of zeros is 0,
so that it does not see an array that was overwritten by zeros together with its sum.
"""

import io
import os
import re
import sys
import zlib

import numpy as np

from ..exceptions import ModelFileError
from .apart import read_apart
from .weights import check_form, converted, damaged, expected

VERSIONS = ("v110", "v110")  # of HDF5's format: from here on all that describes arrays has a checksum
FILTERS = {1, 2, 3, 32000}  # deflate, shuffle, fletcher32, lzf: those that h5py brings
MOST_LAYERS, MOST_NAME = 100_000, 1000  # what is looked at, and bytes of a name that is noted
NEW = re.compile(r"dense(?:_([0-9]{1,6}))?")


def write(description, path):
    """Return the pieces of an HDF5 file of a description's weights.

    Parameters
    ----------
    description : Description
    path : Path
        Where it ends in .weights.h5, the layout is that of Keras 3, else that of Keras 2: Keras reads it by
        the same rule.
    """
    file = io.BytesIO()
    with load_library().File(file, "w", libver=VERSIONS) as root:
        (_write if path.name.endswith(".weights.h5") else _write_legacy)(root, description.layers)
    return [file.getbuffer()]


def _arrays(layer):
    return [array for array in (layer.weights, layer.bias) if array is not None]


def _put(group, name, array):
    dataset = group.create_dataset(name, data=array, chunks=array.shape, fletcher32=True)
    dataset.attrs["crc32"] = crc_of(array)


def _write(root, layers):
    for k, layer in enumerate(layers):
        group = root.create_group(f"layers/dense{f'_{k}' if k else ''}/vars")
        group.attrs["name"] = np.bytes_(layer.name.encode("utf-8", "replace")[:MOST_NAME])
        for i, array in enumerate(_arrays(layer)):
            _put(group, str(i), array)


def _write_legacy(root, layers):
    plain = [re.sub(r"[^A-Za-z0-9_ -]", "_", layer.name) for layer in layers]  # / and . are HDF5's own
    if len(set(plain)) < len(plain):
        plain = [f"dense_{k}" for k in range(len(layers))]
    root.attrs["backend"], root.attrs["keras_version"] = np.bytes_(b"tensorflow"), np.bytes_(b"2.15.0")
    _write_names(root, "layer_names", plain)
    for name, layer in zip(plain, layers, strict=True):
        group, names = root.create_group(name), [f"{name}/kernel:0", f"{name}/bias:0"]
        arrays = _arrays(layer)
        _write_names(group, "weight_names", names[: len(arrays)])
        for each, array in zip(names, arrays, strict=False):
            _put(group, each, array)


def _write_names(group, attribute, names):
    """Write names as Keras does: in several attributes where one cannot hold them all."""
    names = np.array([name.encode() for name in names])
    n = -(-names.nbytes // 64000)
    for i, part in enumerate(np.array_split(names, n)):
        group.attrs[attribute if n == 1 else f"{attribute}{i}"] = part


def read(file, size, layers):
    """Return the weights in a file, in the order and the dtypes of a model's `get_weights`.

    Layers are found by their names where these are the same, else in the order of the file.

    Parameters
    ----------
    file : binary file
    size : int
        Its bytes.
    layers : tuple of Layer
        Of the model that the weights are for.

    Raises
    ------
    ModelFileError
        The file is damaged, not of Keras, or of other layers.
    """
    load_library()
    if os.name == "posix" and sys.executable:
        return read_apart(file, size, layers)
    return read_here(file, layers)


def read_here(file, layers):
    """Return the weights in a file as `read` does, in this process."""
    h5py = load_library()
    try:
        with h5py.File(file, "r") as root:
            found = _found(root)
            return [values for each in _matched(found, layers) for values in each]
    except (ModelFileError, MemoryError):
        raise
    except Exception as error:  # of many kinds, from h5py
        raise damaged(error) from error


def _found(root):
    """Return (name, datasets) of each layer with weights, in the file's order."""
    if "model_weights" in root:  # a whole model of Keras 2, `model.save("x.h5")`
        root = _member(root, "model_weights")
    if "layer_names" in root.attrs or "layer_names0" in root.attrs:
        return _found_legacy(root)
    for name in "layers", "_layer_checkpoint_dependencies":  # the second one up to Keras 2.15
        if name in root:
            return _found_new(_member(root, name))
    raise ModelFileError(
        "holds no weights as Keras writes them: expected a group 'layers', or the attribute "
        "'layer_names'; write it by model.save_weights(path) of Keras or of fastmlp"
    )


def _found_new(group):
    if len(group) > MOST_LAYERS:
        raise ModelFileError(f"must hold up to {MOST_LAYERS} layers; got {len(group)}")
    found = []
    for key in group:
        layer = _member(group, key)
        variables = _member(layer, "vars") if "vars" in layer else ()
        if not len(variables):
            continue
        number = NEW.fullmatch(key)
        if not number or len(variables) > 2:
            raise ModelFileError(
                f"does not fit: {key!r} has {len(variables)} arrays of weights; fastmlp has Dense layers only"
            )
        datasets = [_member(variables, str(i)) for i in range(len(variables))]
        found.append((int(number[1] or 0), _text(variables.attrs.get("name", key)), datasets))
    return [(name, datasets) for _, name, datasets in sorted(found, key=lambda each: each[0])]


def _found_legacy(root):
    found = []
    for name in _read_names(root, "layer_names"):
        layer = _member(root, name)
        datasets = [_member(layer, each) for each in _read_names(layer, "weight_names")]
        if datasets:
            found.append((name, datasets))
    return found


def _read_names(group, attribute):
    """Return the strings of an attribute, or of several that are numbered."""
    if attribute in group.attrs:
        parts = [attribute]
    else:
        parts = []
        while f"{attribute}{len(parts)}" in group.attrs:
            parts.append(f"{attribute}{len(parts)}")
    names, n = [], 0
    for part in parts:
        space = group.attrs.get_id(part).get_space()
        n += space.get_simple_extent_npoints()
        if n > MOST_LAYERS:
            raise ModelFileError(f"must hold up to {MOST_LAYERS} names; got {n}")
        names += map(_text, group.attrs[part])
    return names


def _text(name):
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)


def _member(group, name):
    """Return what a group holds under a name, a path within it included: never what lies in another file."""
    h5py = load_library()
    for part in name.split("/"):
        link = group.get(part, getlink=True) if isinstance(group, h5py.Group) else None
        if type(link) is not h5py.HardLink:
            raise ModelFileError(f"must hold {name!r} itself; got {link and type(link).__name__}")
        group = group[part]
    return group


def _matched(found, layers):
    """Yield the arrays of each of a model's layers."""
    if len(found) != len(layers):
        raise ModelFileError(
            f"must hold the weights of {len(layers)} layers; got {len(found)} ("
            f"{', '.join(repr(name) for name, _ in found[:5])}): build the model with the layers of the file"
        )
    by_name = dict(found)
    same_names = len(by_name) == len(found) and by_name.keys() == {layer.name for layer in layers}
    for k, layer in enumerate(layers):
        datasets, wanted = by_name[layer.name] if same_names else found[k][1], expected([layer])
        if len(datasets) != len(wanted):
            names = " and ".join(what for _, what, _ in wanted)
            raise ModelFileError(
                f"does not fit: layer {layer.name!r} must have {names}; got {len(datasets)} arrays: make it "
                f"with use_bias={len(datasets) == 2}"
            )
        yield [_read(dataset, each) for dataset, each in zip(datasets, wanted, strict=True)]


def _read(dataset, wanted):
    """Return one array: nothing is allocated for it before its shape is known to be right."""
    name, what, _ = wanted
    if not isinstance(dataset, load_library().Dataset) or dataset.external or dataset.is_virtual:
        raise ModelFileError(f"does not fit: the {what} of layer {name!r} must be an array within the file")
    check_form(wanted, dataset.shape, dataset.dtype)
    plan = dataset.id.get_create_plist()
    filters = {plan.get_filter(i)[0] for i in range(plan.get_nfilters())}
    if not filters <= FILTERS:  # others are programs that HDF5 looks for on this machine
        raise ModelFileError(
            f"does not fit: the {what} of layer {name!r} is packed by a filter that is not known"
        )
    values = dataset[()]
    if "crc32" in dataset.attrs:  # Keras writes none
        noted = dataset.attrs.get_id("crc32")
        if noted.shape != () or noted.dtype != np.uint32 or dataset.attrs["crc32"] != crc_of(values):
            raise ModelFileError(f"is damaged: the {what} of layer {name!r} is not what was written")
    return converted(wanted, values)


def crc_of(array):
    return np.uint32(zlib.crc32(np.ascontiguousarray(array)))


def load_library():
    """Return h5py."""
    try:
        import h5py
    except ImportError:
        raise ImportError("Keras's .h5 files need h5py: pip install fastmlp[hdf5]") from None
    return h5py
