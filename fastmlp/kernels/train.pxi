# The training loop: epochs, shuffles, stops. All threads run `batch_loop` in step; thread 0 alone
# shuffles, keeps the history and decides.

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
    """Fisher-Yates from the end, in place: the stream and result of RandomState.shuffle."""
    cdef size i, j
    for i in range(n - 1, 0, -1):
        j = random_interval(g, i)
        order[i], order[j] = order[j], order[i]


cdef void begin_epoch(Context *c) noexcept nogil:
    cdef Run *run = c.run
    if run.shuffle and c.bitgen != NULL:
        shuffle_order(c.bitgen, c.order, run.n_samples)
    memcpy(c.backup, c.params, c.n_params * sizeof(real))
    run.learning_rate = c.rates[run.epoch if run.epoch < <int64_t>c.n_rates else <int64_t>c.n_rates - 1]
    run.loss_sum = 0
    c.begun = True


cdef void end_batch(Context *c, double loss, size m) noexcept nogil:
    """Count the step; at the epoch's end, write the history and decide whether to go on."""
    cdef Run *run = c.run
    if not isfinite(loss):
        if run.regime == TINY:
            memcpy(c.flat, c.backup, c.n_params * sizeof(real))
        memcpy(c.params, c.backup, c.n_params * sizeof(real))
        load_working(c)
        c.begun = False
        run.status = DIVERGED
        return
    run.step += 1
    run.batch += 1
    run.loss_sum += loss * m if run.average else loss
    if run.batch < <int64_t>c.n_batches:
        return
    if run.regime == ONLINE:
        online_flush(c)
    loss = run.loss_sum / run.n_samples if run.average else run.loss_sum
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
    else:
        store_params(c)
        begin_epoch(c)


cdef void batch_loop(Context *c, size thread, int32_t *sense) noexcept nogil:
    """Steps until the budget is used up or there is a reason to return; every thread runs this."""
    cdef Run *run = c.run
    cdef int64_t budget = run.budget
    cdef size start, m, n = run.n_samples
    cdef size batch = run.batch, n_batches = c.n_batches
    cdef double loss
    while budget > 0:
        start = batch * run.batch_size
        m = n - start if n - start < <size>run.batch_size else <size>run.batch_size
        loss = batch_step(c, thread, sense, start, m)
        budget -= 1
        batch += 1
        if thread == 0:
            end_batch(c, loss, m)
        # Within an epoch nobody waits: what end_batch changes (the step count) is first read behind the next
        # step's first barrier. The loss is the same everywhere, so all agree on where to meet.
        if batch == n_batches or not isfinite(loss):
            barrier(c, sense)
            batch = 0
            if run.status != RUNNING:
                return


cdef void serial_loop(Context *c) noexcept nogil:
    """The same for the one-thread regimes, ONLINE and TINY."""
    cdef Run *run = c.run
    cdef int64_t budget = run.budget
    cdef size start, m, n = run.n_samples
    cdef double loss
    cdef bint gathered = False
    cdef bint whole = run.batch_size >= run.n_samples and not run.shuffle
    while budget > 0:
        start = run.batch * run.batch_size
        m = n - start if n - start < <size>run.batch_size else <size>run.batch_size
        if run.regime == ONLINE:
            loss = online_step(c, start)
        else:
            loss = tiny_step(c, start, m, not (whole and gathered))
            gathered = True
        budget -= 1
        end_batch(c, loss, m)
        if run.status != RUNNING:
            return


cdef void train_slice(Context *c) noexcept nogil:
    """Thread 0's part of one call: take the parameters over, run, hand them back."""
    cdef unsigned int control = fm_flush_denormals()
    cdef Run *run = c.run
    cdef int32_t sense = c.sense
    run.status = RUNNING
    if not c.begun and run.epoch < run.n_epochs:
        begin_epoch(c)
    load_working(c)
    if run.epoch >= run.n_epochs:
        run.status = FINISHED
    elif run.regime == BATCH:
        if c.n_threads > 1:
            fm_add(&c.generation, 1)          # the crew starts with us
        batch_loop(c, 0, &sense)
    else:
        if run.regime == ONLINE:
            online_begin(c)
        serial_loop(c)
        if run.regime == ONLINE:
            online_flush(c)
    if run.status != DIVERGED:
        store_working(c)
    fm_restore_denormals(control)


cdef void work_slices(Context *c, size thread) noexcept nogil:
    """A crew member's life: wait for a slice, run it in step with the others, until dismissed."""
    cdef unsigned int control = fm_flush_denormals()
    cdef int32_t seen = 0, sense, waits
    while True:
        waits = 0
        while fm_load(&c.generation) == seen and not fm_load(&c.dismissed):
            waits += 1
            if waits < 2000:
                fm_pause()
            elif waits < 4000:
                fm_yield()
            else:
                fm_sleep()
        if fm_load(&c.dismissed):
            break
        seen += 1
        sense = fm_load(&c.sense)
        batch_loop(c, thread, &sense)
    fm_restore_denormals(control)
