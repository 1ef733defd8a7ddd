"""``fastmlp info``: what a model's file says of itself, without loading the model."""

import json

import numpy as np

from .. import read_info
from .command import printable


def run(options):
    """Print what a .safetensors file says."""
    said = read_info(options.model)
    if options.json:
        print(json.dumps(said, indent=1, default=_plain))
        return
    state = "yes" if said["has_training_state"] else "no"
    print(f"{printable(options.model)}: {printable(said['kind'])}")
    print(
        "written by      " + ", ".join(f"{printable(k)} {printable(v)}" for k, v in said["versions"].items())
    )
    print(f"training state  {state}")
    _show(said["metadata"] or {}, "")


def _show(values, indent):
    """Print nested data, a line for each value."""
    for name, value in values.items():
        if isinstance(value, dict):
            print(f"{indent}{printable(name)}:")
            _show(value, indent + "  ")
        elif isinstance(value, (list, tuple)) and any(isinstance(each, (dict, str)) for each in value):
            print(f"{indent}{printable(name)}:")
            for each in value:
                print(f"{indent}  - {_words(each)}")
        else:
            print(f"{indent}{printable(name)}: {_short(value)}")


def _short(value):
    if isinstance(value, np.ndarray):
        return f"{value.dtype} array of shape {value.shape}"
    if isinstance(value, (list, tuple)) and len(value) > 8:
        return f"{printable(value[:8])[:-1]}, ... ({len(value)})"
    return printable(value)


def _words(value):
    if isinstance(value, dict):
        return ", ".join(f"{printable(name)}: {_short(each)}" for name, each in value.items())
    return _short(value)


def _plain(value):
    return value.tolist() if hasattr(value, "tolist") else str(value)
