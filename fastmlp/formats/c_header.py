"""A model as a C99 header: its weights, and functions that predict with them.

Every identifier is the caller's prefix followed by a word of ours, every number is printed from an array, and
the labels of classes are string literals in which all but letters and digits is escaped: no name that a model
holds can become code.
"""

import re

import numpy as np

from .. import _checks
from ..decisions import MULTILABEL
from . import c_code
from .exports import functions_of

MOST_STRING = 4095  # bytes of a literal that every C99 compiler takes
HEADER = """\
/* A model of fastmlp in C99: {kind}, in {real}.
 * It needs the C library's math only (-lm), no memory but {stack} numbers on the stack, and keeps nothing
 * between calls: any number of threads may use it. */
#ifndef {p}_is_included
#define {p}_is_included

#include <math.h>

enum {{ {sizes} }};
{code}
#endif
"""


def to_c(description, prefix="model"):
    """Return the text of a C99 header that predicts what a model does.

    Parameters
    ----------
    description : Description
        Of a model that has weights.
    prefix : str, default="model"
        What every name in the header begins with: letters, digits and underscores, a letter first.

    Returns
    -------
    str
        ASCII.
    """
    p = _checks.check_identifier("prefix", prefix)
    activations = functions_of("to_c", description)
    sizes = {"n_features": description.n_features, "n_outputs": description.layers[-1].units}
    arrays, forward = _forward(description, activations)
    if description.classes is None:
        functions = [forward, _of_values(description)]
    else:
        functions = [forward, *_of_classes(description, activations[-1])]
        sizes["n_classes"] = len(description.classes)
    used = [_fill(text) for name, text in c_code.HELPERS if any(f"{{p}}_{name}(" in f for f in functions)]
    code = "".join([*arrays, *used, *functions])
    real = "double precision"
    if description.dtype == "float32":
        code, real = in_single(code), "single precision"
    if description.classes is not None:
        code += _label(description.classes)
    return HEADER.format(
        p=p, kind=description.kind, real=real, stack=sum(layer.units for layer in description.layers),
        sizes=", ".join(f"{p}_{name} = {size}" for name, size in sizes.items()), code=code.replace("{p}", p),
    )  # fmt: skip


def in_single(code):
    """Return code for single precision made of that for double."""
    code = re.sub(r"\bdouble\b", "float", code)
    code = re.sub(r"\b(exp|expm1|log1p|tanh|erfc|fabs)\(", r"\1f(", code)
    return re.sub(r"(?<![\w.])(\d+\.\d*(?:e[-+]?\d+)?|\d+e[-+]?\d+)", r"\1f", code)


def _fill(template, **values):
    """Return code made of a template; the prefix is put in at the end."""
    return template.format(p="{p}", **values)


def _number(value, dtype):
    return str(_checks.check_finite_numbers("to_c", np.dtype(dtype).type(value)))


def _factor(value, dtype):
    return "" if value == 1 else f"{_number(value, dtype)} * "


def _array(name, values):
    """Return the definition of a constant array."""
    values = _checks.check_finite_numbers("to_c", values)
    texts = list(map(str, values.ravel()))  # the shortest that read back as the same numbers
    lines = ",\n    ".join(", ".join(texts[i : i + 8]) for i in range(0, len(texts), 8))
    return f"\nstatic const double {{p}}_{name}[{values.size}] = {{\n    {lines}\n}};\n"


def _lines(lines):
    return "\n".join(f"    {line}" for line in lines)


def _for_each(n, statement):
    return [f"for (j = 0; j < {n}; j++)", f"    {statement}"]


def _activate(activation, sums, outputs, n, dtype):
    """Return the lines that apply an activation."""
    if activation.name == "softmax":
        return [*_for_each(n, f"{outputs}[j] = {sums}[j];"), f"{{p}}_softmax({outputs}, {n});"]
    if activation.name == "identity" and sums == outputs:
        return []
    slope = _factor(activation.slope, dtype)
    formula = _fill(c_code.FORMULAS[activation.name], z=f"{sums}[j]", slope=slope)
    return _for_each(n, f"{outputs}[j] = {formula};")


