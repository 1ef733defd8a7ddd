"""A batch shared out among threads, in two phases: its samples, and then the blocks of weights that they move.

Both are cut without regard to the number of threads, and what is summed over samples is summed in one order, so results do
not depend on it. A thread claims the next task that nobody has; whoever has opened a phase works along, and waits
until every claimed task is done. So no thread waits for one that has not come.

The ticket that threads look at is one number: phase, number of tasks, next task. Even phases have samples for tasks,
odd ones blocks of weights. Every other thread claims from the end, so that each meets the same weights step after step.
"""

from .backward import block_step
from .build import BATCH, call, entry, kernel, leaf
from .context import DONE, FIRST, N_SAMPLES, STOP, TICKET, n_rows_of
from .memory import FLUSH, atomic_add, atomic_load, atomic_store, compare_exchange, exchange_float_control, give_way, pause
from .optimizer import GRADIENT

FIELD, PHASES = (1 << 24) - 1, (1 << 15) - 1
SPINS = 1 << 8  # looks at a word, before another program may have the core
PATIENCE = 1 << 14  # looks at the ticket before a helper goes back to Python


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
    c.results[task] = value
    if c.n_threads > 1:
        atomic_add(c.control + DONE, 1)


@leaf("ccii->d", manners=(BATCH,))
def work_stretch(view, c, first, n):
    """n samples from place `first` of the order on, there and back; returns the sum of their losses."""
    view.panel, view.mask = c.panel, c.mask  # this thread's
    call(c.gather, view, first, n)
    call(c.forward, view, first, n, c.n_layers - 1, 0)
    value = call(c.loss_and_delta, view, n, first, c.factors[1])
    call(c.backward, view, n)
    return value


@kernel
def _stretches(c, phase):
    task = _claim(c, phase)
    while task >= 0:
        start, n = task * c.stretch, c.control[N_SAMPLES]
        view, n = c.views + task * c.n_words * 8, min(c.stretch, n - start)
        _finish(c, task, call(c.work_stretch, view, c, c.control[FIRST] + start, n))
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
                    _finish(c, mine, block_step(c, k, e, i, min(rows, width - i), c.control[N_SAMPLES], c.factors[0]))
                    mine = _claim(c, phase)
                place += 1


@kernel
def share(c, kind, n):
    """Have n tasks done: samples where kind is 0, else blocks of weights; returns the sum of their results."""
    ticket = c.control + TICKET
    phase = (ticket[0] >> 48) + 1
    phase = (phase if phase & 1 == kind else phase + 1) & PHASES
    atomic_store(c.control + DONE, 0)
    atomic_store(ticket, phase << 48 | n << 24)
    if kind == 0:
        _stretches(c, phase)
    else:
        _blocks(c, phase)
    if c.n_threads > 1:
        looks = 0
        while atomic_load(c.control + DONE) < n:
            looks += 1
            if looks % SPINS == 0:
                give_way()
            pause()
    total = 0.0
    for i in range(n):
        total += c.results[i]
    return total


@entry("cw->i")
def serve(c, control):
    """Work along as another thread, whose record is c; returns 1 when the run has ended, 0 where nothing comes for a while.

    Until something comes, c is not read.
    """
    state = exchange_float_control(-1)
    exchange_float_control(state | FLUSH)
    idle, stopped = 0, 0
    while idle < PATIENCE and stopped == 0:
        t = atomic_load(control + TICKET)
        if t & FIELD < t >> 24 & FIELD:
            idle = 0
            if t >> 48 & 1 == 0:
                _stretches(c, t >> 48)
            else:
                _blocks(c, t >> 48)
        idle += 1
        if idle % SPINS == 0:
            give_way()
        stopped = atomic_load(control + STOP)
        pause()
    exchange_float_control(state)
    return stopped
