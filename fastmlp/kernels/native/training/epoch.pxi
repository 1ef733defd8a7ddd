# The training loop: epochs, shuffles, history, stops.

cdef inline uint64_t random_interval(bitgen_t *g, uint64_t top) noexcept nogil:
    """A uniform integer in [0, top], as RandomState.shuffle draws it (masked rejection)."""
    cdef uint64_t mask = top, value
    if top == 0:
        return 0
    mask |= mask >> 1
    mask |= mask >> 2
    mask |= mask >> 4
    mask |= mask >> 8
    mask |= mask >> 16
    mask |= mask >> 32
    while True:
        value = (g.next_uint32(g.state) if top <= 0xffffffffu else g.next_uint64(g.state)) & mask
        if value <= top:
            return value


cdef void shuffle_order(bitgen_t *g, int64_t *order, size n) noexcept nogil:
    """Fisher-Yates from the end, in place: the stream and result of RandomState.shuffle.

    A draw that is rejected swaps an element with itself instead of branching: which ones are cannot be predicted.
    """
    cdef size i = n - 1, j, half
    cdef uint32_t mask = 0xffffffffu, value
    cdef int64_t at
    while i > 0 and <uint64_t>i >> 32:
        j = random_interval(g, i)
        order[i], order[j] = order[j], order[i]
        i -= 1
    while i > 0:
        while mask >> 1 >= <uint32_t>i:
            mask >>= 1
        half = mask >> 1
        while i > half:                       # the same mask serves the draws for all of these
            value = g.next_uint32(g.state) & mask
            j = <size>value if <size>value <= i else i
            at = order[i]
            order[i] = order[j]
            order[j] = at
            i -= <size>value <= i


cdef double rate_of_batch(Job *job, int64_t batch) noexcept nogil:
    """The learning rate of a batch of this epoch, between the two knots that enclose it (rates.py)."""
    cdef int64_t knots = job.run.rates_per_epoch, last = job.n_rates - 1
    cdef int64_t at = batch * knots, first = at // <int64_t>job.n_batches
    cdef double part = <double>(at - first * <int64_t>job.n_batches) / <double>job.n_batches
    first += job.run.epoch * knots
    cdef double low = job.rates[first if first < last else last]
    return low + (job.rates[first + 1 if first < last else last] - low) * part


cdef inline double rate_of(Job *job, int64_t batch) noexcept nogil:
    """The learning rate of a batch of this epoch; the last rate serves all later epochs."""
    cdef Run *run = job.run
    if run.rates_per_epoch > 1:
        return rate_of_batch(job, batch)
    return job.rates[run.epoch if run.epoch < <int64_t>job.n_rates else <int64_t>job.n_rates - 1]


cdef inline void begin_epoch(Job *job) noexcept nogil:
    """Shuffle, and set the rate; the regime remembers the parameters."""
    cdef Run *run = job.run
    if run.shuffle and job.bitgen != NULL:
        shuffle_order(job.bitgen, job.order, run.n_samples)
    run.learning_rate = rate_of(job, 0)
    run.loss_sum = 0
    job.begun = True


cdef void diverge(Job *job, Action restore) noexcept nogil:
    """Put the parameters of the epoch's start back, and stop."""
    restore(job)
    job.begun = False
    job.run.status = DIVERGED


cdef inline void end_batch(Job *job, double loss, size m, Question finite, Action keep, Action restore) noexcept nogil:
    """Count the step; at the epoch's end, write the history and decide whether to go on.

    finite : brings parameters and the optimizer's state up to date, and says whether all of them are finite: a step
        that ruins them may show in no later loss
    keep : remembers the parameters of an epoch's start
    restore : gives them back

    These are the regime's. They are named where this is called, and inlined there: an epoch of the smallest nets takes
    50 ns.
    """
    cdef Run *run = job.run
    if not isfinite(loss):
        diverge(job, restore)
        return
    run.step += 1
    run.batch += 1
    run.loss_sum += loss * m if run.average else loss
    if run.batch < <int64_t>job.n_batches:
        if run.rates_per_epoch > 1:
            run.learning_rate = rate_of_batch(job, run.batch)
        return
    if not finite(job):
        run.step -= 1                         # this step does not count
        run.batch -= 1
        diverge(job, restore)
        return
    end_epoch(job)
    if run.status == RUNNING:
        begin_epoch(job)
        keep(job)


cdef inline void end_epoch(Job *job) noexcept nogil:
    """Write the history and decide whether to go on: the status stays RUNNING, or says why not."""
    cdef Run *run = job.run
    cdef double loss = run.loss_sum / run.n_samples if run.average else run.loss_sum
    job.losses[run.epoch] = loss
    run.epoch += 1
    run.batch = 0
    job.begun = False
    if loss > run.best_loss - run.tol:
        run.no_improvement += 1
    else:
        run.no_improvement = 0
    if loss < run.best_loss:
        run.best_loss = loss
    if run.no_improvement > run.n_iter_no_change:
        run.status = STALLED
    elif run.epoch >= run.n_epochs:
        run.status = FINISHED
    elif run.stop_each_epoch:
        run.status = EPOCH_END
