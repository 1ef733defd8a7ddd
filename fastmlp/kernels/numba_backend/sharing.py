"""Mini-batches, shared out among threads, in two phases: samples, and the blocks of weights that they move.

Both are cut without regard to the number of threads, and results are summed in the order of the tasks, so
they do not depend on it. A thread claims the next task that nobody has; whoever finishes a phase's last one
opens the next, and counts the step and begins the next batch on the way. So nobody waits for a thread that
has claimed nothing: where another program keeps a core busy, the others do its share.

The ticket that threads look at is one number: phase, the lowest bits of which are its kind; number of tasks;
next task.
"""

import math

from .atomic import atomic_add, atomic_load, atomic_store, compare_exchange, give_way, pause
from .backward import block_step, cap_all_norms, divisor_of, finish_stored
from .build import BATCH, call, entry, kernel, leaf
from .context import (
    BATCH_SIZE,
    FACTOR,
    FIRST,
    LEFT,
    MIDST,
    N_SAMPLES,
    PENALTY,
    REMAINING,
    SCALE,
    STATUS,
    STOP,
    TICKET,
    TOTAL,
    n_rows_of,
)  # fmt: skip
from .epochs import RUNNING, begin_batch, end_batch
from .memory import FLUSH, exchange_float_control
from .optimizer import GRADIENT

CLOSED, STRETCHES, BLOCKS = range(3)  # kinds of phases: nothing to do; samples; weights
FIELD, PHASES = (1 << 24) - 1, (1 << 13) - 1
SPINS = 1 << 9  # looks at the ticket, before another program may have the core
PATIENCE = 1 << 11  # before a helper goes back to Python


@kernel
def _open(c, kind, n):
    """Open a phase of n tasks."""
    ticket = c.control + TICKET
    phase = ((ticket[0] >> 50) + 1 & PHASES) << 2 | kind
    c.control[REMAINING] = n
    atomic_store(ticket, phase << 48 | n << 24)


@kernel
def _claim(c, phase):
    """The number of a task of this phase that is nobody's yet, or -1."""
    ticket = c.control + TICKET
    while True:
        t = atomic_load(ticket)
        task = t & FIELD
        if t >> 48 != phase or task >= t >> 24 & FIELD:
            return -1
        if c.n_threads == 1:
            ticket[0] = t + 1
            return task
        if compare_exchange(ticket, t, t + 1):
            return task


@kernel
def _finish(c, task, value):
    """Hand in a task's result; returns whether it was the phase's last one."""
    c.results[task] = value
    if c.n_threads > 1:
        return atomic_add(c.control + REMAINING, -1) == 1
    c.control[REMAINING] -= 1
    return c.control[REMAINING] == 0


@kernel
def _sum_results(c, n):
    """The sum of the results of n tasks, in their order."""
    total = 0.0
    for i in range(n):
        total += c.results[i]
    return total


