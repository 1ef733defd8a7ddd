# One call of `train`: take parameters over, run until there is a reason to return, hand them back.

cdef void serial_loop(Context *c) noexcept nogil:
    """Steps of the one-thread regimes, ONLINE and TINY, until the budget is used up or there is a reason to stop."""
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
    cdef bint fresh = not c.begun             # what Python may have changed since the last call is taken in
    run.status = RUNNING
    load_working(c)
    if not c.begun and run.epoch < run.n_epochs:
        begin_epoch(c)
    if run.epoch >= run.n_epochs:
        run.status = FINISHED
    elif run.regime == BATCH:
        c.left = run.budget
        if 0 < c.batch_at < c.batch_samples:  # the other threads start with us
            open_samples(c)
        else:
            open_batch(c)
        take_part(c, 0)
    else:
        if run.regime == ONLINE and fresh:
            online_begin(c)
        serial_loop(c)
    if run.regime == TINY:
        memcpy(c.backup, c.flat_backup, c.net.n_params * sizeof(real))
    if run.status != DIVERGED:
        store_working(c)
    fm_restore_denormals(control)


cdef void settle(Context *c) noexcept nogil:
    """Bring parameters and state up to date where a run ends between two calls.

    Not at each call's end: where that is depends on the clock, and rows that are brought up to date in two parts
    round otherwise than in one.
    """
    cdef unsigned int control
    if c.run.regime == ONLINE and c.begun and c.run.status == RUNNING:
        control = fm_flush_denormals()
        load_working(c)
        online_flush(c)
        store_working(c)
        fm_restore_denormals(control)
