"""A model as a function of NumPy alone, whose code is that of the formulas it is made of."""

import ast
import inspect
import math
from textwrap import dedent

from .. import _checks, decisions
from .exports import functions_of

HEADS = {
    "outputs": "Return the outputs for x of shape (n, n_features), shape (n, n_outputs).",
    "values": "Return the predicted values for x of shape (n, n_features).",
    "forward": "Return the last layer's weighted sums and outputs for x of shape (n, n_features).",
    "labels": "Return the classes for x of shape (n, n_features).",
    "probabilities": "Return the probability of each class for x of shape (n, n_features).",
}


def to_numpy(description):
    """Return a function of NumPy alone that predicts what a model does.

    Parameters
    ----------
    description : Description
        Of a model that has weights.

    Returns
    -------
    predict : callable
        From an array of shape (n, n_features) to what the model's `predict` returns. Its `source` is Python
        code that needs nothing but NumPy, weights included; of a classifier with probabilities it has
        `predict_proba` too.
    """
    functions, code, arrays = functions_of("to_numpy", description), Definitions(), {}
    write = _of_values if description.classes is None else _of_classes
    bodies = write(description, functions, code, arrays)
    text = "\n\n\n".join([*code.texts.values(), *bodies])
    values = dict(arrays)
    exec(compile(f"{code.imports}\n{text}", "<fastmlp model>", "exec"), values)  # code of our own making
    predict = values["predict"]
    written = "\n".join(f"{name} = {literal(name, array)}" for name, array in arrays.items())
    predict.source = f"{code.imports}\n\n{written}\n\n\n{text}\n"
    if "predict_proba" in values:
        predict.predict_proba = values["predict_proba"]
    return predict


def _function(name, head, lines, results):
    return "\n    ".join([f'def {name}(x):\n    """{HEADS[head]}"""', *lines, f"return {results}"])


def _forward(description, functions, code, arrays):
    """Return the lines that compute z and a, the last layer's weighted sums and outputs; collect arrays."""
    scale = "" if description.input_scale == 1 else f" * {float(description.input_scale)!r}"
    lines = [f"x = np.asarray(x, np.{description.dtype}){scale}"]
    *below, last = zip(description.layers, functions, strict=True)
    for k, (layer, function) in enumerate(below):
        lines.append(f"a{k} = {code.call(function, _sums(k, layer, arrays))}")
    z = _sums(len(below), last[0], arrays)
    return [*lines, f"z = {z}", f"a = {code.call(last[1], 'z')}"]


def _sums(k, layer, arrays):
    """Return the expression of a layer's weighted sums; collect its arrays."""
    arrays[f"W{k}"], bias = layer.weights.copy(), ""
    if layer.bias is not None:
        arrays[f"b{k}"], bias = layer.bias.copy(), f" + b{k}"
    reads = ["x" if source < 0 else f"a{source}" for source in layer.sources]
    rows = reads[0] if len(reads) == 1 else f"np.hstack([{', '.join(reads)}])"
    return f"{rows} @ W{k}{bias}"


def _of_values(description, functions, code, arrays):
    """Return the functions of a model whose outputs are what it predicts."""
    lines, result, head = _forward(description, functions, code, arrays), "a", "outputs"
    if description.kind != "Network":
        head = "values"
        if "scale" in description.output:
            bottom, top, low, high = map(float, description.output["scale"])
            result = f"(a - {bottom!r}) * (({high!r} - {low!r}) / ({top!r} - {bottom!r})) + {low!r}"
        if description.layers[-1].units == 1:
            result = f"({result}).ravel()"
    return [_function("predict", head, lines, result)]


def _of_classes(description, functions, code, arrays):
    """Return the functions of a classifier."""
    read = description.output
    lines = _forward(description, functions, code, arrays)
    for function in (decisions.decisions, decisions.labels):
        code.define(function)
    arrays["classes"] = description.classes.copy()
    forward, values = _function("forward", "forward", lines, "z, a"), "z" if read["by"] == "logits" else "a"
    decided = f"decisions({values}, {read['threshold']!r})"
    result = f"labels({decided}, classes, {read['task']!r})"
    found = [forward, _function("predict", "labels", ["z, a = forward(x)"], result)]
    if read["probabilities"] is not None:
        code.define(decisions.probabilities)
        slope = float(functions[-1].slope)
        result = f"probabilities(a, {read['probabilities']!r}, lambda: {slope!r} * z)"
        found.append(_function("predict_proba", "probabilities", ["z, a = forward(x)"], result))
    return found


def literal(name, array):
    """Return the code of an array: numbers and strings only, so that no value is ever taken for code."""
    kind = array.dtype.kind
    if kind == "O" and all(isinstance(value, str) for value in array.ravel()):
        values, dtype = [str.__str__(value) for value in array], "object"
    elif kind in "biufU":
        values, dtype = array.tolist(), repr(array.dtype.str) if kind == "U" else f"np.{array.dtype.name}"
    else:
        _checks.refuse_for_file(name, array)
    return f"np.array({values!a}, {dtype})"


class Definitions:
    """The code of functions and of what they call, each once, before what needs it."""

    def __init__(self):
        self.texts, self.of_math = {}, set()

    @property
    def imports(self):
        of_math = f"from math import {', '.join(sorted(self.of_math))}\n\n" if self.of_math else ""
        return of_math + "import numpy as np"

    def call(self, activation, z):
        """Return the call of an activation for the weighted sums that an expression stands for."""
        value = type(activation).value
        tree = ast.parse(dedent(inspect.getsource(value))).body[0]
        own = Own()
        own.visit(tree)
        tree.name = f"apply_{activation.name}"
        tree.args.args = [ast.arg(name) for name in ("z", *sorted(own.names))]
        self._define(tree, value.__globals__)
        values = [repr(float(getattr(activation, name))) for name in sorted(own.names)]
        return f"{tree.name}({', '.join([z, *values])})"

    def define(self, function):
        """Take up a function of a module, after what it needs."""
        self._define(ast.parse(inspect.getsource(function)).body[0], function.__globals__)

    def _define(self, tree, names):
        """Take up a function's code, after that of what it needs among the `names` of its module."""
        if tree.name in self.texts:
            return
        if ast.get_docstring(tree):
            del tree.body[0]
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and node.id not in self.texts:
                self._need(node.id, names.get(node.id))
        self.texts[tree.name] = ast.unparse(tree)

    def _need(self, name, value):
        if value is not None and value is vars(math).get(name):
            self.of_math.add(name)
        elif isinstance(value, (float, str)):
            self.texts[name] = f"{name} = {value!r}"
        elif inspect.isfunction(value):
            self.define(value)


class Own(ast.NodeTransformer):
    """Replace ``self.slope`` by ``slope``, and the like; `names` are those that were met."""

    def __init__(self):
        self.names = set()

    def visit_Attribute(self, node):
        self.generic_visit(node)
        if not isinstance(node.value, ast.Name) or node.value.id != "self":
            return node
        self.names.add(node.attr)
        return ast.copy_location(ast.Name(node.attr, ast.Load()), node)
