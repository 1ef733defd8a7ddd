"""Where Python's calls begin: training, and prediction, chunk by chunk."""

import math

from .build import REGISTERS, SAMPLES, call, entry, kernel, leaf
from .epochs import FINISHED, RUNNING, begin_batch, end_batch
from .lanes import real
from .memory import FLUSH, exchange_float_control
from .optimizer import corrects


@kernel
def _run_samples(c):
    """Up to run.budget batches of a small net from where training stands; returns a status."""
    status, run, rate = RUNNING, c.run, math.nan
    for _ in range(run.budget):
        n = begin_batch(c)
        if run.learning_rate != rate or run.step <= 1 or corrects(run):
            rate = run.learning_rate
            call(c.begin_step, run, c.constants)
        status = end_batch(c, n, call(c.step_samples, c, run.batch * run.batch_size, n))
        if status != RUNNING:
            break
    return status


@leaf("ci->i")
def train(c, workspace):
    """Lay the workspace out and train; denormals count as zero meanwhile."""
    call(c.layout, c, workspace)
    control = exchange_float_control(-1)
    exchange_float_control(control | FLUSH)
    run, status = c.run, FINISHED
    if run.epoch < run.n_epochs and run.n_samples > 0:
        if c.manner == REGISTERS:
            status = call(c.run_registers, c)
        else:
            status = _run_samples(c) if c.manner == SAMPLES else call(c.run_batches, c)
    exchange_float_control(control)
    run.status = status
    return status


@entry("ciiiiiip->i")
def predict(c, workspace, first, n, layer, logits, looks, out):
    """Outputs of `layer` for rows first.. of the data, chunk by chunk, into out (n, n_out).

    workspace : to be laid out; 0 where that was done before
    Returns 0, and leaves off, where `looks` asks for a look at the rows and one holds NaN or infinity.
    """
    if workspace != 0:
        call(c.layout, c, workspace)
    c.looks = looks
    control = exchange_float_control(-1)
    exchange_float_control(control | FLUSH)
    n_out, buffer, finite = c.layers[layer].n_out, c.buffers[layer], 1
    source = buffer.z if logits != 0 else buffer.a
    for done in range(0, n, c.chunk):
        m = min(c.chunk, n - done)
        finite = call(c.gather, c, first + done, m)
        if finite == 0:
            break
        call(c.forward, c, first + done, m, layer, 1 - logits)
        given = out + done * n_out
        for i in range(m * n_out):
            given[i] = source[i] + real(0, out)  # flushes a denormal bias, to which nothing was added
    exchange_float_control(control)
    return finite