def _forward(description, activations):
    """Return the definitions of the weights, and the function that computes sums and outputs."""
    dtype, arrays, lines = description.dtype, [], []
    names, widths = {-1: "x"}, {-1: description.n_features}
    if description.input_scale != 1:
        n, scale = description.n_features, _number(description.input_scale, dtype)
        lines += [f"double scaled[{n}];", *_for_each(n, f"scaled[j] = x[j] * {scale};")]
        names[-1] = "scaled"
    for k, layer in enumerate(description.layers):
        is_last = k == len(description.layers) - 1
        names[k], widths[k], n = f"a{k}", layer.units, layer.units
        z = "z" if is_last else names[k]
        arrays.append(_array(f"W{k}", layer.weights))
        start = "0.0"
        if layer.bias is not None:
            arrays.append(_array(f"b{k}", layer.bias))
            start = f"{{p}}_b{k}[j]"
        if not is_last:
            lines.append(f"double {z}[{n}];")
        lines += _for_each(n, f"{z}[j] = {start};")
        row = 0
        for source in layer.sources:
            W = f"{{p}}_W{k}{f' + {row * n}' if row else ''}"
            lines.append(f"{{p}}_product({names[source]}, {widths[source]}, {W}, {z}, {n});")
            row += widths[source]
        lines += _activate(activations[k], z, "a" if is_last else z, n, dtype)
    return arrays, _fill(c_code.FORWARD, body=_lines(lines))


def _of_values(description):
    """Return the function of a model whose outputs are what it predicts."""
    lines = []
    if "scale" in description.output:
        bottom, top, low, high = description.output["scale"]
        factor = _number((high - low) / (top - bottom), description.dtype)
        bottom, low = (_number(each, description.dtype) for each in (bottom, low))
        lines = ["", f"y[0] = (y[0] - {bottom}) * {factor} + {low};"]
    return _fill(c_code.VALUES, n_outputs=description.layers[-1].units, scale="\n    ".join(lines))


def _of_classes(description, activation):
    """Return the functions of a classifier."""
    read, n_outputs, n_classes = description.output, description.layers[-1].units, len(description.classes)
    about = dict(n_outputs=n_outputs, by="z" if read["by"] == "logits" else "a")
    if read["task"] == MULTILABEL:
        found = [_fill(c_code.LABELS, threshold=float(read["threshold"]), **about)]
    elif n_outputs > 1:
        found = [_fill(c_code.STRONGEST, n_classes=n_classes, **about)]
    else:
        only = "" if n_classes > 1 else " && 0"  # there is but one class
        found = [_fill(c_code.OF_TWO, threshold=float(read["threshold"]), only=only, **about)]
    if read["probabilities"] is not None:
        n = max(n_outputs, 2) if read["task"] != MULTILABEL else n_outputs
        body = _lines(_probabilities(activation, description.dtype, read["probabilities"], n_outputs, n))
        found.append(_fill(c_code.PROBABILITIES, n_outputs=n_outputs, n_probabilities=n, body=body))
    return found


def _probabilities(activation, dtype, how, n_outputs, n):
    """Return the lines that make probabilities p; see `fastmlp.decisions.probabilities`."""
    info = np.finfo(dtype)
    lines = ["{p}_forward(x, z, p);"]
    if how == "softmax":
        lines.append(f"{{p}}_softmax(p, {n});")
    elif how == "shares":
        slope = _factor(activation.slope, dtype)
        lost = _number(info.smallest_normal / info.eps, dtype)
        lines = [
            "double sum = 0.0;",
            "int j;",
            *lines,
            *_for_each(n, "sum += p[j];"),
            f"if (sum < {lost}) {{",
        ]
        lines += [f"    {line}" for line in _for_each(n, f"p[j] = {slope}z[j];")]
        lines += [f"    {{p}}_softmax(p, {n});", "} else {"]
        lines += [*(f"    {line}" for line in _for_each(n, "p[j] /= sum;")), "}"]
    elif how in ("each", "each_logistic"):
        lines.insert(0, "int j;")
        if how == "each_logistic":
            lines += _for_each(n_outputs, "p[j] = {p}_logistic(p[j]);")
        low, high = _number(info.eps / 2, dtype), _number(1 - info.eps / 2, dtype)
        lines += _for_each(n_outputs, f"p[j] = p[j] < {low} ? {low} : p[j] > {high} ? {high} : p[j];")
        if n > n_outputs:
            lines += ["p[1] = p[0];", "p[0] = 1.0 - p[1];"]
    return lines


def _label(classes):
    """Return the function that names a class."""
    labels = _checks.check_labels_of_export("to_c", classes).tolist()
    if isinstance(labels[0], str):
        kind, labels = "const char *", map(_string, labels)
    else:
        kind, labels = "long long ", map("{}LL".format, labels)
    return _fill(
        c_code.LABEL, type=kind, n_classes=len(classes),
        labels=", ".join(labels),
    )  # fmt: skip


def _string(label):
    """Return a string literal of a label's UTF-8: letters and digits as they are, else octal numbers."""
    octets = label.encode("utf-8")
    if len(octets) > MOST_STRING or 0 in octets:  # where C's texts end
        takes = f"names of classes of up to {MOST_STRING} bytes, none of them 0"
        got = f"one of {len(octets)}, {_checks.shown(label)}"
        _checks.cannot_export("to_c", takes, got, "number the classes for the fit")
    plain = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _"
    text = "".join(chr(o) if o in plain else f"\\{o:03o}" for o in octets)
    return f'"{text}"'
