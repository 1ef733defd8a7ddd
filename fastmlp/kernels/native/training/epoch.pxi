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


cdef double rate_of_batch(Context *c, int64_t batch) noexcept nogil:
    """The learning rate of a batch of this epoch, between the two knots that enclose it (rates.py)."""
    cdef int64_t knots = c.run.rates_per_epoch, last = c.n_rates - 1
    cdef int64_t at = batch * knots, first = at // <int64_t>c.n_batches
    cdef double part = <double>(at - first * <int64_t>c.n_batches) / <double>c.n_batches
    first += c.run.epoch * knots
    cdef double low = c.rates[first if first < last else last]
    return low + (c.rates[first + 1 if first < last else last] - low) * part


cdef inline double rate_of(Context *c, int64_t batch) noexcept nogil:
    """The learning rate of a batch of this epoch; the last rate serves all later epochs."""
    cdef Run *run = c.run
    if run.rates_per_epoch > 1:
        return rate_of_batch(c, batch)
    return c.rates[run.epoch if run.epoch < <int64_t>c.n_rates else <int64_t>c.n_rates - 1]


cdef inline bint tiny_sum_finite(Context *c) noexcept nogil:
    """TINY: whether the sum of all parameters and of the optimizer's state is finite; then all of them are."""
    cdef size i, k, n = padded(c.net.n_params) // LANES
    cdef const vec *numbers = <const vec *>c.flat
    cdef vec total = numbers[0]
    for i in range(1, n):
        total = total + numbers[i]
    for k in range(c.n_states):
        numbers = <const vec *>c.flat_state[k]
        for i in range(n):
            total = total + numbers[i]
    return vec_finite(total)


cdef bint stays_finite(Context *c) noexcept nogil:
    """Whether parameters and the optimizer's state are finite. A step that ruins them may show in no later loss."""
    cdef size k, i, n
    cdef LayerWork *work
    if c.run.optimizer == GRADIENT:
        return True
    if c.run.regime == TINY:
        n = padded(c.net.n_params)
        for i in range(c.n_states):
            if not finite_real(c.flat_state[i], n):
                return False
        return finite_real(c.flat, n)
    for k in range(c.net.n_layers):
        work = &c.work[k]
        if c.net.layers[k].frozen:
            continue
        if not finite_real(work.W, work.rows * work.ld):
            return False
        for i in range(c.n_states):
            if not finite_real(work.S[i], work.rows * work.ld):
                return False
    return True


cdef inline void begin_epoch(Context *c) noexcept nogil:
    cdef Run *run = c.run
    cdef size i
    cdef double rate = rate_of(c, 0)
    if run.shuffle and c.bitgen != NULL:
        shuffle_order(c.bitgen, c.order, run.n_samples)
    if run.regime == TINY:
        for i in range(padded(c.net.n_params) // LANES):
            (<vec *>c.flat_backup)[i] = (<vec *>c.flat)[i]
    else:
        memcpy(c.backup, c.net.params, c.net.n_params * sizeof(real))
    c.step_holds = c.step_holds and rate == run.learning_rate
    run.learning_rate = rate
    run.loss_sum = 0
    c.begun = True


cdef void diverge(Context *c) noexcept nogil:
    """Put the parameters of the epoch's start back, and stop."""
    memcpy(c.net.params, c.flat_backup if c.run.regime == TINY else c.backup, c.net.n_params * sizeof(real))
    load_working(c)
    c.begun = False
    c.run.status = DIVERGED


cdef inline void end_batch(Context *c, double loss, size m) noexcept nogil:
    """Count the step; at the epoch's end, write the history and decide whether to go on."""
    cdef Run *run = c.run
    cdef double rate
    if not isfinite(loss):
        diverge(c)
        return
    run.step += 1
    run.batch += 1
    run.loss_sum += loss * m if run.average else loss
    if run.batch < <int64_t>c.n_batches:
        if run.rates_per_epoch > 1:
            rate = rate_of_batch(c, run.batch)
            c.step_holds = c.step_holds and rate == run.learning_rate
            run.learning_rate = rate
        return
    if run.regime == ONLINE:
        online_flush(c)
    if not (run.regime == TINY and tiny_sum_finite(c)) and not stays_finite(c):
        run.step -= 1                         # this step does not count
        run.batch -= 1
        diverge(c)
        return
    end_epoch(c)
    if run.status == RUNNING:
        if run.regime != TINY:
            store_params(c)
        begin_epoch(c)


cdef inline void end_epoch(Context *c) noexcept nogil:
    """Write the history and decide whether to go on: the status stays RUNNING, or says why not."""
    cdef Run *run = c.run
    cdef double loss = run.loss_sum / run.n_samples if run.average else run.loss_sum
    c.losses[run.epoch] = loss
    run.epoch += 1
    run.batch = 0
    c.begun = False
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
