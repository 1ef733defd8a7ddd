"""A network in words, and as NumPy code."""

import numpy as np

from . import _checks
from .kernels.plan import INPUT
from .layers import INPUT as INPUT_NAME
from .layers import Dense

# The formulas of `fastmlp.activations`.
_CODE = {
    "identity": "z",
    "logistic": "np.exp(-np.logaddexp(0, -slope * z))",  # 1 / (1 + exp(-z)) without overflow
    "tanh": "np.tanh(slope * z)",
    "relu": "np.maximum(z, 0)",
    "leaky_relu": "np.where(z > 0, z, slope * z)",
    "elu": "np.where(z > 0, z, slope * np.expm1(np.minimum(z, 0)))",
    "selu": "1.0507009873554805 * np.where(z > 0, z, 1.6732632423543772 * np.expm1(np.minimum(z, 0)))",
    "softplus": "np.logaddexp(0, z)",
    "gelu": "z * 0.5 * (1 + np.vectorize(__import__('math').erf, otypes=[z.dtype])(z / 2**0.5))",
    "silu": "z * np.exp(-np.logaddexp(0, -z))",
    "step": "(z >= 0).astype(z.dtype)",
    "softmax": "(lambda e: e / e.sum(axis=1, keepdims=True))(np.exp(z - z.max(axis=1, keepdims=True)))",
    "exp": "np.exp(z)",
}


def constructor(network):
    """Return a network in one line: its layers and what it was made with, as its constructor takes them."""
    said = dict(random_state=network.random_state, dtype=network.dtype and network.dtype.name)
    options = [f", {name}={value!r}" for name, value in said.items() if value is not None]
    if network.input_scale != 1.0:
        options.append(f", input_scale={network.input_scale!r}")
    return f"Network([{', '.join(map(repr, network.graph.layers))}]{''.join(options)})"


def summary(network):
    """Return a table of the layers: what each reads, its shape, its parameters."""
    graph, plan = network.graph, network.plan
    lines = [("layer", "reads", "units", "activation", "weights", "parameters")]
    k = 0
    for layer, sources in zip(graph.layers, graph.sources, strict=True):
        reads = ", ".join(INPUT_NAME if s == INPUT else graph.layers[s].name for s in sources)
        units = activation = shape = count = ""
        if isinstance(layer, Dense):
            units, activation = str(layer.units), layer.activation.name
            if plan is not None:
                shape = str((int(plan.layers[k]["n_in"]), layer.units))
                count = str(int(plan.layers[k]["n_in"]) * layer.units + layer.units * layer.use_bias)
            k += 1
        elif hasattr(layer, "rate"):
            units = f"rate {layer.rate:g}"
        lines.append((layer.name, reads, units, activation, shape, count))
    widths = [max(len(line[j]) for line in lines) for j in range(len(lines[0]))]
    table = [
        "  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in lines
    ]
    table.insert(1, "  ".join("-" * w for w in widths))
    if plan is None:
        total = "not built: fit(x, y) or build(n_features) draws the weights"
    else:
        total = f"{plan.n_features} inputs, {plan.n_params} parameters, {network.params.dtype}"
    return "\n".join([*table, total])


def to_numpy(network):
    """Return a function of NumPy alone that computes the network's outputs; its `source` is its code."""
    plan, weights, code = network.plan, {}, []
    for k, function in enumerate(network.functions):
        layer = plan.layers[k]
        edges = plan.edges[layer["first_edge"] : layer["first_edge"] + layer["n_edges"]]
        reads = ["x" if e["source"] == INPUT else f"a{e['source']}" for e in edges]
        weights[f"W{k}"] = plan.weights(network.params, k).copy()
        bias = ""
        if layer["bias"] >= 0:
            weights[f"b{k}"], bias = plan.bias(network.params, k).copy(), f" + b{k}"
        rows = reads[0] if len(reads) == 1 else f"np.hstack([{', '.join(reads)}])"
        code.append(f"    z = {rows} @ W{k}{bias}")
        formula = _CODE.get(function.name) if function.code is not None else None
        if formula is None:
            _checks.network_error(f"to_numpy knows built-in activations only; {function.name!r} is your own")
        if "slope" in formula:
            code.append(f"    slope = {float(layer['slope'])!r}")
        code.append(f"    a{k} = {formula}")
    head = ["def predict(x):", '    """Return the outputs of the network for x of shape (n, n_features)."""']
    dtype = network.params.dtype.name
    scaled = f"    x = np.asarray(x, np.{dtype})" + (
        "" if network.input_scale == 1 else f" * {network.input_scale!r}"
    )
    body = "\n".join([*head, scaled, *code, f"    return a{len(plan.layers) - 1}", ""])
    values = dict(np=np, **weights)
    exec(
        compile(body, "<fastmlp network>", "exec"), values
    )  # code of our own making, from the formulas above
    function = values["predict"]
    arrays = "\n".join(f"{name} = np.array({a.tolist()!r}, np.{dtype})" for name, a in weights.items())
    function.source = f"import numpy as np\n\n{arrays}\n\n\n{body}"
    return function
