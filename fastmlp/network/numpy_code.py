"""A network as a function of NumPy alone, whose code is that of the formulas it is made of."""

import ast
import inspect
import math
from textwrap import dedent

from .. import _checks, activations
from ..kernels.plan import INPUT

HEAD = '''def predict(x):
    """Return the outputs of the network for x of shape (n, n_features)."""'''


def to_numpy(network):
    """Return a function of NumPy alone that computes the network's outputs; its `source` is its code."""
    plan, weights, steps, code = network.plan, {}, [], Definitions()
    for k, function in enumerate(network.functions):
        layer = plan.layers[k]
        edges = plan.edges[layer["first_edge"] : layer["first_edge"] + layer["n_edges"]]
        reads = ["x" if e["source"] == INPUT else f"a{e['source']}" for e in edges]
        weights[f"W{k}"] = plan.weights(network.params, k).copy()
        bias = ""
        if layer["bias"] >= 0:
            weights[f"b{k}"], bias = plan.bias(network.params, k).copy(), f" + b{k}"
        rows = reads[0] if len(reads) == 1 else f"np.hstack([{', '.join(reads)}])"
        steps.append(f"    a{k} = {code.call(function, f'{rows} @ W{k}{bias}')}")
    dtype = network.params.dtype.name
    scale = "" if network.input_scale == 1 else f" * {network.input_scale!r}"
    steps = [f"    x = np.asarray(x, np.{dtype}){scale}", *steps, f"    return a{len(plan.layers) - 1}"]
    text = "\n\n\n".join([*code.texts.values(), "\n".join([HEAD, *steps, ""])])
    values = dict(weights)
    exec(compile(f"{code.imports}\n{text}", "<fastmlp network>", "exec"), values)  # code of our own making
    predict = values["predict"]
    arrays = "\n".join(f"{name} = np.array({a.tolist()!r}, np.{dtype})" for name, a in weights.items())
    predict.source = f"{code.imports}\n\n{arrays}\n\n\n{text}"
    return predict


class Definitions:
    """The code of activations and of what they call, each once, before what needs it."""

    def __init__(self):
        self.texts, self.of_math = {}, set()

    @property
    def imports(self):
        of_math = f"from math import {', '.join(sorted(self.of_math))}\n\n" if self.of_math else ""
        return of_math + "import numpy as np"

    def call(self, function, z):
        """Return the call of an activation for the weighted sums that an expression stands for."""
        if function.code is None:
            _checks.refuse(f"to_numpy knows built-in activations only; {function.name!r} is your own")
        tree = ast.parse(dedent(inspect.getsource(type(function).value))).body[0]
        own = Own()
        own.visit(tree)
        tree.name = f"apply_{function.name}"
        tree.args.args = [ast.arg(name) for name in ("z", *sorted(own.names))]
        self._define(tree)
        values = [repr(getattr(function, name)) for name in sorted(own.names)]
        return f"{tree.name}({', '.join([z, *values])})"

    def _define(self, tree):
        """Take up a function's code, after that of what it needs."""
        if tree.name in self.texts:
            return
        if ast.get_docstring(tree):
            del tree.body[0]
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and node.id not in self.texts:
                self._need(node.id, vars(activations).get(node.id))
        self.texts[tree.name] = ast.unparse(tree)

    def _need(self, name, value):
        if value is not None and value is vars(math).get(name):
            self.of_math.add(name)
        elif isinstance(value, float):
            self.texts[name] = f"{name} = {value!r}"
        elif inspect.isfunction(value):
            self._define(ast.parse(inspect.getsource(value)).body[0])


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
