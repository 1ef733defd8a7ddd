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


cdef enum:
    MERSENNE_WORDS = 624
    WORDS = 64                # drawn at a time

cdef struct Mersenne:         # the state of NumPy's MT19937, where `seek_mersenne` finds that it is laid out like this
    uint32_t key[MERSENNE_WORDS]
    int pos                   # the word that comes next; behind the last, all are made anew

cdef uint32_t (*mersenne_next)(void *) noexcept nogil      # such a generator's next_uint32
cdef bint mersenne_sought = False


cdef int seek_mersenne() except -1:
    """Look whether MT19937 lies in memory as we know it, which NumPy does not promise."""
    global mersenne_next, mersenne_sought
    from numpy.random import MT19937
    generator = MT19937(1)
    generator.random_raw(3)                   # so that words are made, and some of them drawn
    cdef bitgen_t *g = <bitgen_t *>PyCapsule_GetPointer(generator.capsule, "BitGenerator")
    cdef Mersenne *state = <Mersenne *>g.state
    cdef size end = <char *>state - <char *><void *>generator + sizeof(Mersenne)
    if <size>sizeof(Mersenne) <= end <= <size>generator.__sizeof__():        # within the object
        known = generator.state["state"]
        if known["pos"] == state.pos and bytes(known["key"]) == (<const char *>state.key)[:4 * MERSENNE_WORDS]:
            mersenne_next = g.next_uint32
    mersenne_sought = True
    return 0


cdef bitgen_t *generator_of(object random_state) except NULL:
    if not mersenne_sought:
        seek_mersenne()
    return <bitgen_t *>PyCapsule_GetPointer(random_state._bit_generator.capsule, "BitGenerator")


cdef inline size next_words(bitgen_t *g, uint32_t *words) noexcept nogil:
    """The generator's next words, WORDS at most; return how many. A word by a call takes three times as long."""
    cdef Mersenne *state = <Mersenne *>g.state
    cdef size i, n
    cdef uint32_t y
    if g.next_uint32 != mersenne_next or state.pos >= MERSENNE_WORDS:
        words[0] = g.next_uint32(g.state)
        return 1
    n = MERSENNE_WORDS - state.pos
    n = n if n < WORDS else WORDS
    for i in range(n):
        y = state.key[state.pos + i]
        y ^= y >> 11
        y ^= y << 7 & 0x9d2c5680u
        y ^= y << 15 & 0xefc60000u
        words[i] = y ^ y >> 18
    state.pos += <int>n
    return n


cdef void shuffle_order(bitgen_t *g, int64_t *order, size n) noexcept nogil:
    """Fisher-Yates from the end, in place: the stream and result of RandomState.shuffle.

    A draw that is rejected swaps an element with itself instead of branching: which ones are cannot be predicted.
    """
    cdef size i = n - 1, j, half, next = 0, drawn = 0
    cdef uint32_t mask = 0xffffffffu, value
    cdef uint32_t words[WORDS]
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
            if unlikely(next == drawn):
                drawn = next_words(g, words)
                next = 0
            value = words[next] & mask
            next += 1
            j = <size>value if <size>value <= i else i
            at = order[i]
            order[i] = order[j]
            order[j] = at
            i -= <size>value <= i
    if next < drawn:                          # what is left was not drawn
        (<Mersenne *>g.state).pos -= <int>(drawn - next)


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
