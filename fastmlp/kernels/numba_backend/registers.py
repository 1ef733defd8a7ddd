"""The smallest nets, XOR's, whose step stays in registers: up to four samples, all of them in each step.

A vector is cut into fours of lanes, one for each neuron of the only hidden layer: lane 4 u + s is neuron u on
sample s. So a row of weights is one vector, a weight being in all four lanes of its neuron, and a step is
a handful of instructions however many neurons there are. Lanes of neurons and samples that there are not hold
zeros. A step is one chain of results that wait for each other, so what can be computed before the output is
known is: all that multiplies the output's error in a weight's step.
"""

import math

from .activation import activated, derivative
from .backward import divisor_of
from .build import REGISTERS, call, kernel, leaf
from .epochs import DIVERGED, RUNNING, end_epoch, rate_of
from .lanes import flat, real, sum_in_fours, sum_of_fours, total, total_of_four, width_of
from .memory import address
from .rows import gather_row

MOST_INPUTS, MOST_SAMPLES = 3, 4
ROWS = MOST_INPUTS + 3  # vectors of parameters: a row of weights for each input, b, V and the output's bias


@kernel
def _widen(c, numbers, rows):
    """Put parameters into vectors: rows of the hidden layer's weights, b, V, and the output's bias."""
    lanes, hidden, n_features, out = width_of(rows), c.layers[0].n_out, c.n_features, flat(rows)
    for i in range(ROWS * lanes):
        out[i] = 0.0
    for r in range(n_features + 2):
        place = r if r < n_features else r - n_features + MOST_INPUTS
        for lane in range(4 * hidden):
            out[place * lanes + lane] = numbers[r * hidden + lane // 4]
    for lane in range(lanes):
        out[(ROWS - 1) * lanes + lane] = numbers[c.n_params - 1]


@kernel
def _narrow(c, rows, numbers):
    """Take them out again."""
    lanes, hidden, n_features, given = width_of(rows), c.layers[0].n_out, c.n_features, flat(rows)
    for r in range(n_features + 2):
        place = r if r < n_features else r - n_features + MOST_INPUTS
        for u in range(hidden):
            numbers[r * hidden + u] = given[place * lanes + 4 * u]
    numbers[c.n_params - 1] = given[(ROWS - 1) * lanes]


@kernel
def _gather(c, factor):
    """The samples in the order of this epoch, once for each four of lanes.

    Three vectors of weights: as they are, times `factor`, and that where there is a neuron, else 0.
    """
    lanes, n, hidden = width_of(c.inputs), c.run.n_samples, c.layers[0].n_out
    x, y, weights = flat(c.inputs), flat(c.targets), flat(c.weights)
    for i in range(MOST_INPUTS * lanes):
        x[i] = 0.0
    for lane in range(lanes):
        s, weight = lane & 3, 0.0
        y[lane] = 0.0
        if s < n:
            row = c.order[s]
            weight = c.weight[row] if address(c.weight) != 0 else 1.0
            gather_row(c, row, x + lane, lanes)
            y[lane] = c.y[row]
        weights[lane] = weight
        weights[lanes + lane] = weight * factor
        weights[2 * lanes + lane] = weight * factor if lane < 4 * hidden else 0.0


@leaf("c->i", of=(REGISTERS,))
def run_registers(c):
    """Up to run.budget epochs, of one step each, from where training stands; returns a status."""
    run, n, shuffles = c.run, c.run.n_samples, c.run.shuffle != 0 and c.next_uint32 != 0
    first, second = c.layers[0].activation, c.layers[1].activation
    slope, last_slope = real(c.layers[0].slope, c.inputs), real(c.layers[1].slope, c.inputs)
    rows, before = c.products, c.copies  # the parameters, as they are left, and before the last step
    _widen(c, c.params, rows)
    _widen(c, c.backup, before)
    w0, w1, w2, b, v, bias = rows[0], rows[1], rows[2], rows[3], rows[4], rows[5]
    status, gathered, scale = RUNNING, False, 0.0
    for _ in range(run.budget):
        if shuffles or not gathered:
            if shuffles:
                call(c.shuffle, c.order, n, c.next_uint32, c.bit_state)
            divisor, gathered = divisor_of(c, 0, n), True
            scale = 1.0 / divisor if divisor > 0.0 else 0.0
            _gather(c, run.gradient_scale * scale)
        run.learning_rate = rate_of(c, run.epoch, 0, 1)
        x0, x1, x2, weights = c.inputs[0], c.inputs[1], c.inputs[2], c.weights
        a = activated(first, slope, w2 * x2 + (w0 * x0 + (w1 * x1 + b)))
        # of the steps of V and b all but the output's error
        rate = real(run.learning_rate, a)
        to_v, to_b = rate * weights[2] * a, rate * weights[2] * v * derivative(first, slope, a)
        output = activated(second, last_slope, sum_of_fours(v * a) + bias)
        error = output - c.targets[0]
        loss = run.loss_scale * (0.5 * total_of_four(weights[0] * error * error)) * scale
        error = error * derivative(second, last_slope, output)
        to_b = to_b * error
        before[0], before[1], before[2], before[3], before[4], before[5] = w0, w1, w2, b, v, bias
        rows[0] = w0 - sum_in_fours(to_b * x0)
        rows[1] = w1 - sum_in_fours(to_b * x1)
        rows[2] = w2 - sum_in_fours(to_b * x2)
        rows[3] = b - sum_in_fours(to_b)
        rows[4] = v - sum_in_fours(to_v * error)
        rows[5] = bias - sum_in_fours(rate * weights[1] * error)
        w0, w1, w2, b, v, bias = rows[0], rows[1], rows[2], rows[3], rows[4], rows[5]
        if not math.isfinite(loss + total((w0 + w1) + (w2 + b) + (v + bias))):
            # but finite numbers may have a sum that is not
            _narrow(c, rows, c.params)
            if not math.isfinite(loss) or call(c.numbers_finite, c.params, c.n_params) == 0:
                _narrow(c, before, c.params)
                _narrow(c, before, c.backup)
                return DIVERGED
        run.step += 1
        run.loss_sum = loss * (n if run.average != 0 else 1)
        status = end_epoch(c)
        if status != RUNNING:
            break
    _narrow(c, rows, c.params)
    _narrow(c, before, c.backup)
    return status
