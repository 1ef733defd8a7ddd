"""A network in words."""

from ..kernels.plan import INPUT
from ..layers import INPUT as INPUT_NAME
from ..layers import Dense


def constructor(network):
    """Return a network in one line: its layers and what it was made with, as its constructor takes them."""
    said = dict(random_state=network.random_state, dtype=network.dtype and network.dtype.name)
    options = [f", {name}={value!r}" for name, value in said.items() if value is not None]
    if network.input_scale != 1.0:
        options.append(f", input_scale={network.input_scale!r}")
    if network.reg is not None:
        options.append(f", reg={network.reg!r}")
    return f"Network([{', '.join(map(repr, network.topology.layers))}]{''.join(options)})"


def summary(network):
    """Return a table of the layers: what each reads, its shape, its parameters."""
    topology, plan = network.topology, network.plan
    lines = [("layer", "reads", "units", "activation", "weights", "parameters")]
    k = 0
    for layer, sources in zip(topology.layers, topology.sources, strict=True):
        reads = ", ".join(INPUT_NAME if s == INPUT else topology.layers[s].name for s in sources)
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
