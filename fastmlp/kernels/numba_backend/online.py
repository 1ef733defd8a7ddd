"""Small nets online: the loop over samples and epochs, of one alone or several side by side."""

import math

from .backward import divisor_of
from .build import call, entry, kernel
from .epochs import DIVERGED, FINISHED, RUNNING, begin_epoch, end_epoch, rate_of, stays_finite
from .lanes import flat, real, width_of
from .memory import FLUSH, exchange_float_control
from .nets import backward_nets, forward_nets
from .optimizer import ADAM, KEEP, RATE, correction, set_constants
from .rows import gather_row, to_be_checked


@kernel
def _gather(calls, alive, n, X):
    """The next sample of each net. Returns whether it is finite, where it was to be looked at."""
    lanes = width_of(X)
    for lane in range(n):
        if alive[lane] != 0:
            c = calls[lane]
            gather_row(c, c.order[c.run.batch], flat(X) + lane, lanes)
    return lanes > 1 or not to_be_checked(calls) or call(calls.numbers_finite, flat(X), calls.n_features) != 0


@kernel
def _rates(c, calls, alive, n, k):
    """The constants of the step that comes next, with each net's learning rate."""
    lanes, ratio, known = width_of(k), 1.0, False
    for lane in range(n):
        if alive[lane] == 0:
            continue
        run = calls[lane].run
        if run.rates_per_epoch > 1 or run.batch == 0:
            run.learning_rate = rate_of(calls[lane], run.epoch, run.batch, run.n_samples)
        if not known:
            ratio, epsilon = correction(run)
            set_constants(run, k, ratio, epsilon)
            known = True
        flat(k)[RATE * lanes + lane] = run.learning_rate * ratio
        flat(k)[KEEP * lanes + lane] = 1.0 - run.learning_rate * run.weight_decay


@kernel
def _losses(c, calls, alive, n, buffers):
    """Each net's loss, and the gradient by its logits."""
    last, lanes = c.n_layers - 1, width_of(buffers.d)
    n_out, z, d = c.layers[last].n_out, flat(buffers[last].z), flat(buffers[last].d)
    for lane in range(n):
        if alive[lane] == 0:
            continue
        net = calls[lane]
        place = net.run.batch
        divisor = divisor_of(net, place, 1)
        scale = 1.0 / divisor if divisor > 0.0 else 0.0
        c.scales[lane], c.penalties[lane] = scale, 0.0
        own = net.buffers[last]
        if lanes > 1:
            for o in range(n_out):
                own.z[o] = z[o * lanes + lane]
        c.values[lane] = call(c.loss_and_delta, net, 1, place, net.run.gradient_scale * scale)
        if lanes > 1:
            for o in range(n_out):
                d[o * lanes + lane] = own.d[o]


@kernel
def _spread(c, net, lane, W, s0, s1):
    """Put a net's parameters and state into its lane."""
    lanes, n = width_of(W), c.n_params
    if lanes > 1:
        for i in range(n):
            flat(W)[i * lanes + lane] = net.params[i]
        for i in range(n * c.n_states):  # s1 lies behind s0
            flat(s0)[i * lanes + lane] = net.state[i]


@kernel
def _collect(c, net, lane, W, s0, s1):
    """Take them out again."""
    lanes, n = width_of(W), c.n_params
    if lanes > 1:
        for i in range(n):
            net.params[i] = flat(W)[i * lanes + lane]
        for i in range(n * c.n_states):
            net.state[i] = flat(s0)[i * lanes + lane]


@kernel
def _count(c, calls, alive, n, W, s0, s1):
    """Count a step of each net, and an epoch where it is its last one; returns whether all go on."""
    going = True
    for lane in range(n):
        if alive[lane] == 0:
            continue
        net = calls[lane]
        run = net.run
        loss = (run.loss_scale * c.values[lane] + c.penalties[lane]) * c.scales[lane]
        ends = run.batch + 1 >= run.n_samples
        if ends:
            _collect(c, net, lane, W, s0, s1)
        if not math.isfinite(loss) or (ends and not stays_finite(net)):
            call(c.copy, net.backup, net.params, c.n_params)
            run.status, going = DIVERGED, False
            continue
        run.step += 1
        run.batch += 1
        run.loss_sum += loss
        if ends:
            run.status = end_epoch(net)
            going = going and run.status == RUNNING
    return going


@kernel
def _train(c, calls, alive, n, budget, buffers, W, s0, s1, g, k, X):
    """Up to `budget` steps of each net that is alive, until the status of one is not RUNNING."""
    going, each = True, c.run.optimizer == ADAM
    for lane in range(n):
        if alive[lane] != 0:
            net = calls[lane]
            run = net.run
            run.status = RUNNING
            if run.epoch >= run.n_epochs or run.n_samples == 0:
                run.status, going = FINISHED, False
            c.decays = 1 if c.decays != 0 or run.weight_decay != 0.0 else 0
            each = each or run.rates_per_epoch > 1
            _spread(c, net, lane, W, s0, s1)
    anew = True  # whether the constants may have changed
    for _ in range(budget if going else 0):
        for lane in range(n):
            if alive[lane] != 0 and calls[lane].run.batch == 0:
                begin_epoch(calls[lane])
                anew = True
        if anew or each:
            _rates(c, calls, alive, n, k)
            anew = False
        finite = _gather(calls, alive, n, X)
        forward_nets(c, buffers, W, X)
        _losses(c, calls, alive, n, buffers)
        if not finite:
            c.values[0] = math.nan
        backward_nets(c, buffers, W, s0, s1, g, k, X)
        if not _count(c, calls, alive, n, W, s0, s1):
            break
    for lane in range(n):
        if alive[lane] != 0 and calls[lane].run.status != DIVERGED:
            _collect(c, calls[lane], lane, W, s0, s1)


@entry("ci->i")
def train_alone(c, workspace):
    """Train a small net; denormals count as zero meanwhile."""
    call(c.layout, c, workspace)
    control = exchange_float_control(-1)
    exchange_float_control(control | FLUSH)
    c.alive[0] = 1
    s1 = c.state + c.n_params
    _train(c, c, c.alive, 1, c.run.budget, c.buffers, c.params, c.state, s1, c.panel, c.constants, c.x)
    exchange_float_control(control)
    return c.run.status


@entry("cciii->i")
def train_nets(c, calls, n, budget, workspace):
    """Train n small nets; `c` is the record of what they share."""
    scratch = workspace + call(c.layout, c, workspace)
    for lane in range(n):
        call(c.layout, calls[lane], scratch)
    control = exchange_float_control(-1)
    exchange_float_control(control | FLUSH)
    zero, s0 = real(0, c.copies), c.copies + c.n_params
    for i in range(c.n_params * (1 + c.n_states)):
        c.copies[i] = zero
    for i in range(c.n_features):
        c.inputs[i] = zero
    for o in range(c.layers[c.n_layers - 1].n_out):
        c.wide[c.n_layers - 1].d[o] = zero
    for i in range(16):
        c.step[i] = zero
    s1 = s0 + c.n_params
    _train(c, calls, c.alive, n, budget, c.wide, c.copies, s0, s1, c.products, c.step, c.inputs)
    exchange_float_control(control)
    return 0
