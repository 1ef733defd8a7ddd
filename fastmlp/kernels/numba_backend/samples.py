"""Small nets in small batches: the numbers of a vector are samples.

Layers of two or three neurons would leave most of a vector empty. Here a vector holds one neuron's output of
several samples, and a weight, a scalar, meets whole vectors. A step's gradient is summed over the lanes at
its end, and the optimizer passes over all parameters at once.
"""

from ..plan import Loss
from ..records import INPUT
from .activation import RELU, SOFTMAX, activated, derivative, softmax_beside, softmax_gradient_beside
from .backward import divisor_of, finish_stored
from .build import SAMPLES, call, fused, kernel, leaf
from .lanes import flat, real, total, total_of_four, width_of
from .memory import address
from .optimizer import RATE
from .rows import gather_row

SQUARES = int(Loss.HALF_SQUARED_ERROR)


@kernel
def _gather(c, first, n):
    """n samples from place `first` of the order on: inputs, weights (0 in spare lanes), and targets."""
    lanes, width, n_out = width_of(c.inputs), c.n_features, c.run.n_outputs
    inputs, targets, weights = flat(c.inputs), flat(c.targets), flat(c.weights)
    numbers = c.run.labels == 0
    for s in range((n + lanes - 1) // lanes * lanes):
        vector, lane = s // lanes, s % lanes
        x = inputs + (vector * width * lanes + lane)
        y = targets + (vector * n_out * lanes + lane)
        if s >= n:
            weights[s] = 0.0
            for j in range(width):
                x[j * lanes] = 0.0
            for o in range(n_out):
                y[o * lanes] = 0.0
            continue
        row = c.order[first + s]
        weights[s] = c.weight[row] if address(c.weight) != 0 else 1.0
        gather_row(c, row, x, lanes)
        if numbers:
            for o in range(n_out):
                y[o * lanes] = c.y[row * n_out + o]


@fused
def _forward(c, x, n_activated):
    """A vector of samples through all layers, the first `n_activated` with their activations."""
    for k in range(c.n_layers):
        layer, buffer = c.layers[k], c.wide[k]
        n_out, activation, slope = layer.n_out, layer.activation, real(layer.slope, x)
        a, z, here = buffer.a, buffer.z, activation <= RELU and k < n_activated
        for o in range(n_out):
            t = real(0, x)
            if layer.bias >= 0:
                t = real(c.params[layer.bias + o], x)
            w = c.params + (layer.weights + o)
            for e in range(layer.first_edge, layer.first_edge + layer.n_edges):
                source, width = x, c.edges[e].width
                if c.edges[e].source != INPUT:
                    source = c.wide[c.edges[e].source].a
                for i in range(width):
                    t += real(w[0], x) * source[i]
                    w = w + n_out
            z[o] = t
            if here:
                a[o] = activated(activation, slope, t)
        if k >= n_activated or here:
            continue
        if activation == SOFTMAX:
            softmax_beside(z, a, n_out)
        else:
            call(c.activate, activation, layer.slope, flat(z), flat(a), n_out * width_of(x))


@fused
def _squares(c, y, weight, factor):
    """D of the output layer for half the squared error; the weighted sum of losses."""
    layer, buffer = c.layers[c.n_layers - 1], c.wide[c.n_layers - 1]
    losses, scale = real(0, weight), weight * real(factor, weight)
    for o in range(layer.n_out):
        e = buffer.a[o] - y[o]
        losses += e * e
        buffer.d[o] = e * scale
    _through_activation(c, c.n_layers - 1)
    return 0.5 * total(losses * weight)


@kernel
def _losses(c, first, n, factor):
    """The same for any loss, sample by sample."""
    layer, buffer, wide = c.layers[c.n_layers - 1], c.buffers[c.n_layers - 1], c.wide[c.n_layers - 1]
    n_out, lanes = layer.n_out, width_of(wide.z)
    z, d = flat(wide.z), flat(wide.d)
    for s in range(n):
        for o in range(n_out):
            buffer.z[s * n_out + o] = z[o * lanes + s]
    value = call(c.loss_and_delta, c, n, first, factor)
    for o in range(n_out):
        for s in range(lanes):
            d[o * lanes + s] = buffer.d[s * n_out + o] if s < n else real(0, d)
    return value


@fused
def _through_activation(c, k):
    """From the gradient by layer k's outputs to that by its logits, in place."""
    layer, buffer = c.layers[k], c.wide[k]
    n_out, activation, a, d = layer.n_out, layer.activation, buffer.a, buffer.d
    if activation <= RELU:
        for o in range(n_out):
            d[o] = d[o] * derivative(activation, real(layer.slope, d), a[o])
    elif activation == SOFTMAX:
        softmax_gradient_beside(a, d, n_out)
    else:
        numbers = n_out * width_of(d)
        call(c.activation_gradient, activation, layer.slope, flat(buffer.z), flat(a), flat(d), numbers)


@fused
def _backward(c, x, add):
    """From the output's D back to each parameter's products, one a sample; add : to other vectors' ones."""
    zero = real(0, x)
    for k in range(c.n_layers - 1, -1, -1):
        layer, d = c.layers[k], c.wide[k].d
        n_out = layer.n_out
        if k < c.n_layers - 1:
            _through_activation(c, k)
        for e in range(layer.first_edge + layer.n_edges - 1, layer.first_edge - 1, -1):
            edge = c.edges[e]
            w, p = (
                c.params + (layer.weights + edge.row * n_out),
                c.products + (layer.weights + edge.row * n_out),
            )
            source, back, keep = x, x, False
            if edge.source != INPUT:
                source, back, keep = c.wide[edge.source].a, c.wide[edge.source].d, edge.is_first == 0
            for i in range(edge.width):
                a = source[i]
                for o in range(n_out):
                    p[o] = a * d[o] + (p[o] if add else zero)
                if edge.source != INPUT:
                    t = back[i] if keep else zero
                    for o in range(n_out):
                        t += real(w[o], x) * d[o]
                    back[i] = t
                w, p = w + n_out, p + n_out
        if layer.bias >= 0:
            p = c.products + layer.bias
            for o in range(n_out):
                p[o] = d[o] + (p[o] if add else zero)


@leaf("cii->d", manners=(SAMPLES,))
def step_samples(c, first, n):
    """One optimizer step on n samples from place `first` of the order on; returns the batch's loss."""
    run, lanes, width, n_out = c.run, width_of(c.inputs), c.n_features, c.run.n_outputs
    divisor = divisor_of(c, first, n)
    scale = 1.0 / divisor if divisor > 0.0 else 0.0
    factor, value = run.gradient_scale * scale, 0.0
    in_squares = run.loss == SQUARES and run.labels == 0 and c.layers[c.n_layers - 1].activation != SOFTMAX
    if not (c.gathered != 0 and run.shuffle == 0 and n == run.n_samples):  # the same samples in each step
        _gather(c, first, n)
        c.gathered = 1
    for v in range((n + lanes - 1) // lanes):
        x = c.inputs + v * width
        _forward(c, x, c.n_layers if in_squares else c.n_layers - 1)
        if in_squares:
            value += _squares(c, c.targets + v * n_out, c.weights[v], factor)
        else:
            value += _losses(c, first + v * lanes, min(lanes, n - v * lanes), factor)
        _backward(c, x, v > 0)
    if c.direct != 0:
        rate = c.constants[RATE]
        if n <= 4:  # XOR's
            for i in range(c.n_params):
                c.params[i] = c.params[i] - rate * total_of_four(c.products[i])
        else:
            for i in range(c.n_params):
                c.params[i] = c.params[i] - rate * total(c.products[i])
        return run.loss_scale * value * scale
    for i in range(c.n_params):
        c.gradient[i] = total(c.products[i])
    return (run.loss_scale * value + finish_stored(c, scale)) * scale