@kernel
def _open_chunk(c, first):
    """Begin with those samples of the batch that fit into the workspace, from `first` on."""
    stop = c.run.batch * c.run.batch_size + c.control[BATCH_SIZE]
    n = min(c.chunk, stop - first)
    c.control[FIRST], c.control[N_SAMPLES] = first, n
    _open(c, STRETCHES, (n + c.stretch - 1) // c.stretch)


@kernel
def _open_batch(c):
    """Begin the batch that comes next: its constants, and its first chunk."""
    n, run = begin_batch(c), c.run
    first = run.batch * run.batch_size
    divisor = divisor_of(c, first, n)
    scale = 1.0 / divisor if divisor > 0.0 else 0.0
    c.control[BATCH_SIZE] = n
    c.sums[SCALE], c.sums[FACTOR], c.sums[TOTAL], c.sums[PENALTY] = (
        scale,
        run.gradient_scale * scale,
        0.0,
        0.0,
    )
    call(c.begin_step, run, c.constants)
    if c.stored != 0:
        g = c.gradient
        for i in range(c.n_params):
            g[i] = 0.0
    _open_chunk(c, first)


@kernel
def _end_batch(c):
    """What a step needs once all its gradients are there; then the next batch, or the end of the slice."""
    sums = c.sums
    if math.isfinite(sums[TOTAL]):
        if c.stored != 0:
            sums[PENALTY] = finish_stored(c, sums[SCALE])
        else:
            cap_all_norms(c)
    loss = (c.run.loss_scale * sums[TOTAL] + sums[PENALTY]) * sums[SCALE]
    c.control[STATUS] = end_batch(c, c.control[BATCH_SIZE], loss)
    c.control[LEFT] -= 1
    if c.control[STATUS] == RUNNING and c.control[LEFT] > 0:
        _open_batch(c)
    else:
        _open(c, CLOSED, 0)


@leaf("ci->i", of=(BATCH,))
def end_phase(c, kind):
    """What comes behind the last task of a phase."""
    if kind == STRETCHES:
        n = c.control[N_SAMPLES]
        c.sums[TOTAL] += _sum_results(c, (n + c.stretch - 1) // c.stretch)
        if math.isfinite(c.sums[TOTAL]) and c.n_blocks > 0:
            _open(c, BLOCKS, c.n_blocks)
            return 0
    else:
        c.sums[PENALTY] += _sum_results(c, c.n_blocks)
    done = c.control[FIRST] + c.control[N_SAMPLES]
    if math.isfinite(c.sums[TOTAL]) and done < c.run.batch * c.run.batch_size + c.control[BATCH_SIZE]:
        c.control[LEFT] -= 1
        if c.control[LEFT] > 0:
            _open_chunk(c, done)
        else:  # the slice is over, in the midst of a batch
            c.control[MIDST], c.control[STATUS] = done, RUNNING
            _open(c, CLOSED, 0)
    else:
        _end_batch(c)
    return 0


@leaf("ccii->d", of=(BATCH,))
def work_stretch(view, c, first, n):
    """n samples from place `first` of the order on, there and back; returns the sum of their losses."""
    view.panel, view.mask = c.panel, c.mask  # this thread's
    if call(c.gather, view, first, n) == 0:
        return math.nan
    call(c.forward, view, first, n, c.n_layers - 1, 0)
    value = call(c.loss_and_delta, view, n, first, c.sums[FACTOR])
    call(c.backward, view, n)
    return value


@kernel
def _stretches(c, phase):
    """Claim stretches of samples of this phase, and carry them out."""
    task = _claim(c, phase)
    while task >= 0:
        start = task * c.stretch
        view, n = c.views + task * c.n_words * 8, min(c.stretch, c.control[N_SAMPLES] - start)
        if _finish(c, task, call(c.work_stretch, view, c, c.control[FIRST] + start, n)):
            call(c.end_phase, c, STRETCHES)
            return
        task = _claim(c, phase)


@kernel
def _blocks(c, phase):
    """Each thread goes through all blocks in one order, and does those that it has claimed."""
    mine, place = _claim(c, phase), 0
    for k in range(c.n_layers):
        layer = c.layers[k]
        if layer.frozen != 0 and c.run.optimizer != GRADIENT:
            continue  # its gradient is needed by nobody
        for e in range(layer.first_edge, layer.first_edge + layer.n_edges + 1):
            rows, width = 1, 1  # of the bias, behind the last edge
            if e < layer.first_edge + layer.n_edges:
                rows, width = n_rows_of(c, k, e), c.edges[e].width
            elif layer.bias < 0:
                continue
            for i in range(0, width, rows):
                if mine < 0:
                    return
                if place == mine:
                    n, scale = c.control[N_SAMPLES], c.sums[SCALE]
                    if _finish(c, mine, block_step(c, k, e, i, min(rows, width - i), n, scale)):
                        call(c.end_phase, c, BLOCKS)
                        return
                    mine = _claim(c, phase)
                place += 1


@leaf("c->i", of=(BATCH,))
def take_part(c):
    """Claim and carry out tasks until the slice is over."""
    ticket, waits = c.control + TICKET, 0
    while True:
        t = atomic_load(ticket)
        kind = t >> 48 & 3
        if kind == CLOSED:
            return 0
        if t & FIELD < t >> 24 & FIELD:
            waits = 0
            if kind == STRETCHES:
                _stretches(c, t >> 48)
            else:
                _blocks(c, t >> 48)
            continue
        waits += 1
        if waits < SPINS:
            pause()
        else:
            give_way()


@leaf("c->i", of=(BATCH,))
def run_batches(c):
    """Up to run.budget batches, or parts of larger ones, from where training stands; returns a status."""
    c.control[LEFT], midst = c.run.budget, c.control[MIDST]
    c.control[MIDST] = 0
    if midst > 0:
        _open_chunk(c, midst)
    else:
        _open_batch(c)
    call(c.take_part, c)
    return c.control[STATUS]


@entry("cw->i")
def serve(c, control):
    """Take part in slices as another thread, whose record is c, in which there is nothing before the first.

    Returns 1 when the run has ended, 0 after a while in vain.
    """
    state = exchange_float_control(-1)
    exchange_float_control(state | FLUSH)
    waits, stopped = 0, 0
    while waits < PATIENCE and stopped == 0:
        if atomic_load(control + TICKET) >> 48 & 3 != CLOSED:
            waits = 0
            call(c.take_part, c)
        waits += 1
        if waits < SPINS:
            pause()
        else:
            give_way()
        stopped = atomic_load(control + STOP)
    exchange_float_control(state)
    return stopped
